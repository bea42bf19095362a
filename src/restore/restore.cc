#include "restore/restore.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/subprocess.h"
#include "postgres/installation.h"
#include "repository/marks.h"
#include "repository/rollback.h"
#include "restore/finished_restore.h"
#include "restore/shell_word.h"
#include "restore/target_surroundings.h"

namespace spendsync::restore {

namespace {

constexpr std::chrono::seconds kStartTimeout(3600);  // pg_ctl's own limit is given to it as well

/// The copy must not archive into the original's repository, where its history would mislead later recoveries (A7).
std::vector<std::pair<std::string, std::string>> auto_conf_of(const RestorePlan& plan, const ExecuteSettings& settings,
                                                              const ReplayLimits& limits) {
  std::vector<std::pair<std::string, std::string>> lines;
  if (!plan.in_place) lines.emplace_back("archive_mode", "off");
  if (plan.ending != Ending::before_recovery) {
    lines.insert(lines.end(), limits.raised.begin(), limits.raised.end());
    return lines;
  }
  lines.insert(lines.end(), limits.needed.begin(), limits.needed.end());
  auto recovery = postgres::recovery_settings(
      plan.target.recovery,
      restore_command({settings.program, settings.configuration, repository::kWalPlanFile, settings.program_options}));
  lines.insert(lines.end(), recovery.begin(), recovery.end());
  return lines;
}

/// One execution, step by step.
class Execution {
 public:
  Execution(repository::Repository& repository, const RestorePlan& plan, const ExecuteSettings& settings,
            Progress& progress, std::stop_token stop)
      : repository_(repository),
        plan_(plan),
        settings_(settings),
        progress_(progress),
        stop_(std::move(stop)),
        archive_(repository, {}) {}

  Result<void> foresee() {
    TRY(check());
    return TargetDirectory::check(claim_settings());
  }

  Result<RestoreReport> run() {
    auto begun = clock().monotonic();
    TRY(check());
    if (plan_.existing == Existing::refused && is_finished(plan_)) return tell_finished();
    auto target = TRY(claim());
    WorkerGroup reading(stop_);  // beside the files: it reads all WAL up to the target
    if (plan_.restores_database()) {
      reading.spawn("replay-limits", [this](std::stop_token inner) -> Result<void> {
        report_.limits = TRY(find_replay_limits(archive_, plan_, repository_.log(), std::move(inner)));
        return {};
      });
    }
    TRY(restore_files(target));
    TRY(reading.join());
    if (plan_.restores_database()) TRY(write_limits());
    report_.files_duration = clock().monotonic() - begun;
    if (plan_.restores_database() && plan_.ending != Ending::before_recovery) TRY(recover(target));
    TRY(remove_tree(plan_.paths.window));
    if (settings_.put_back) {
      auto lines = TRY_CONTEXT(settings_.put_back(), "putting captured files back");
      report_.notes.insert(report_.notes.end(), lines.begin(), lines.end());
      if (!exists(plan_.paths.files)) report_.files_directory.clear();
    }
    if (report_.recovery && !plan_.in_place) TRY(remember_finished(plan_));
    TRY(target.finish());
    if (plan_.ending == Ending::started && plan_.restores_database()) TRY(start());
    report_.duration = clock().monotonic() - begun;
    return std::move(report_);
  }

 private:
  /// A run that was killed when all was done had no time to say so.
  Result<RestoreReport> tell_finished() {
    add_notes();
    report_.notes.emplace_back("the same restore came to its end here before: nothing was written now");
    if (plan_.restores_files() && exists(plan_.paths.files)) report_.files_directory = plan_.paths.files;
    if (plan_.ending == Ending::started) TRY(start());
    return std::move(report_);
  }

