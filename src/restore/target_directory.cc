#include "restore/target_directory.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/condition.h"
#include "base/process_identity.h"
#include "base/time.h"
#include "postgres/control_file.h"
#include "postgres/server_process.h"
#include "postgres/wal/segment_check.h"

namespace spendsync::restore {

namespace {

constexpr mode_t kPrivate = 0700;
constexpr mode_t kGroupReadable = 0750;  // initdb --allow-group-access
constexpr std::chrono::seconds kOrphanGrace(30);

Error not_usable(const std::string& path, const std::string& why) {
  return Error(ErrorKind::refused, fmt::format("{} {}", path, why))
      .with_condition(Condition::target_not_usable)
      .with_hint("a restore goes to a directory that is empty or does not exist: choose one with --target DIR");
}

/// Refuses what is no directory of ours. False: not there.
Result<bool> check_directory(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return Error::from_errno(errno, "cannot look at " + path);
  }
  if (S_ISLNK(status.st_mode)) return not_usable(path, "is a symbolic link");
  if (!S_ISDIR(status.st_mode)) return not_usable(path, "is no directory");
  if (status.st_uid != ::geteuid())
    return not_usable(path, fmt::format("belongs to another user (uid {})", status.st_uid));
  return true;
}

struct Marker {
  std::string plan_id;
  std::optional<SystemIdentifier> system_identifier;
};
Result<Marker> parse_marker(const std::string& path) {
  auto text = TRY(read_text_file(path));
  auto json = TRY(Json::parse(text));
  Marker marker;
  marker.plan_id = TRY(json.text("plan_id"));
  auto identifier = json.text("system_identifier");
  if (identifier) marker.system_identifier = TRY(SystemIdentifier::parse(*identifier));
  return marker;
}

/// What a restore may find of its own before it has written anything.
bool is_own_file(const std::string& name) {
  return name == repository::kUnfinishedMarker || name == repository::kInPlaceFile;
}

}  // namespace

Result<void> stop_orphan(const std::string& data, Log& log, std::stop_token stop) {
  auto text = TRY(read_text_file(data + "/postmaster.pid"));
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  std::error_code ignored;
  auto working_directory = std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", pid), ignored);
  if (pid <= 1 || working_directory != std::filesystem::path(data)) {
    return not_usable(data, "is in use by a running server")
        .with_hint("stop it, or choose another place with --target DIR");
  }
  log.warning("stopping the server that an interrupted restore left running",
              {{"pid", std::to_string(pid)}, {"directory", data}});
  if (::kill(pid, SIGQUIT) != 0 && errno != ESRCH)
    return Error::from_errno(errno, fmt::format("cannot stop process {}", pid));
  SystemClock clock;
  auto deadline = clock.monotonic() + kOrphanGrace;
  while (::kill(pid, 0) == 0) {
    if (clock.monotonic() > deadline) return Error(ErrorKind::conflict, fmt::format("process {} does not stop", pid));
    TRY(clock.sleep_for(std::chrono::milliseconds(50), stop));
  }
  return {};
}

Result<TargetDirectory> TargetDirectory::claim(Settings settings, Log& log, std::stop_token stop) {
  TargetDirectory target(std::move(settings));
  TRY(target.check_tablespaces());
  if (target.settings_.rewrite && !exists(target.marker_path())) {
    TRY(target.check_data_directory());
    TRY(target.check_stopped());
  }
  TRY(target.open_directory());
  TRY(target.read_marker());
  if (target.taken_up_) TRY(target.take_up(log, stop));
  TRY(target.check_beside(log));
  TRY(target.write_marker());
  return target;
}

Result<void> TargetDirectory::check(const Settings& settings) {
  TargetDirectory target(settings);
  TRY(target.check_tablespaces());
  TRY(check_directory(target.claimed_directory()));
  if (!settings.rewrite || exists(target.marker_path())) return {};
  TRY(target.check_data_directory());
  const auto& window = settings.paths.window;
  bool there = TRY(check_directory(window));
  if (!there) return {};
  auto names = TRY(list_directory(window));
  return names.empty() ? Result<void>() : not_usable(window, "is not empty");
}

Result<void> TargetDirectory::open_directory() {
  const auto& path = claimed_directory();
  mode_t mode = settings_.group_access ? kGroupReadable : kPrivate;
  bool there = TRY(check_directory(path));
  if (!there) {
    TRY(make_directories(path, mode));
    there = TRY(check_directory(path));
  }
  if (::chmod(path.c_str(), mode) != 0) return Error::from_errno(errno, "cannot set the mode of " + path);
  return {};
}

/// Before anything is made.
Result<void> TargetDirectory::check_tablespaces() const {
  for (const auto& path : settings_.tablespaces) TRY(check_directory(path));
  auto marker = parse_marker(marker_path());
  bool filled_by_this_plan = marker && marker->plan_id == settings_.plan_id;
  for (const auto& tablespace : settings_.chosen_tablespaces) {
    bool there = TRY(check_directory(tablespace.location));
    if (there && !filled_by_this_plan) TRY(check_chosen_tablespace(tablespace));
  }
  return {};
}

