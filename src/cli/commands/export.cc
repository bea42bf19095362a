// spendsync-backup export <type> <date> [point_in_time] --format F --output PATH
#include "jobs/export.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/commands/restore_options.h"
#include "cli/process.h"
#include "cli/screen/restore_screen.h"
#include "restore/shell_word.h"

namespace spendsync::cli {
namespace {

struct ExportOptions {
  SelectionOptions selection;  // what is exported, and at which moment
  std::string format;          // directory, tar, sql or custom
  std::string output;          // "-": standard output
  std::string database;
  bool all_databases = false;
  std::vector<std::string> tables;
  std::vector<std::string> schemas;
  bool schema_only = false;
  bool data_only = false;
  std::optional<std::string> work_directory;
};

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

/// Lines for people: on standard error where the export goes to standard output.
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

jobs::ExportRequest request_of(const ExportOptions& options) {
  using Format = jobs::ExportRequest::Format;
  jobs::ExportRequest request{
      .selection = selection_of(options.selection), .dump = dump_of(options), .work_directory = options.work_directory};
  request.format = options.format == "directory" ? Format::directory
                   : options.format == "tar"     ? Format::tar
                   : options.format == "sql"     ? Format::sql
                                                 : Format::custom;
  if (options.output == kStandardOutput) {
    request.stream = STDOUT_FILENO;
  } else {
    request.output = options.output;
  }
  return request;
}

std::vector<std::string> notes_of(const ExportOptions& options, const restore::RestoreReport& restored) {
  std::vector<std::string> notes;
  for (const auto& note : restored.notes) {
    if (note.find("checksum") != std::string::npos) notes.push_back(note);
  }
  if (options.format == "tar" && !restored.tablespaces.empty()) {
    notes.emplace_back(
        "the links in data/pg_tblspc are relative: they hold wherever it is unpacked; make them "
        "absolute before pg_basebackup is used on it");
  }
  if (!options.tables.empty() && !options.data_only) {
    notes.emplace_back("where the table still exists, rename it first: its definition is in the export");
  }
  return notes;
}

int report_stream(const Process& process, const Told& told, const ExportOptions& options,
                  const jobs::ExportReport& report) {
  const auto& restored = report.restored;
  const bool to_file = options.output != kStandardOutput;
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(report.duration);
  told.line(fmt::format("exported {} from {} in {}", what_of(options), restored.backup, format_duration(duration)));
  tell_moment(told, restored);
  if (to_file) told.fact("file", fmt::format("{}, {}", options.output, format_bytes(report.bytes)));
  for (const auto& what : restored.unusable) told.fact("unusable", what);
  for (const auto& warning : report.warnings) told.fact("warning", warning);
  for (const auto& note : notes_of(options, restored)) told.fact("note", note);
  if (to_file) told.fact("next", next_command(options, report.bin_directory));
  auto fields = fields_of(options, restored);
  fields.set("bytes", report.bytes).set("duration_seconds", std::chrono::duration<double>(report.duration).count());
  const int code = restored.unusable.empty() ? kDone : kIncomplete;
  process.output.summary("export", std::move(fields), code);
  return code;
}

Result<int> run_export(const Process& process, const ExportOptions& options) {
  TRY(check_options(options, process.global.json));
  const Told told(process, options.output == kStandardOutput);
  jobs::Context context = process;
  context.remark = [&](const std::string& text) {
    if (!process.global.quiet) told.line(text);
  };
  auto wiring = TRY(Wiring::open(context, process.sources(), Wiring::Access::restores));
  wiring->limit_rates({.download = options.selection.throttle.value_or(0)});
  const auto request = request_of(options);
  auto progress = process.output.progress("export");
  if (options.format == "directory") {
    const auto& zone = wiring->config().schedules.timezone;
    const auto report = TRY(jobs::export_directory(*wiring, request, *progress));
    progress->finish();
    return finish(process.output, report, zone, restore::to_json(report, zone), "export");
  }
  const auto report = TRY(jobs::export_stream(*wiring, request, *progress));
  progress->finish();
  return report_stream(process, told, options, report);
}

std::vector<Option> what_to_export(ExportOptions& options) {
  return {
      option("--format", "FORMAT", options.format,
             "directory (a data directory), tar (one), sql (for psql) or custom (for pg_restore)")
          .only({"directory", "tar", "sql", "custom"})
          .required(),
      option("--output", "FILE", options.output, "a new file, or the directory to make; - is standard output")
          .required(),
      option("--database", "NAME", options.database, "sql, custom: the database to dump"),
      flag("--all-databases", options.all_databases, "sql: every database, with roles and tablespaces")
          .excludes({"--database"}),
      option("--table", "PATTERN", options.tables, "sql, custom: this table alone, as pg_dump takes it (repeatable)")
          .needs("--database"),
      option("--schema", "PATTERN", options.schemas, "sql, custom: this schema alone, as pg_dump takes it (repeatable)")
          .needs("--database"),
      flag("--schema-only", options.schema_only, "sql, custom: definitions without rows"),
      flag("--data-only", options.data_only, "sql, custom: rows without definitions").excludes({"--schema-only"})};
}

}  // namespace

CommandEntry export_command() {
  auto o = std::make_shared<ExportOptions>();
  CommandEntry command{
      .name = "export",
      .description = "a backup or a moment as a plain data directory, a tar, or a dump of a database or table",
      .arguments = selection_arguments(o->selection),
      .examples = {{"export --latest --format sql --database shop --output a.sql", "one database, for psql"},
                   {"export full 20240315 --format tar --output - > copy.tar", "a whole data directory as one stream"}},
      .run = [o](const Process& process) { return run_export(process, *o); }};
  for (auto& options : {target_options(o->selection), what_to_export(*o),
                        std::vector<Option>{work_directory(o->work_directory)}, running_options(o->selection)}) {
    command.options.insert(command.options.end(), options.begin(), options.end());
  }
  return command;
}

}  // namespace spendsync::cli