  Result<void> check() {
    report_.plan_id = plan_.id;
    report_.backup = plan_.target.backup.label.text();
    report_.scope = plan_.scope;
    report_.ending = plan_.ending;
    report_.reached = plan_.target.reached;
    report_.target = describe_target(plan_.target);
    report_.notes = plan_.warnings;
    if (plan_.restores_files()) report_.missing = plan_.target.backup.incomplete;
    TRY(check_space(plan_));
    TRY(check_beside());
    if (!plan_.restores_database()) return {};
    report_.data_directory = plan_.paths.data;
    report_.tablespaces = plan_.tablespaces;
    auto found = postgres::find_bin_directory(plan_.target.backup.major_version, settings_.bin_directory);
    if (!found && plan_.ending != Ending::before_recovery) {
      return std::move(found).error().with_context("recovery needs PostgreSQL's programs");
    }
    if (found) bin_directory_ = *found;
    if (::geteuid() == 0 && plan_.ending != Ending::before_recovery) {
      return Error(ErrorKind::refused, "PostgreSQL does not run as root, so a restore cannot recover as root")
          .with_hint("run as the user that shall own the data directory");
    }
    return {};
  }

  /// Found out before the first byte, not after the last.
  Result<void> check_beside() const {
    bool files = plan_.restores_files() && !plan_.target.backup.captured_sets.empty();
    bool tablespaces =
        !plan_.in_place && std::ranges::any_of(plan_.tablespaces, [](const auto& place) { return !place.chosen; });
    if ((!files && !tablespaces) || plan_.paths.beside_is_writable()) return {};
    return Error(ErrorKind::refused, fmt::format("{} cannot be made: the directory above belongs to another user",
                                                 files ? plan_.paths.files : plan_.paths.tablespaces))
        .with_hint(files && !tablespaces ? "choose another --target, or restore with --database-only"
                                         : "choose another --target, or places with --tablespace OLD=NEW");
  }

  TargetDirectory::Settings claim_settings() const {
    auto mode = plan_.target.backup.server_settings.find("data_directory_mode");
    bool group_access = mode != plan_.target.backup.server_settings.end() && mode->second == "0750";
    return {.paths = plan_.paths,
            .plan_id = plan_.resume_id,
            .database = plan_.restores_database(),
            .group_access = group_access,
            .tablespaces = original_places(),
            .chosen_tablespaces = chosen_tablespaces(),
            .original_tablespaces = original_tablespaces(),
            .rewrite = plan_.existing == Existing::rewritten,
            .system_identifier = plan_.system_identifier};
  }

  Result<TargetDirectory> claim() {
    auto target = TRY(TargetDirectory::claim(claim_settings(), repository_.log(), stop_));
    if (target.taken_up() && !plan_.in_place)
      report_.notes.push_back("an interrupted restore of the same plan was begun again");
    return target;
  }

  std::vector<std::string> original_places() const {
    std::vector<std::string> paths;
    for (const auto& tablespace : plan_.tablespaces) {
      if (!tablespace.chosen && plan_.in_place) paths.push_back(tablespace.location);
    }
    return paths;
  }

  std::vector<PlannedTablespace> chosen_tablespaces() const {
    std::vector<PlannedTablespace> chosen;
    std::ranges::copy_if(plan_.tablespaces, std::back_inserter(chosen), &PlannedTablespace::chosen);
    return chosen;
  }

  OriginalTablespaces original_tablespaces() const {
    OriginalTablespaces original{{}, plan_.original};
    for (const auto& tablespace : plan_.tablespaces) original.locations.push_back(tablespace.source);
    return original;
  }

  Result<void> restore_files(const TargetDirectory& target) {
    progress_.begin_phase("restoring",
                          plan_.restores_database() ? plan_.target.backup.source_bytes : plan_.write_bytes);
    auto reader = TRY(repository::BackupReader::open(repository_, plan_.target.backup.label));
    DataRestore restore(*reader, archive_, plan_, target,
                        {.workers = settings_.workers,
                         .auto_conf = auto_conf_of(plan_, settings_, {}),
                         .make_configuration = settings_.make_configuration},
                        progress_);
    report_.data = TRY(restore.run(stop_));
    if (report_.data.captured.files > 0 || (plan_.restores_files() && !plan_.target.backup.captured_sets.empty())) {
      report_.files_directory = plan_.paths.files;
    }
    add_notes();
    return {};
  }

