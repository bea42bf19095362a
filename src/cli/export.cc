// spendsync-backup export <type> <date> [point_in_time] --format F --output PATH
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/condition.h"
#include "base/scratch_directory.h"
#include "cli/exit_code.h"
#include "cli/new_file.h"
#include "cli/sandbox.h"
#include "cli/service_user.h"
#include "postgres/installation.h"
#include "restore/export_streams.h"
#include "restore/shell_word.h"
#include "restore/target_directory.h"
#include "restore/target_surroundings.h"

namespace spendsync::cli {
namespace {

using restore::shell_word;

constexpr const char* kStandardOutput = "-";

bool is_dump(const ExportOptions& options) { return options.format == "sql" || options.format == "custom"; }

Error wrong(const std::string& message, const std::string& hint) {
  return Error(ErrorKind::invalid, message).with_hint(hint);
}

/// What makes no sense is told before anything is read.
Result<void> check_options(const ExportOptions& options, bool json) {
  const bool one = !options.database.empty();
  if (is_dump(options) && !one && !options.all_databases) {
    return wrong("--format " + options.format + " needs to know which database",
                 "say --database NAME, or "
                 "--all-databases with --format sql");
  }
  if (options.all_databases && options.format != "sql") {
    return wrong("--all-databases is written as SQL alone", "say --format sql, or one --database at a time");
  }
  const bool narrowed = one || options.schema_only || options.data_only;
  if (!is_dump(options) && narrowed) {
    return wrong("--format " + options.format +
                     " is the whole cluster: --database, --schema-only and --data-only "
                     "choose from a dump",
                 "say --format sql or --format custom");
  }
  if (options.output != kStandardOutput) return ok();
  if (options.format == "directory") return wrong("a directory cannot go to standard output", "say --output DIR");
  if (json) return wrong("--json and the export cannot share standard output", "say --output FILE");
  const bool binary = options.format != "sql";
  if (binary && ::isatty(STDOUT_FILENO) != 0) {
    return wrong("standard output is a terminal", "redirect it, or say --output FILE");
  }
  return ok();
}

restore::LogicalExport dump_of(const ExportOptions& options) {
  return {.database = options.database,
          .tables = options.tables,
          .schemas = options.schemas,
          .custom_format = options.format == "custom",
          .schema_only = options.schema_only,
          .data_only = options.data_only};
}

/// People's lines: they keep out of the way of an export that goes to standard output.
class Told {
 public:
  Told(const Process& process, bool to_stderr) : process_(process), to_stderr_(to_stderr) {}
  void line(const std::string& text) const {
    if (!to_stderr_) return process_.output.line(text);
    if (!process_.global.quiet) std::fputs((text + "\n").c_str(), stderr);
  }
  void fact(std::string_view name, const std::string& value) const { line(fmt::format("  {:<13} {}", name, value)); }