Result<void> TargetDirectory::check_chosen_tablespace(const PlannedTablespace& tablespace) const {
  const auto& path = tablespace.location;
  auto names = TRY(list_directory(path));
  if (names.empty()) return {};
  if (settings_.rewrite) {
    bool own = TRY(is_own_tablespace(settings_.paths.data, tablespace, settings_.original_tablespaces));
    if (own) return {};
  }
  return Error(ErrorKind::refused, fmt::format("{} is not empty (it holds {})", path, names.front()))
      .with_hint(
          "a tablespace goes to a directory that is empty or does not exist: choose one with --tablespace "
          "OLD=NEW");
}

/// What --delta may rewrite.
Result<void> TargetDirectory::check_data_directory() const {
  const auto& path = settings_.paths.data;
  bool there = TRY(check_directory(path));
  if (!there || !exists(path + "/PG_VERSION")) {
    return Error(ErrorKind::refused, fmt::format("{} is no data directory of PostgreSQL", path))
        .with_hint("--delta rewrites one that exists: leave it out to restore into a new directory");
  }
  auto found = TRY(identify_data_directory(path));
  if (found == settings_.system_identifier) return {};
  return Error(ErrorKind::refused, fmt::format("{} is of the cluster with system identifier {}, the backup of {}", path,
                                               found.to_string(), settings_.system_identifier.to_string()))
      .with_hint("--delta rewrites a directory of the same cluster only");
}

Result<void> TargetDirectory::check_stopped() const {
  bool running = TRY(postgres::is_running(settings_.paths.data));
  if (!running) return {};
  return Error(ErrorKind::refused, fmt::format("a server runs on {}", settings_.paths.data))
      .with_condition(Condition::server_running)
      .with_hint("stop it first");
}

/// Looks whether the place is empty, or claimed by this very plan and by no live restore.
Result<void> TargetDirectory::read_marker() {
  const auto& path = claimed_directory();
  auto marker = open_file(marker_path(), O_RDWR | O_NOFOLLOW);
  if (!marker) {
    if (!marker.error().is(ErrorKind::not_found)) return std::move(marker).error();
    return settings_.rewrite ? Result<void>() : check_unmarked();
  }
  if (::flock(marker->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "cannot lock " + marker_path());
    return Error(ErrorKind::conflict, fmt::format("another restore is writing {}", path));
  }
  auto found = parse_marker(marker_path());
  // A marker that was cut by a crash was written before anything else was: it may be anybody's, but nothing is here.
  auto names = TRY(list_directory(path));
  bool alone = std::ranges::all_of(names, is_own_file);
  bool ours = found && found->plan_id == settings_.plan_id;
  if (settings_.rewrite) ours = ours || (found && found->system_identifier == settings_.system_identifier);
  if (!alone && !ours) {
    return not_usable(path, fmt::format("holds an unfinished restore of another plan ({})",
                                        found ? found->plan_id : std::string("unreadable")));
  }
  marker_ = std::move(*marker);
  taken_up_ = true;
  return {};
}

Result<void> TargetDirectory::check_unmarked() const {
  const auto& path = claimed_directory();
  if (settings_.database) {
    bool running = TRY(postgres::is_running(path));
    if (running) {
      return Error(ErrorKind::refused, path + " is the data directory of a running server")
          .with_condition(Condition::server_running)
          .with_hint("stop that server first, or choose another directory with --target DIR");
    }
  }
  auto names = TRY(list_directory(path));
  if (!names.empty()) return not_usable(path, fmt::format("is not empty (it holds {})", names.front()));
  return {};
}

/// The database's files stay: what is right is not written again. Captured files are few and come anew.
Result<void> TargetDirectory::take_up(Log& log, std::stop_token stop) {
  const auto& path = claimed_directory();
  if (settings_.database) {
    bool running = TRY(postgres::is_running(path));
    if (running) TRY(stop_orphan(path, log, stop));
  } else {
    auto names = TRY(list_directory(path));
    PrivilegedRestores captured_files_may_belong_to_others;
    for (const auto& name : names) {
      if (name != repository::kUnfinishedMarker) TRY(remove_tree(path + "/" + name));
    }
    return {};
  }
  for (const auto* beside : {&settings_.paths.files, &settings_.paths.window}) {
    bool there = TRY(check_directory(*beside));
    PrivilegedRestores captured_files_may_belong_to_others;
    if (there) TRY(remove_tree(*beside));
  }
  return {};
}