  /// Without them the copy would not start where prepared transactions are left, nor replay with its own settings.
  Result<void> write_limits() {
    TRY(postgres::rewrite_auto_conf(plan_.paths.data, auto_conf_of(plan_, settings_, report_.limits)));
    for (const auto& [name, value] : report_.limits.raised) {
      report_.notes.push_back(
          fmt::format("{} = {} was put into postgresql.auto.conf: it was raised after the backup", name, value));
    }
    return {};
  }

  void add_notes() {
    auto& notes = report_.notes;
    for (const auto& file : report_.data.made) {
      notes.push_back(fmt::format("{} was not in the data directory: it was made from {}", file.name, file.origin));
      for (const auto& change : file.changes) notes.push_back(fmt::format("{}: {}", file.name, change));
    }
    const auto& captured = report_.data.captured;
    if (captured.other_owner > 0) {
      notes.push_back(
          fmt::format("{} captured files could not get their owner back, the first is {}: restore as root for that",
                      captured.other_owner, captured.first_other_owner));
    }
    if (captured.special_bits > 0)
      notes.push_back(
          fmt::format("{} captured files lost set-id or sticky bits: restore as root for that", captured.special_bits));
    if (report_.data.special_bits > 0) {
      notes.push_back(
          fmt::format("{} entries of the data directory lost set-id or sticky bits, which PostgreSQL does "
                      "not need: chmod g+s where other programs do",
                      report_.data.special_bits));
    }
    if (captured.attributes_lost > 0)
      notes.push_back(fmt::format("{} extended attributes could not be set", captured.attributes_lost));
    if (!plan_.restores_database()) return;
    if (!plan_.in_place) {
      notes.emplace_back(
          "archive_mode is off in this copy: when it takes over, ALTER SYSTEM RESET archive_mode and restart");
    }
    notes.emplace_back(
        "replication slots are not part of a backup: standbys and subscribers need theirs made again");  // R14
    auto pg_ctl = bin_directory_.empty() ? std::string("pg_ctl") : bin_directory_ + "/pg_ctl";
    report_.start_command = fmt::format("{} -D {} start", shell_word(pg_ctl), shell_word(plan_.paths.data));
    if (plan_.ending == Ending::before_recovery) {
      notes.push_back("not recovered yet: the first start replays WAL to " + describe_target(plan_.target));
    }
  }

  Result<void> recover(const TargetDirectory& target) {
    TRY(target.make_directory(plan_.paths.window));
    Recovery recovery(
        {.bin_directory = bin_directory_,
         .command = {settings_.program, settings_.configuration, repository::kWalPlanFile, settings_.program_options},
         .limits = report_.limits},
        plan_, archive_, clock(), repository_.log(), progress_);
    report_.recovery = TRY_CONTEXT(recovery.run(plan_.paths.window, stop_), "recovering " + plan_.paths.data);
    report_.unusable = report_.recovery->unusable;
    if (!report_.recovery->unchecked.empty()) {
      report_.notes.push_back("whether every database can be opened was not looked at: " + report_.recovery->unchecked);
    }
    return {};
  }

  /// As an operator would, with the directory's own configuration.
  Result<void> start() {
    progress_.begin_phase("starting", 0);
    Command command;
    command.arguments = {bin_directory_ + "/pg_ctl",
                         "-D",
                         plan_.paths.data,
                         "-l",
                         plan_.paths.data + "/restore-start.log",
                         "-w",
                         "-t",
                         std::to_string(kStartTimeout.count()),
                         "start"};
    auto started = run_checked(command, stop_, kStartTimeout);
    if (!started) {
      return std::move(started)
          .error()
          .with_context("starting the recovered server")
          .with_hint(fmt::format("it is recovered and stopped; its log is {}/restore-start.log", plan_.paths.data));
    }
    report_.running = true;
    return {};
  }

  const Clock& clock() const { return repository_.clock(); }