 private:
  const Process& process_;
  bool to_stderr_;
};

std::string what_of(const ExportOptions& options) {
  if (!is_dump(options)) return "the data directory";
  if (options.all_databases) return "all databases";
  std::string what;
  for (const auto& table : options.tables) what += (what.empty() ? "table " : ", ") + table;
  for (const auto& schema : options.schemas) what += (what.empty() ? "schema " : ", schema ") + schema;
  return what.empty() ? "database " + options.database : what + " of database " + options.database;
}

/// What to type next: where the export becomes a database again.
std::string next_command(const ExportOptions& options, const std::string& bin_directory) {
  const auto file = shell_word(options.output);
  if (options.format == "tar") {
    return fmt::format("mkdir copy && tar -xf {} -C copy && {}/pg_ctl -D copy/data start", file, bin_directory);
  }
  if (options.format == "custom") return fmt::format("pg_restore -d {} {}", shell_word(options.database), file);
  return fmt::format("psql -d {} -f {}", options.all_databases ? "postgres" : shell_word(options.database), file);
}

void tell_moment(const Told& told, const restore::RestoreReport& report) {
  told.fact("as of", report.target);
  if (report.recovery && report.recovery->last_commit) {
    told.fact("last commit", format_utc(*report.recovery->last_commit));
  }
}

Json fields_of(const ExportOptions& options, const restore::RestoreReport& report) {
  Json json;
  json.set("format", options.format).set("output", options.output).set("backup", report.backup);
  json.set("target", report.target).set("reached", format_utc(report.reached));
  const bool committed = report.recovery && report.recovery->last_commit;
  return json.set("last_commit", committed ? Json(format_utc(*report.recovery->last_commit)) : Json());
}

double seconds_since(const Clock& clock, std::chrono::nanoseconds begun) {
  return std::chrono::duration<double>(clock.monotonic() - begun).count();
}

// ---- a plain data directory

Result<int> export_directory(const Process& process, Wiring& wiring, const ExportOptions& options) {
  const auto& zone = wiring.config().schedules.timezone;
  auto words = request_words(options.selection);
  words.database_only = true;
  const auto request = TRY(restore::parse_request(words, zone));
  auto prepare = prepare_settings(wiring);
  prepare.target = TRY(absolute_path(options.output));
  const auto chosen = TRY(choose_restore(process, wiring, options.selection, request, prepare));
  auto directory = TRY(ScratchDirectory::create("/tmp", "ssb-restore-"));
  const auto program = TRY(reachable_program(directory.path()));
  auto settings = TRY(execute_settings(wiring, options.selection, program));
  const auto broker = TRY(provide_escrow_key(process, wiring, options.selection, directory.path(), settings));
  auto progress = process.output.progress("export");
  const auto report = TRY(restore::execute_restore(*chosen.repository, chosen.plan, settings, *progress, process.stop));
  progress->finish();
  return print_report(process, report, zone, restore::to_json(report, zone), "export");
}

// ---- one stream

/// A tar is written beside the copy that it is made of.
Result<void> check_tar_space(const restore::RestorePlan& plan, const std::string& output) {
  const auto slash = output.find_last_of('/');
  const auto place = slash == std::string::npos ? std::string(".") : slash == 0 ? "/" : output.substr(0, slash);
  struct stat there {};
  if (::stat(place.c_str(), &there) != 0) return Error::from_errno(errno, "cannot look at " + place);
  uint64_t needed = plan.write_bytes;
  for (const auto& need : plan.space) {
    struct stat status {};
    if (::stat(need.path.c_str(), &status) == 0 && status.st_dev == there.st_dev) needed += need.needed;
  }
  const uint64_t free = TRY(free_bytes(place));
  if (needed <= free) return ok();
  return Error(ErrorKind::refused, fmt::format("{} has {} free, the copy and its tar need {}", place,
                                               format_bytes(free), format_bytes(needed)))
      .with_condition(Condition::no_space_for_restore)
      .with_hint("choose another --output or --work-directory, or pipe it away with --output -");
}

class StreamExport {
 public:
  StreamExport(const Process& process, Wiring& wiring, const ExportOptions& options)
      : process_(process),
        wiring_(wiring),
        options_(options),
        to_stdout_(options.output == kStandardOutput),
        told_(process, to_stdout_) {}

  Result<int> run() {
    const auto begun = process_.clock.monotonic();
    TRY(open_output());
    const SandboxSettings settings{options_.work_directory, options_.format == "tar"};
    auto sandbox = TRY(plan_sandbox(process_, wiring_, options_.selection, settings));
    TRY(check_before(sandbox.plan));
    told_.line(fmt::format("recovering {} to {} in the sandbox {}", sandbox.plan.target.backup.label.text(),
                           restore::describe_target(sandbox.plan.target), sandbox.directory->path()));
    auto progress = process_.output.progress("export");
    TRY(recover_in(sandbox, process_, wiring_, options_.selection, settings, *progress));
    progress->begin_phase("writing", 0, 0);
    const auto warnings = TRY(write(*sandbox.cluster));
    if (file_) bytes_ = TRY(file_->finish());
    progress->finish();
    return report(*sandbox.cluster, warnings, seconds_since(process_.clock, begun));
  }

