#include "restore/in_place/original_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/fingerprint.h"
#include "base/process_identity.h"
#include "base/time.h"
#include "postgres/server_process.h"

namespace spendsync::restore {

namespace {

Json to_json(const InPlaceState& state) {
  Json json = Json::object();
  json.set("control", state.control)
      .set("plan", state.plan)
      .set("was_running", state.was_running)
      .set("server_options", state.server_options)
      .set("stamp", state.stamp)
      .set("moved_to", state.moved_to)
      .set("timeline", state.timeline)
      .set("restored", state.restored);
  return json;
}

Result<InPlaceState> parse_state(const std::string& path) {
  auto text = TRY(read_text_file(path));
  auto json = TRY(Json::parse(text));
  InPlaceState state;
  state.control = TRY(json.text("control"));
  state.plan = TRY(json.text("plan"));
  state.was_running = TRY(json.boolean("was_running"));
  state.server_options = TRY(json.text("server_options"));
  state.stamp = TRY(json.text("stamp"));
  state.moved_to = TRY(json.text("moved_to"));
  uint64_t timeline = TRY(json.unsigned_integer("timeline"));
  state.timeline = static_cast<uint32_t>(timeline);
  state.restored = TRY(json.boolean("restored"));
  return state;
}

/// What a server changes as soon as it runs. Empty: there is none.
std::string control_digest(const std::string& data) {
  auto content = read_file(data + "/global/pg_control");
  return content ? fingerprint(*content) : std::string();
}

std::string parent_of(const std::string& path) {
  auto parent = path.substr(0, path.find_last_of('/'));
  return parent.empty() ? "/" : parent;
}

}  // namespace

Result<OriginalPlace> OriginalPlace::look(Settings settings, const Clock& clock) {
  OriginalPlace place(std::move(settings), clock);
  auto file = place.data() + "/" + repository::kInPlaceFile;
  if (exists(file)) {
    place.state_ = TRY_CONTEXT(parse_state(file), "reading what an interrupted restore left in " + file);
    bool of_the_past = !place.unfinished() && place.state_.control != control_digest(place.data());
    if (of_the_past) {
      TRY(place.forget_state());
      place.begin_anew();
    }
  } else {
    place.begin_anew();
  }
  return place;
}

Result<void> OriginalPlace::check_staging() const {
  auto staged = data() + ".files";
  if (unfinished() || state_.restored || !exists(staged)) return {};
  auto names = TRY(list_directory(staged));
  if (names.empty()) return {};
  return Error(ErrorKind::refused, fmt::format("{} is not empty: captured files would be staged there", staged))
      .with_hint("move it elsewhere, or restore with --database-only");
}

void OriginalPlace::begin_anew() {
  state_ = {};
  const auto now = format_compact_utc(clock_->now());
  state_.stamp = now;
  for (int i = 2; is_taken(state_.stamp); ++i) state_.stamp = fmt::format("{}-{}", now, i);
}

/// By what another restore, which may have begun in the same second, has kept.
bool OriginalPlace::is_taken(const std::string& stamp) const {
  for (const char* kept : {".before-", ".files.before-", ".unarchived-wal-"}) {
    if (exists(data() + kept + stamp)) return true;
  }
  auto links = list_directory(data() + "/pg_tblspc");
  if (!links) return false;
  return std::ranges::any_of(*links, [&](const std::string& link) {
    auto names = list_directory(data() + "/pg_tblspc/" + link + "/.");
    return names && std::ranges::any_of(*names, [&](const auto& name) { return name.ends_with(".before-" + stamp); });
  });
}

bool OriginalPlace::unfinished() const { return exists(data() + "/" + repository::kUnfinishedMarker); }

// ---- moving aside

Result<void> OriginalPlace::save_state() {
  state_.control = control_digest(data());
  return save_state_in(data());
}

Result<void> OriginalPlace::save_state_in(const std::string& directory) const {
  auto text = to_json(state_).dump(true) + "\n";
  return replace_file(directory + "/" + repository::kInPlaceFile, as_bytes(text), 0600);
}

Result<void> OriginalPlace::forget_state() const {
  auto path = data() + "/" + repository::kInPlaceFile;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno(errno, "cannot remove " + path);
  return sync_directory(data());
}

Result<void> OriginalPlace::check_movable() const {
  if (!exists(data())) return {};
  PrivilegedRestores parents_may_belong_to_root;
  auto parent = parent_of(data());
  struct stat here {};
  struct stat above {};
  if (::stat(data().c_str(), &here) != 0 || ::stat(parent.c_str(), &above) != 0) {
    return Error::from_errno(errno, "cannot look at " + data());
  }
  bool mount_point = here.st_dev != above.st_dev;
  if (!mount_point && ::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return {};
  return Error(ErrorKind::refused,
               fmt::format("{} cannot be moved aside: {}", data(),
                           mount_point ? std::string("it is a mount point") : parent + " cannot be written"))
      .with_hint("--delta rewrites it where it lies");
}

Result<void> OriginalPlace::move_aside(const RestorePlan& plan) {
  PrivilegedRestores parents_may_belong_to_root;
  auto fresh = data() + ".before-" + state_.stamp;
  if (exists(fresh)) {  // of an attempt that was killed before the exchange
    auto names = TRY(list_directory(fresh));
    for (const auto& name : names) {
      if (name != repository::kInPlaceFile && name != repository::kUnfinishedMarker) {
        return Error(ErrorKind::refused, fmt::format("{} exists already", fresh)).with_hint("move it elsewhere");
      }
    }
    TRY(remove_tree(fresh));
  }
  bool there = exists(data());
  state_.moved_to = there ? fresh : "";
  TRY(make_directories(fresh, 0700));
  TRY(save_state_in(fresh));
  TRY(replace_file(fresh + "/" + repository::kUnfinishedMarker, {}, 0600));
  auto moved = move_tablespaces(plan);
  if (moved && there) moved = exchange(fresh);
  if (moved && !there && ::rename(fresh.c_str(), data().c_str()) != 0) {
    moved = Error::from_errno(errno, fmt::format("cannot rename {} to {}", fresh, data()));
  }
  if (!moved) {
    return_tablespaces();
    return moved;
  }
  return sync_directory(parent_of(data()));
}

/// `fresh` is the empty directory before, the old data directory afterwards, and on an error gone.
Result<void> OriginalPlace::exchange(const std::string& fresh) const {
  auto refuse_running = [&](const std::string& directory) -> Result<void> {
    bool running = TRY(postgres::is_running(directory));
    if (!running) return {};
    return Error(ErrorKind::conflict, fmt::format("the server on {} was started again", data()))
        .with_hint("keep its service manager from doing that (systemctl stop, patronictl pause), then run this again");
  };
  auto exchanged = refuse_running(data());
  if (exchanged) {
    if (::renameat2(AT_FDCWD, data().c_str(), AT_FDCWD, fresh.c_str(), RENAME_EXCHANGE) == 0) {
      exchanged = refuse_running(fresh);
      if (exchanged) return {};
      if (::renameat2(AT_FDCWD, data().c_str(), AT_FDCWD, fresh.c_str(), RENAME_EXCHANGE) != 0) {
        return std::move(exchanged).error().with_context("its data directory is now " + fresh);
      }
    } else if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
      exchanged = exchange_in_steps(fresh);
      if (exchanged) return {};
    } else {
      exchanged = Error::from_errno(errno, fmt::format("cannot rename {}", data()));
    }
  }
  // Only the directory made for this: it holds these two files and nothing else.
  for (const char* name : {repository::kInPlaceFile, repository::kUnfinishedMarker}) {
    static_cast<void>(::unlink((fresh + "/" + name).c_str()));
  }
  static_cast<void>(::rmdir(fresh.c_str()));
  if (exchanged.error().is(ErrorKind::conflict)) return exchanged;
  return Error(ErrorKind::refused, exchanged.error().message())
      .with_hint("the old data directory cannot be moved aside: --delta rewrites it where it lies");
}

/// On a file system without an exchange. A kill in between leaves no data directory, but all of it beside.
Result<void> OriginalPlace::exchange_in_steps(const std::string& fresh) const {
  const auto waiting = fresh + ".new";
  auto failed = [&] { return Error::from_errno(errno, fmt::format("cannot rename {}", data())); };
  if (::rename(fresh.c_str(), waiting.c_str()) != 0) return failed();
  if (::rename(data().c_str(), fresh.c_str()) != 0) {
    auto error = failed();
    static_cast<void>(::rename(waiting.c_str(), fresh.c_str()));
    return error;
  }
  if (::rename(waiting.c_str(), data().c_str()) == 0) return {};
  auto error = failed();
  if (::rename(fresh.c_str(), data().c_str()) == 0) {
    static_cast<void>(::rename(waiting.c_str(), fresh.c_str()));
    return error;
  }
  return Error(ErrorKind::internal, fmt::format("{}; the data directory is now {}", error.message(), fresh))
      .with_hint(fmt::format("rename it back to {} by hand", data()));
}

}  // namespace spendsync::restore