Result<void> TargetDirectory::check_beside(Log& log) const {
  std::vector<std::string> places{settings_.paths.files, settings_.paths.window};
  if (!holds_files()) places.push_back(settings_.paths.tablespaces);
  for (const auto& beside : places) {
    if (beside == claimed_directory()) continue;
    bool there = TRY(check_directory(beside));
    if (!there) continue;
    auto names = TRY(list_directory(beside));
    if (!names.empty() && settings_.rewrite && beside == settings_.paths.files) {
      auto kept = fmt::format("{}.before-{}", beside, format_compact_utc(SystemClock().now()));
      if (::rename(beside.c_str(), kept.c_str()) != 0) return Error::from_errno(errno, "cannot rename " + beside);
      log.info("the captured files of an earlier restore are kept", {{"directory", kept}});
      continue;
    }
    if (!names.empty()) return not_usable(beside, "is not empty");
    if (::rmdir(beside.c_str()) != 0) return Error::from_errno(errno, "cannot replace " + beside);
  }
  return {};
}

Result<void> TargetDirectory::write_marker() {
  if (!marker_) {
    marker_ = TRY(open_file(marker_path(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (::flock(marker_.get(), LOCK_EX | LOCK_NB) != 0) return Error::from_errno(errno, "cannot lock " + marker_path());
  }
  Json json = Json::object();
  json.set("plan_id", settings_.plan_id)
      .set("system_identifier", settings_.system_identifier.to_string())
      .set("what", "an unfinished restore; run the same restore again, or remove this directory");
  auto text = json.dump() + "\n";
  if (::ftruncate(marker_.get(), 0) != 0) return Error::from_errno(errno, "cannot write " + marker_path());
  TRY(write_at(marker_, 0, as_bytes(text), marker_path()));
  TRY(sync_file(marker_, marker_path()));
  return sync_directory(claimed_directory());
}

Result<void> TargetDirectory::make_directory(const std::string& path) const {
  if (path == claimed_directory()) return {};
  return make_directories(path, kPrivate);
}

Result<void> TargetDirectory::finish() {
  if (::unlink(marker_path().c_str()) != 0) return Error::from_errno(errno, "cannot remove " + marker_path());
  TRY(sync_directory(claimed_directory()));
  return marker_.close();
}

Result<SystemIdentifier> identify_data_directory(const std::string& data_directory) {
  auto control = postgres::read_control_file(data_directory);
  if (control) return control->control.system_identifier;
  constexpr size_t kHeaderBytes = 64;      // a long page header has 40
  constexpr size_t kSegmentNameSize = 24;  // digits
  auto directory = data_directory + "/pg_wal";
  auto names = list_directory(directory);
  if (names) {
    std::ranges::reverse(*names);  // the newest first
    for (const auto& name : *names) {
      if (name.size() != kSegmentNameSize) continue;
      auto file = open_file(directory + "/" + name, O_RDONLY | O_NONBLOCK);
      if (!file) continue;
      Bytes bytes(kHeaderBytes);
      auto size = read_at(*file, 0, bytes, name);
      if (!size) continue;
      auto header = postgres::read_segment_header(ByteView(bytes).first(*size));
      if (header) return header->system_identifier;
    }
  }
  return Error(ErrorKind::refused,
               fmt::format("it cannot be told which cluster {} is of: {}", data_directory, control.error().message()))
      .with_hint("move it elsewhere and restore into a new directory");
}

// ---- paths

bool lies_within(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

Result<std::string> normalize_target(const std::string& path) {
  if (path.find_first_of("\n\r\\") != std::string::npos) {
    return Error(ErrorKind::refused, "a target directory may hold neither line ends nor backslashes in its path");
  }
  std::error_code failed;
  auto absolute = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (failed || path.empty()) return Error(ErrorKind::invalid, fmt::format("\"{}\" is no path", path));
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  if (absolute == "/") return Error(ErrorKind::refused, "the root directory is no target");
  return absolute;
}

Result<std::string> default_target(const std::string& parent, const std::string& label, Timestamp now,
                                   const std::string& plan_id) {
  auto base = TRY(normalize_target(parent));
  auto fresh = fmt::format("{}/{}-{}/data", base, label, format_compact_utc(now));
  if (!exists(base)) return fresh;
  auto names = TRY(list_directory(base));
  std::ranges::reverse(names);  // the newest first
  for (const auto& name : names) {
    if (!name.starts_with(label + "-")) continue;
    for (const char* place : {"data", "data.files"}) {
      auto directory = fmt::format("{}/{}/{}", base, name, place);
      auto marker = open_file(fmt::format("{}/{}", directory, repository::kUnfinishedMarker), O_RDWR | O_NOFOLLOW);
      if (!marker || ::flock(marker->get(), LOCK_EX | LOCK_NB) != 0) continue;
      auto found = parse_marker(fmt::format("{}/{}", directory, repository::kUnfinishedMarker));
      if (found && found->plan_id == plan_id) return fmt::format("{}/{}/data", base, name);
    }
  }
  if (!exists(fresh)) return fresh;
  for (int i = 2;; ++i) {
    auto next = fmt::format("{}/{}-{}.{}/data", base, label, format_compact_utc(now), i);
    if (!exists(next)) return next;
  }
}

}  // namespace spendsync::restore