 private:
  /// Found out before the recovery, not after it.
  Result<void> open_output() {
    if (to_stdout_) return ok();
    path_ = TRY(absolute_path(options_.output));
    const auto place = TRY(restore::normalize_target(path_));
    TRY(restore::check_surroundings(place, wiring_.store().description()));
    auto file = UnfinishedFile::create(path_);
    if (!file && file.error().is(ErrorKind::denied)) {
      return std::move(file).error().with_hint(
          "the program runs as the owner of the data directory: choose a place "
          "where that user may write, or pipe it with --output -");
    }
    auto opened = TRY(std::move(file));
    file_.emplace(std::move(opened));
    return ok();
  }

  Result<void> check_before(const restore::RestorePlan& plan) const {
    if (options_.format == "tar") return to_stdout_ ? ok() : check_tar_space(plan, path_);
    const int major = plan.target.backup.major_version;
    auto bin = TRY(postgres::find_bin_directory(major, wiring_.config().database.bin_directory.value_or("")));
    return restore::check_dump_program(bin, major, dump_of(options_));
  }

  Result<std::vector<std::string>> write(restore::RecoveredCluster& cluster) {
    const int output = file_ ? file_->descriptor() : STDOUT_FILENO;
    if (options_.format == "tar") return restore::write_tar(cluster, output, process_.stop);
    TRY(cluster.start(known_roles(wiring_), process_.stop));
    return restore::write_dump(cluster, dump_of(options_), output, process_.stop);
  }

  int report(const restore::RecoveredCluster& cluster, const std::vector<std::string>& warnings, double seconds) {
    const auto& restored = cluster.report();
    const auto duration = format_duration(std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6)));
    told_.line(fmt::format("exported {} from {} in {}", what_of(options_), restored.backup, duration));
    tell_moment(told_, restored);
    if (file_) told_.fact("file", fmt::format("{}, {}", options_.output, format_bytes(bytes_)));
    for (const auto& what : restored.unusable) told_.fact("unusable", what);
    for (const auto& warning : warnings) told_.fact("warning", warning);
    for (const auto& note : notes(cluster)) told_.fact("note", note);
    if (file_) told_.fact("next", next_command(options_, cluster.bin_directory()));
    auto fields = fields_of(options_, restored);
    fields.set("bytes", bytes_).set("duration_seconds", seconds);
    const int code = restored.unusable.empty() ? kDone : kIncomplete;
    process_.output.summary("export", std::move(fields), code);
    return code;
  }

  std::vector<std::string> notes(const restore::RecoveredCluster& cluster) const {
    std::vector<std::string> notes;
    for (const auto& warning : cluster.report().notes) {
      if (warning.find("checksum") != std::string::npos) notes.push_back(warning);
    }
    if (options_.format == "tar" && !cluster.report().tablespaces.empty()) {
      notes.emplace_back(
          "the links in data/pg_tblspc are relative: they hold wherever it is unpacked; make them "
          "absolute before pg_basebackup is used on it");
    }
    if (!options_.tables.empty() && !options_.data_only) {
      notes.emplace_back("where the table still exists, rename it first: its definition is in the export");
    }
    return notes;
  }

  const Process& process_;
  Wiring& wiring_;
  const ExportOptions& options_;
  bool to_stdout_;
  Told told_;
  std::string path_;
  std::optional<UnfinishedFile> file_;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<int> run_export(const Process& process, const ExportOptions& options) {
  TRY(check_options(options, process.global.json));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::restores));
  wiring->limit_rates({.download = options.selection.throttle.value_or(0)});
  if (options.format == "directory") return export_directory(process, *wiring, options);
  return StreamExport(process, *wiring, options).run();
}

}  // namespace spendsync::cli
