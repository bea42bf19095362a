#include "restore/captured_put_back.h"

#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "base/process_identity.h"
#include "restore/beneath_tree.h"
#include "restore/target_directory.h"

namespace spendsync::restore {

namespace {

constexpr size_t kPiece = 1u << 20;
constexpr mode_t kParentMode = 0755;
constexpr mode_t kPermissions = 07777;

std::array<timespec, 2> times_of(const struct stat& status) { return {timespec{0, UTIME_OMIT}, status.st_mtim}; }

Result<void> copy_content(const Fd& from, const Fd& to, const std::string& name) {
  Bytes piece(kPiece);
  for (uint64_t offset = 0;;) {
    size_t read = TRY(read_at(from, offset, piece, name));
    if (read == 0) return {};
    TRY(write_at(to, offset, ByteView(piece).first(read), name));
    offset += read;
  }
}

/// What cannot be set was reported when the file was restored beside the data directory.
void copy_attributes(const Fd& from, const Fd& to) {
  std::array<char, 64u << 10> names{};
  ssize_t size = ::flistxattr(from.get(), names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    std::string name(names.data() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    std::array<char, 64u << 10> value{};
    ssize_t length = ::fgetxattr(from.get(), name.c_str(), value.data(), value.size());
    if (length < 0) continue;
    static_cast<void>(::fsetxattr(to.get(), name.c_str(), value.data(), static_cast<size_t>(length), 0));
  }
}

Result<void> copy_status(const struct stat& status, const Fd& to, const std::string& name) {
  if (::fchown(to.get(), status.st_uid, status.st_gid) != 0) {
    return Error::from_errno(errno, "cannot set the owner of " + name);
  }
  auto times = times_of(status);
  if (::fchmod(to.get(), status.st_mode & kPermissions) == 0 && ::futimens(to.get(), times.data()) == 0) return {};
  return Error::from_errno(errno, "cannot set mode and time of " + name);
}

Result<bool> same_content(const Fd& a, const Fd& b, const std::string& name) {
  Bytes left(kPiece);
  Bytes right(kPiece);
  for (uint64_t offset = 0;;) {
    size_t read = TRY(read_at(a, offset, left, name));
    size_t other = TRY(read_at(b, offset, right, name));
    if (read != other || !std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(read), right.begin())) {
      return false;
    }
    if (read == 0) return true;
    offset += read;
  }
}

/// A directory that is held, and a name in it.
struct Place {
  Fd parent;
  std::string name;
};

class PutBack {
 public:
  PutBack(const PutBackSettings& settings, BeneathTree root) : settings_(settings), root_(std::move(root)) {}

  Result<PutBackReport> run() {
    for (const auto& set : settings_.sets) {
      auto staged = settings_.staged + "/" + set.name;
      if (!exists(staged)) continue;
      TRY(walk(set, staged, ""));
    }
    auto sets = TRY(list_directory(settings_.staged));
    for (const auto& name : sets) {
      bool known = std::ranges::any_of(settings_.sets, [&](const auto& set) { return set.name == name; });
      if (!known) report_.left.push_back({name, "the configuration has no set of this name"});
    }
    if (report_.left.empty()) TRY(remove_tree(settings_.staged));
    return std::move(report_);
  }

 private:
  Result<void> walk(const PutBackSettings::Set& set, const std::string& staged, const std::string& path) {
    auto names = TRY(list_directory(staged + path));
    for (const auto& name : names) {
      auto inner = path + "/" + name;
      struct stat status {};
      if (::lstat((staged + inner).c_str(), &status) != 0) return Error::from_errno(errno, "cannot look at " + inner);
      bool below = std::ranges::any_of(set.paths, [&](const auto& root) { return lies_within(inner, root); });
      bool above = std::ranges::any_of(set.paths, [&](const auto& root) { return lies_within(root, inner); });
      if (below && is_untouched(inner)) {
        report_.left.push_back({inner, "belongs to this program or to the data directory"});
        continue;
      }
      if (below) {
        auto done = put(staged + inner, inner, status);
        if (!done) {
          report_.left.push_back({inner, done.error().message()});
          continue;  // a directory that cannot be made takes nothing either
        }
      } else if (!above) {
        report_.left.push_back({inner, "the configuration does not name it any more"});
        continue;
      }
      if (S_ISDIR(status.st_mode)) TRY(walk(set, staged, inner));
    }
    return {};
  }

  bool is_untouched(const std::string& path) const {
    return std::ranges::any_of(settings_.untouched, [&](const auto& own) { return lies_within(path, own); });
  }

