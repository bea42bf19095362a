#include "restore/recovery.h"

#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/condition.h"
#include "base/file.h"
#include "base/scratch_directory.h"
#include "base/time.h"
#include "postgres/control_file.h"
#include "postgres/server_process.h"
#include "postgres/startup_process.h"
#include "restore/recovered_databases.h"
#include "wal/failure.h"
#include "wal/window.h"

namespace spendsync::restore {

using postgres::RecoveryOutcome;
using postgres::RecoveryTarget;
using postgres::ServerProcess;

namespace {

constexpr std::chrono::milliseconds kFollowInterval(100);
constexpr std::chrono::seconds kReportInterval(10);
constexpr std::chrono::hours kConsistencyTimeout(24 * 365);  // none: progress is shown, and Ctrl-C works
constexpr int kPort = 5432;                                  // only names the socket
constexpr int kSyncMethodSince = 14;
constexpr uint32_t kShutDown = 1;  // pg_control.h: DB_SHUTDOWNED

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else if (c == '%') {
      quoted += "%%";  // xlogarchive.c, BuildRestoreCommand
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string setting(const repository::ManifestSummary& backup, const std::string& name) {
  auto found = backup.server_settings.find(name);
  return found == backup.server_settings.end() ? std::string() : found->second;
}

std::string describe(const RecoveryOutcome& outcome) {
  auto at = outcome.stop_time ? ", time " + format_utc(*outcome.stop_time) : std::string();
  std::string_view what = outcome.stop_at_commit ? "commit" : "abort";
  switch (outcome.stop) {
    case RecoveryOutcome::Stop::none:
      return "at the end of WAL";
    case RecoveryOutcome::Stop::before_transaction:
      return fmt::format("before the {} of transaction {}{}", what, outcome.transaction, at);
    case RecoveryOutcome::Stop::after_transaction:
      return fmt::format("after the {} of transaction {}{}", what, outcome.transaction, at);
    case RecoveryOutcome::Stop::before_lsn:
      return "before the position asked for";
    case RecoveryOutcome::Stop::after_lsn:
      return "after the position asked for";
    case RecoveryOutcome::Stop::restore_point:
      return fmt::format("at restore point {}{}", outcome.restore_point, at);
    case RecoveryOutcome::Stop::consistency:
      return "as soon as it was consistent";
  }
  return "";
}

/// The server and, once it lets us in, a session.
struct Session {
  std::optional<postgres::Connection> connection;
  int refusals = 0;
};

}  // namespace

std::string restore_command(const RestoreCommand& command) {
  std::string options;
  for (const auto& option : command.options) options += shell_quoted(option) + " ";
  return fmt::format("{} --config {} {}wal get --plan {} %f %p", shell_quoted(command.program),
                     shell_quoted(command.configuration), options, shell_quoted(command.plan));
}

std::map<std::string, std::string> recovery_server_settings(const repository::ManifestSummary& backup,
                                                            int major_version, const ReplayLimits& limits) {
  std::map<std::string, std::string> settings{
      {"archive_mode", "off"},  // a copy must not write into the archive of the original (A7)
      {"hot_standby", "on"},
      {"restart_after_crash", "off"},
      {"autovacuum", "off"},
      {"max_logical_replication_workers", "0"},  // its subscriptions would consume the original's slots
      {"shared_preload_libraries", ""},
      {"session_preload_libraries", ""},
      {"local_preload_libraries", ""},
      {"huge_pages", "off"},
      {"shared_buffers", "128MB"},
      {"max_wal_size", "4GB"},  // fewer restart points while replaying
      {"checkpoint_timeout", "30min"},
      {"log_timezone", "UTC"},
      {"TimeZone", "UTC"},
      {"cluster_name", ""},            // the startup process then says in its title what it does
      {"update_process_title", "on"},  // see postgres/startup_process.h
  };
  if (major_version >= kSyncMethodSince) settings["recovery_init_sync_method"] = "syncfs";
  for (const char* name : {"wal_level", "track_commit_timestamp"}) {
    auto value = setting(backup, name);
    if (!value.empty()) settings[name] = value;
  }
  for (const auto& [name, value] : limits.needed) settings[name] = value;
  if (setting(backup, "allow_in_place_tablespaces") == "on") settings["allow_in_place_tablespaces"] = "on";
  return settings;
}

struct Recovery::Server {
  ServerProcess process;
  Session session;
};

Result<RecoveryResult> Recovery::run(const std::string& directory, std::stop_token stop) {
  auto begun = clock_.monotonic();
  TRY(write_configuration(directory));
  ServerProcess::Settings server;
  server.bin_directory = settings_.bin_directory;
  server.data_directory = plan_.paths.data;
  server.log_file = directory + "/recovery.log";
  server.port = kPort;
  server.settings = recovery_server_settings(plan_.target.backup, plan_.target.backup.major_version, settings_.limits);
  server.settings["config_file"] = directory + "/postgresql.conf";
  server.settings["hba_file"] = directory + "/pg_hba.conf";
  server.settings["ident_file"] = directory + "/pg_ident.conf";
  for (auto& [name, value] : postgres::recovery_settings(plan_.target.recovery, restore_command(settings_.command))) {
    server.settings[name] = value;
  }
  // A socket's path holds 107 bytes: a deep target gets its socket elsewhere.
  std::optional<ScratchDirectory> elsewhere;
  server.socket_directory = directory;
  if (directory.size() + sizeof("/.s.PGSQL.5432.lock") > sizeof(sockaddr_un::sun_path)) {
    auto made = TRY(ScratchDirectory::create("/tmp", "spendsync-recovery-"));
    elsewhere.emplace(std::move(made));
    server.socket_directory = elsewhere->path();
  }

  progress_.begin_phase("recovering", plan_.target.needed_until.value -
                                          std::min(plan_.target.needed_until, plan_.target.backup.stop.lsn).value);
  auto window = wal::WalWindow::start(archive_,
                                      {.directory = plan_.paths.window,
                                       .segments = segments_to_fetch(),
                                       .segment_size = plan_.wal.segment_size,
                                       .workers = settings_.fetchers},
                                      clock_, log_, stop);
  auto process = TRY(ServerProcess::start(std::move(server)));
  Server running{std::move(process), {}};
  auto result = TRY(follow(running, stop));
  look_at_databases(running.session.connection, running.process, plan_, result, stop);
  running.session.connection.reset();
  TRY_CONTEXT(running.process.stop(ServerProcess::StopMode::fast, settings_.stop_timeout),
              "stopping the recovered server");
  TRY(clean_up());
  result.duration = clock_.monotonic() - begun;
  return result;
}

/// Everything that matters is given on the command line; these only must exist.
Result<void> Recovery::write_configuration(const std::string& directory) const {
  TRY(replace_file(directory + "/postgresql.conf", {}, 0600));
  TRY(replace_file(directory + "/pg_hba.conf", as_bytes("local all all trust\n"), 0600));
  return replace_file(directory + "/pg_ident.conf", {}, 0600);
}

/// What recovery will ask for: not the backup's own WAL, but for its last segment, which may be longer by now.
std::vector<SegmentName> Recovery::segments_to_fetch() const {
  auto names = plan_.wal.segments();
  if (plan_.wal.in_backup) {
    std::erase_if(names, [&](SegmentName name) { return name.number < plan_.wal.in_backup->last.number; });
  }
  if (plan_.wal.partial) {
    std::erase_if(names, [&](SegmentName name) { return plan_.wal.partial->contains(name); });
  }
  return names;
}

// ---- following

Result<RecoveryResult> Recovery::follow(Server& server, std::stop_token stop) {
  std::optional<postgres::RecoveryProgress> seen;
  follow_begun_ = clock_.monotonic();
  next_report_ = follow_begun_ + kReportInterval;
  auto ready = server.process.wait_until_ready(kConsistencyTimeout, stop, [&] { tell_wait(server, Lsn()); });
  if (!ready) return why_ended(std::move(ready).error());
  while (true) {
    if (auto status = server.process.poll()) {
      auto ended = server.process.wait_until_ready(std::chrono::seconds(1), stop);  // tells why
      if (!ended) return why_ended(std::move(ended).error());
    }
    if (!server.session.connection) {
      // The role of the running user may not exist in the restored cluster; then the log alone tells.
      const char* user = server.session.refusals % 2 == 0 ? "" : "postgres";
      auto opened =
          postgres::Connection::open({.connection_string = server.process.connection_string("postgres", user)});
      if (opened) {
        server.session.connection.emplace(std::move(*opened));
      } else {
        ++server.session.refusals;
      }
    }
    if (server.session.connection) {
      auto progress = postgres::read_recovery_progress(*server.session.connection);
      if (!progress) {
        server.session.connection.reset();
      } else {
        seen = *progress;
        if (progress->paused) return paused(server, progress->replayed);
        show(*progress);
        if (!progress->in_recovery) break;
      }
    } else {
      auto log = server.process.log();
      if (log && log->find("database system is ready to accept connections") != std::string::npos) break;
      if (log && postgres::pause_reason(*log)) return paused(server, Lsn());
    }
    tell_wait(server, seen ? seen->replayed : Lsn());
    TRY(clock_.sleep_for(kFollowInterval, stop));
  }
  auto log = TRY(server.process.log());
  auto outcome = postgres::parse_recovery_log(log);
  RecoveryResult result;
  result.last_commit = outcome.last_transaction;
  if (seen && seen->last_commit) result.last_commit = seen->last_commit;
  // A server that stops by position does not note the time of a commit that it stops after (recoveryStopsAfter).
  const auto& recovery = plan_.target.recovery;
  bool at_commit = recovery.kind == RecoveryTarget::Kind::lsn && plan_.target.last_commit &&
                   outcome.redo_done == recovery.lsn && recovery.lsn < plan_.target.last_commit->lsn;
  if (at_commit) result.last_commit = plan_.target.last_commit->time;
  if (outcome.redo_done) result.replayed_until = *outcome.redo_done;
  if (seen) result.replayed_until = std::max(result.replayed_until, seen->replayed);
  if (outcome.new_timeline) result.timeline = *outcome.new_timeline;
  if (seen && result.timeline.value == 0) result.timeline = seen->timeline;
  result.stopped_because = describe(outcome);
  TRY(check_result(result, outcome));
  return result;
}

/// A server whose restore_command failed says only that it did ("command not executable"); which file, and what was
/// wrong with it, `wal get` has told.
Error Recovery::why_ended(Error error) const {
  auto failure = wal::read_wal_failure(plan_.paths.window);
  if (!failure || error.is(ErrorKind::cancelled)) return error;
  return std::move(*failure).with_context("recovery cannot go on");
}

/// The server waits for somebody who would have to end it: no target of ours pauses (recovery_target_action).
Error Recovery::paused(const Server& server, Lsn replayed) const {
  auto log = server.process.log();
  auto reason = log ? postgres::pause_reason(*log) : std::nullopt;
  auto where = replayed.value == 0 ? std::string() : " at " + replayed.to_string();
  return Error(ErrorKind::internal, fmt::format("recovery has paused{} and does not go on: {}", where,
                                                reason && !reason->empty() ? *reason : "the server does not say why"))
      .with_condition(Condition::target_not_reached)
      .with_hint("its log is " + plan_.paths.window + "/recovery.log");
}

void Recovery::tell_wait(const Server& server, Lsn replayed) {
  auto activity = postgres::startup_process_activity(server.process.pid());
  auto told = wait_.observe(clock_.monotonic(), replayed, activity.value_or(""));
  if (!told) return;
  log_.warning("recovery has not moved on; this may be right, it is only told",
               {{"for", format_duration(std::chrono::duration_cast<std::chrono::microseconds>(told->since))},
                {"with", told->what}});
}

void Recovery::show(const postgres::RecoveryProgress& progress) {
  Lsn begin = plan_.target.backup.stop.lsn;
  if (progress.replayed <= begin) return;
  uint64_t bytes = progress.replayed.value - begin.value;
  if (bytes > shown_bytes_) progress_.add_bytes(bytes - shown_bytes_);
  shown_bytes_ = std::max(shown_bytes_, bytes);
  report(progress);
}

/// A bar tells how fast; this tells where: the position, the newest commit that is back, and what is left.
void Recovery::report(const postgres::RecoveryProgress& progress) {
  auto now = clock_.monotonic();
  if (now < next_report_) return;
  next_report_ = now + kReportInterval;
  Lsn end = plan_.target.needed_until;
  std::string left = "unknown";
  if (end > progress.replayed && shown_bytes_ > 0) {
    double rate = static_cast<double>(shown_bytes_) / std::chrono::duration<double>(now - follow_begun_).count();
    auto seconds = static_cast<double>(end.value - progress.replayed.value) / rate;
    left = format_duration(std::chrono::seconds(static_cast<int64_t>(seconds) + 1));
  }
  log_.info("replaying WAL", {{"replayed", progress.replayed.to_string()},
                              {"until", end.to_string()},
                              {"last_commit", progress.last_commit ? format_utc(*progress.last_commit) : "none yet"},
                              {"left", left}});
}

/// What was promised must have been reached: a recovery that ends early is no success, however cleanly it ended.
Result<void> Recovery::check_result(const RecoveryResult& result, const RecoveryOutcome& outcome) const {
  const auto& target = plan_.target;
  bool has_target = target.recovery.kind != RecoveryTarget::Kind::end_of_wal;
  if (has_target && outcome.stop == RecoveryOutcome::Stop::none) {
    return Error(ErrorKind::not_found, fmt::format("recovery ended without reaching {}", describe_target(target)))
        .with_condition(Condition::target_not_reached);
  }
  bool until_commit =
      target.recovery.kind == RecoveryTarget::Kind::end_of_wal || target.recovery.kind == RecoveryTarget::Kind::lsn;
  if (until_commit && target.last_commit && (!result.last_commit || *result.last_commit < target.last_commit->time)) {
    return Error(ErrorKind::corrupt, fmt::format("recovery ended with the commit of {}, the plan's WAL holds one of {}",
                                                 result.last_commit ? format_utc(*result.last_commit) : "none",
                                                 format_utc(target.last_commit->time)))
        .with_condition(Condition::target_not_reached);
  }
  if (target.asked && result.last_commit && *result.last_commit > *target.asked) {
    return Error(ErrorKind::internal, fmt::format("recovery went past {}: its last commit is of {}",
                                                  format_utc(*target.asked), format_utc(*result.last_commit)));
  }
  return {};
}

/// Nothing is left that would make the next start a recovery.
Result<void> Recovery::clean_up() const {
  const auto& data = plan_.paths.data;
  for (const char* name : {"recovery.signal", "standby.signal", "backup_label"}) {
    if (exists(data + "/" + name))
      return Error(ErrorKind::internal, fmt::format("{}/{} is still there after recovery", data, name));
  }
  auto control = TRY(postgres::read_control_file(data));
  if (control.control.state != kShutDown) {
    return Error(ErrorKind::internal, fmt::format("{} was not shut down cleanly after recovery", data));
  }
  // The manifest described what was restored, not what recovery made of it.
  for (const char* name : {"backup_label.old", "tablespace_map.old", "backup_manifest", repository::kWalPlanFile}) {
    if (::unlink((data + "/" + name).c_str()) != 0 && errno != ENOENT) {
      return Error::from_errno(errno, fmt::format("cannot remove {}/{}", data, name));
    }
  }
  return sync_directory(data);
}

}  // namespace spendsync::restore
