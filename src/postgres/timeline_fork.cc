#include "postgres/timeline_fork.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/scratch_directory.h"
#include "postgres/control_file.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {

namespace {

constexpr std::chrono::seconds kTimeout(3600);
constexpr size_t kHistoryMax = 1u << 20;
constexpr int kArchiveLibrarySince = 15;

Result<int> read_major(const std::string& data_directory) {
  auto text = TRY(read_text_file(data_directory + "/PG_VERSION", 64));
  return std::atoi(text.c_str());
}

/// Removed with the server's recovery, and by hand where that did not come to its end.
Result<void> remove_signal(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return Error::from_errno(errno, "cannot remove " + path);
}

/// Set on the server's command line: no file of the operator's is changed.
std::map<std::string, std::string> recovery_settings(const TimelineForkSettings& settings, int major,
                                                     const std::string& histories) {
  auto effective = settings.server_settings;
  effective["restore_command"] = fmt::format("test -f '{0}/%f' && cp '{0}/%f' '%p'", histories);
  effective["recovery_target_timeline"] = "current";
  effective["recovery_target_action"] = "promote";
  for (const char* name :
       {"recovery_target", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn", "recovery_target_name",
        "recovery_end_command", "archive_cleanup_command", "primary_conninfo"}) {
    effective[name] = "";
  }
  effective["recovery_min_apply_delay"] = "0";
  effective["hot_standby"] = "off";  // "ready" then means: recovered
  // The new history file is to be archived, but not by this server and not before it is known.
  effective["archive_command"] = "/bin/false";
  if (major >= kArchiveLibrarySince) effective["archive_library"] = "";
  return effective;
}

Result<void> recover(const TimelineForkSettings& settings, const std::string& directory, std::stop_token stop) {
  auto major = TRY(read_major(settings.data_directory));
  auto histories = directory + "/histories";
  TRY(make_directories(histories, 0700));
  for (const auto& [timeline, text] : settings.used) {
    TRY(replace_file(histories + "/" + timeline.to_hex() + ".history", as_bytes(text), 0600));
  }
  auto server = TRY(ServerProcess::start({.bin_directory = settings.bin_directory,
                                          .data_directory = settings.data_directory,
                                          .socket_directory = directory + "/socket",
                                          .settings = recovery_settings(settings, major, histories),
                                          .log_file = directory + "/log"}));
  TRY(server.wait_until_ready(kTimeout, stop));
  return server.stop(ServerProcess::StopMode::fast, kTimeout);
}

}  // namespace

Result<TimelineFork> fork_timeline(const TimelineForkSettings& settings, std::stop_token stop) {
  auto directory = TRY(ScratchDirectory::create("/tmp", "ssb-timeline"));
  auto before = TRY(read_control_file(settings.data_directory));
  auto signal = settings.data_directory + "/recovery.signal";
  TRY(replace_file(signal, {}, 0600));
  auto recovered = recover(settings, directory.path(), stop);
  TRY(remove_signal(signal));
  if (!recovered) return std::move(recovered).error().with_context("recovering onto a new timeline");

  auto after = TRY(read_control_file(settings.data_directory));
  TimelineFork fork{after.control.timeline, {}};
  if (fork.timeline <= before.control.timeline || settings.used.contains(fork.timeline)) {
    return Error(ErrorKind::internal, fmt::format("the server went from timeline {} to {}, which was used already",
                                                  before.control.timeline.value, fork.timeline.value));
  }
  fork.history =
      TRY(read_text_file(settings.data_directory + "/pg_wal/" + fork.timeline.to_hex() + ".history", kHistoryMax));
  return fork;
}

}  // namespace spendsync::postgres