  repository::Repository& repository_;
  const RestorePlan& plan_;
  const ExecuteSettings& settings_;
  Progress& progress_;
  std::stop_token stop_;
  repository::WalArchive archive_;
  std::string bin_directory_;
  RestoreReport report_;
};

}  // namespace

namespace {

bool is_same_place(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  if (::stat(one.c_str(), &a) != 0 || ::stat(other.c_str(), &b) != 0) return one == other;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Its WAL would be lost: only a restore in place saves that first.
Result<void> check_not_original(const std::string& target, const PrepareSettings& settings) {
  if (settings.in_place || settings.existing != Existing::rewritten || !settings.original) return {};
  auto original = TRY(normalize_target(*settings.original));
  if (!is_same_place(target, original)) return {};
  return Error(ErrorKind::refused, target + " is the original data directory")
      .with_hint("say --in-place --delta: its WAL is then saved first");
}

/// Replay writes where its records say. At the original place what lies there is moved aside before.
Result<void> look_outside(repository::WalArchive& archive, wal::WalCoverage& wal, RestorePlan& plan,
                          std::stop_token stop) {
  TRY(check_places(plan));
  plan.new_tablespaces = TRY(find_new_tablespaces(archive, plan, std::move(stop)));
  if (plan.in_place) return {};
  return refuse_new_tablespaces(plan, wal);
}

}  // namespace

Result<RestorePlan> prepare_restore(repository::Repository& repository, const RestoreRequest& request,
                                    const PrepareSettings& settings, std::stop_token stop) {
  auto catalog = TRY(repository::Catalog::load(repository, stop));
  const auto verdicts = TRY(repository::read_verdicts(repository, stop));
  auto inventory = wal::read_inventory(catalog, verdicts);
  inventory.went_back = TRY(repository::find_rollback(repository));
  repository::WalArchive archive(repository, {});
  auto wal = TRY(wal::WalCoverage::load(archive, repository.identity(), stop, settings.server_wal));
  TargetResolution resolution(
      {.zone = settings.zone,
       .look_again = [&]() -> Result<void> {
         constexpr std::chrono::milliseconds kMoment{500};
         TRY(repository.clock().sleep_for(kMoment, stop));
         wal = TRY(wal::WalCoverage::load(archive, repository.identity(), stop, settings.server_wal));
         return ok();
       },
       .expired_wal = [&] { return repository::read_wal_tombstones(repository, stop); }},
      inventory, wal, stop);
  auto target = TRY(resolution.resolve(request));
  PlanSettings planning{RestorePaths::of("/"), request.scope,     request.ending, settings.tablespaces,
                        settings.existing,     settings.in_place, settings.aside};
  planning.original = settings.original;
  if (settings.target) {
    auto path = TRY(normalize_target(*settings.target));
    TRY(check_not_original(path, settings));
    planning.paths = RestorePaths::of(path);
    planning.asked_target = path;
    auto plan = TRY(make_plan(repository, wal, std::move(target), planning));
    TRY(look_outside(archive, wal, plan, stop));
    return plan;
  }
  // The default place is named after the time, unless an interrupted restore of this very plan lies there.
  auto preliminary = TRY(make_plan(repository, wal, target, planning));
  auto path = TRY(default_target(settings.target_directory, target.backup.label.text(), repository.clock().now(),
                                 preliminary.resume_id));
  planning.paths = RestorePaths::of(path);
  auto plan = TRY(make_plan(repository, wal, std::move(target), planning));
  TRY(look_outside(archive, wal, plan, stop));
  return plan;
}

Result<void> check_restore(repository::Repository& repository, const RestorePlan& plan, const ExecuteSettings& settings,
                           Progress& progress, std::stop_token stop) {
  return Execution(repository, plan, settings, progress, std::move(stop)).foresee();
}

Result<RestoreReport> execute_restore(repository::Repository& repository, const RestorePlan& plan,
                                      const ExecuteSettings& settings, Progress& progress, std::stop_token stop) {
  return Execution(repository, plan, settings, progress, std::move(stop)).run();
}

// ---- telling it

std::vector<std::string> to_lines(const RestoreReport& report, const TimeZone& zone) {
  auto fact = [](std::string_view name, const std::string& value) { return fmt::format("  {:<13} {}", name, value); };
  auto micro = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time);
  };
  std::vector<std::string> lines;
  lines.push_back(fmt::format("restored {} in {}", report.backup, format_duration(micro(report.duration))));
  if (!report.data_directory.empty()) lines.push_back(fact("data", report.data_directory));
  for (const auto& tablespace : report.tablespaces) {
    lines.push_back(fact("tablespace", fmt::format("{} in {}", tablespace.oid, tablespace.location)));
  }
  if (!report.files_directory.empty()) {
    lines.push_back(fact("files", fmt::format("{}, {} captured", report.files_directory, report.data.captured.files)));
  }
  uint64_t kept = report.data.bytes - std::min(report.data.bytes, report.data.written);
  lines.push_back(
      fact("written", fmt::format("{} in {}{}", format_bytes(report.data.written + report.data.captured.bytes),
                                  format_duration(micro(report.files_duration)),
                                  kept == 0 ? "" : fmt::format(", {} was there already", format_bytes(kept)))));
  if (report.data.removed > 0) {
    lines.push_back(fact("removed", fmt::format("{} entries that the backup does not have", report.data.removed)));
  }
  if (report.recovery) {
    const auto& recovery = *report.recovery;
    lines.push_back(fact("recovered to", report.target));
    if (recovery.stopped_because != "at " + report.target)
      lines.push_back(fact("replay ended", recovery.stopped_because));
    lines.push_back(fact("last commit", recovery.last_commit ? fmt::format("{} ({})", format_utc(*recovery.last_commit),
                                                                           zone.format_local(*recovery.last_commit))
                                                             : std::string("none after the backup's end")));
    lines.push_back(fact("replayed", fmt::format("to {} in {}", recovery.replayed_until.to_string(),
                                                 format_duration(micro(recovery.duration)))));
    lines.push_back(fact("timeline", fmt::format("{}", recovery.timeline.value)));
  }
  for (const auto& missing : report.missing) lines.push_back(fact("not inside", missing));
  for (const auto& what : report.unusable) lines.push_back(fact("unusable", what));
  for (const auto& note : report.notes) lines.push_back(fact("note", note));
  if (report.running) lines.push_back(fact("running", "yes"));
  if (!report.running && !report.start_command.empty()) lines.push_back(fact("start it with", report.start_command));
  return lines;
}