  Result<void> put(const std::string& staged, const std::string& path, const struct stat& status) {
    if (S_ISDIR(status.st_mode)) return put_directory(path, status);
    auto place = TRY(open_place(path));
    struct stat there {};
    bool found = ::fstatat(place.parent.get(), place.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (found && S_ISDIR(there.st_mode)) return Error(ErrorKind::refused, "a directory stands there");
    if (S_ISLNK(status.st_mode)) return put_link(staged, path, place, found);
    return put_file(staged, path, status, place, found ? &there : nullptr);
  }

  Result<Place> open_place(const std::string& path) const {
    auto slash = path.find_last_of('/');
    auto parent = path.substr(0, slash);
    auto relative = parent.empty() ? std::string(".") : parent.substr(1);
    auto opened = open_beneath(root_.root(), relative, O_RDONLY | O_DIRECTORY);
    if (!opened && opened.error().os_error() == ENOENT) {
      TRY(root_.make_directory(relative, kParentMode));
      opened = open_beneath(root_.root(), relative, O_RDONLY | O_DIRECTORY);
    }
    if (!opened) return std::move(opened).error();
    return Place{std::move(*opened), path.substr(slash + 1)};
  }

  Result<void> put_directory(const std::string& path, const struct stat& status) {
    TRY(root_.make_directory(path.substr(1), kParentMode));
    auto opened = TRY(open_beneath(root_.root(), path.substr(1), O_RDONLY | O_DIRECTORY));
    struct stat there {};
    bool same = ::fstat(opened.get(), &there) == 0 && there.st_uid == status.st_uid && there.st_gid == status.st_gid &&
                (there.st_mode & kPermissions) == (status.st_mode & kPermissions);
    return same ? Result<void>() : copy_status(status, opened, path);
  }

  Result<void> put_file(const std::string& staged, const std::string& path, const struct stat& status,
                        const Place& place, const struct stat* there) {
    Fd from = TRY(open_file(staged, O_RDONLY | O_NOFOLLOW));
    if (there != nullptr && S_ISREG(there->st_mode)) {
      Fd old = TRY(open_at(place.parent, place.name, O_RDONLY | O_NOFOLLOW));
      bool same = TRY(same_content(from, old, path));
      same = same && there->st_uid == status.st_uid && there->st_gid == status.st_gid &&
             (there->st_mode & kPermissions) == (status.st_mode & kPermissions);
      if (same) {
        ++report_.identical;
        return {};
      }
      TRY(keep_old(path, old, *there));
    }
    auto temporary = temporary_name(place);
    Fd to = TRY(open_at(place.parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    auto written = write_file(from, to, status, path);
    if (!written) {
      ::unlinkat(place.parent.get(), temporary.c_str(), 0);
      return written;
    }
    return rename_over(place, temporary, path, there != nullptr);
  }

  Result<void> write_file(const Fd& from, const Fd& to, const struct stat& status, const std::string& path) const {
    TRY(copy_content(from, to, path));
    copy_attributes(from, to);
    TRY(copy_status(status, to, path));
    return sync_file(to, path);
  }

  Result<void> put_link(const std::string& staged, const std::string& path, const Place& place, bool found) {
    std::array<char, 4096> wanted{};
    std::array<char, 4096> there{};
    if (::readlink(staged.c_str(), wanted.data(), wanted.size() - 1) < 0) {
      return Error::from_errno(errno, "cannot read the link " + staged);
    }
    bool is_link = ::readlinkat(place.parent.get(), place.name.c_str(), there.data(), there.size() - 1) >= 0;
    if (is_link && wanted == there) {
      ++report_.identical;
      return {};
    }
    if (found && !is_link) return Error(ErrorKind::refused, "a file stands where the backup has a link");
    auto temporary = temporary_name(place);
    if (::symlinkat(wanted.data(), place.parent.get(), temporary.c_str()) != 0) {
      return Error::from_errno(errno, "cannot make a link beside " + path);
    }
    return rename_over(place, temporary, path, found);
  }

  std::string temporary_name(const Place& place) const {
    auto name = fmt::format(".{}.spendsync", place.name);
    ::unlinkat(place.parent.get(), name.c_str(), 0);  // of one that was killed
    return name;
  }

  Result<void> rename_over(const Place& place, const std::string& temporary, const std::string& path, bool replaces) {
    if (::renameat(place.parent.get(), temporary.c_str(), place.parent.get(), place.name.c_str()) != 0) {
      auto error = Error::from_errno(errno, "cannot replace " + path);
      ::unlinkat(place.parent.get(), temporary.c_str(), 0);
      return error;
    }
    if (::fsync(place.parent.get()) != 0) return Error::from_errno(errno, "cannot write the directory of " + path);
    ++(replaces ? report_.replaced : report_.created);
    return {};
  }

  Result<void> keep_old(const std::string& path, const Fd& old, const struct stat& status) const {
    auto copy = settings_.kept + path;
    TRY(make_directories(copy.substr(0, copy.find_last_of('/')), 0700));
    if (exists(copy)) return {};  // of this restore, before it was killed
    auto unfinished = copy + ".spendsync";
    ::unlink(unfinished.c_str());
    Fd to = TRY(open_file(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(write_file(old, to, status, copy));
    if (::rename(unfinished.c_str(), copy.c_str()) == 0) return {};
    return Error::from_errno(errno, "cannot keep a copy of " + path);
  }

  const PutBackSettings& settings_;
  BeneathTree root_;
  PutBackReport report_;
};

}  // namespace

Result<PutBackReport> put_back_captured(const PutBackSettings& settings) {
  PrivilegedRestores privileged;
  auto root = TRY(BeneathTree::open("/"));
  return PutBack(settings, std::move(root)).run();
}

}  // namespace spendsync::restore