Json to_json(const RestoreReport& report, const TimeZone& zone) {
  auto seconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  Json json = Json::object();
  json.set("plan_id", report.plan_id)
      .set("backup", report.backup)
      .set("data_directory", report.data_directory.empty() ? Json() : Json(report.data_directory))
      .set("files_directory", report.files_directory.empty() ? Json() : Json(report.files_directory))
      .set("target", report.target)
      .set("reached", format_utc(report.reached))
      .set("reached_local", zone.format_local(report.reached))
      .set("files", report.data.files)
      .set("bytes", report.data.bytes)
      .set("written_bytes", report.data.written)
      .set("removed", report.data.removed)
      .set("captured_files", report.data.captured.files)
      .set("captured_bytes", report.data.captured.bytes)
      .set("files_seconds", seconds(report.files_duration))
      .set("duration_seconds", seconds(report.duration))
      .set("running", report.running)
      .set("start_command", report.start_command.empty() ? Json() : Json(report.start_command));
  Json recovery;
  if (report.recovery) {
    recovery = Json::object();
    recovery.set("timeline", report.recovery->timeline.value)
        .set("last_commit", report.recovery->last_commit ? Json(format_utc(*report.recovery->last_commit)) : Json())
        .set("replayed_until", report.recovery->replayed_until.to_string())
        .set("stopped", report.recovery->stopped_because)
        .set("duration_seconds", seconds(report.recovery->duration));
  }
  json.set("recovery", std::move(recovery));
  Json notes = Json::array();
  for (const auto& note : report.notes) notes.push(note);
  json.set("notes", std::move(notes));
  Json missing = Json::array();
  for (const auto& what : report.missing) missing.push(what);
  json.set("missing", std::move(missing));
  Json unusable = Json::array();
  for (const auto& what : report.unusable) unusable.push(what);
  json.set("unusable", std::move(unusable));
  return json;
}

}  // namespace spendsync::restore
