#include "restore/captured_restore.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/process_identity.h"
#include "repository/placement.h"

namespace spendsync::restore {

using repository::FileEntry;
using repository::FileKind;

namespace {

constexpr uint32_t kPermissions = 0777;
constexpr uint32_t kSpecialBits = 07000;
constexpr BeneathTree::Modes kWhileRestoring{0600, 0700};

/// By name where the name exists here, as tar(1) does; else by number.
uid_t user_here(const FileEntry& entry) {
  if (entry.owner.empty()) return entry.uid;
  passwd record{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer;
  if (getpwnam_r(entry.owner.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return entry.uid;
  return found->pw_uid;
}

gid_t group_here(const FileEntry& entry) {
  if (entry.group.empty()) return entry.gid;
  ::group record{};
  ::group* found = nullptr;
  std::array<char, 16384> buffer;
  if (getgrnam_r(entry.group.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return entry.gid;
  return found->gr_gid;
}

std::array<timespec, 2> times_of(const FileEntry& entry) {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t seconds = entry.mtime_ns / kSecond;
  int64_t rest = entry.mtime_ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    seconds -= 1;
  }
  return {timespec{0, UTIME_OMIT}, timespec{seconds, rest}};
}

FileEntry without_content(const FileEntry& entry) {
  FileEntry copy = entry;
  copy.content = {};
  return copy;
}

}  // namespace

Result<std::unique_ptr<CapturedRestore>> CapturedRestore::open(const std::string& directory,
                                                               const repository::ManifestSummary& summary) {
  auto restore = std::unique_ptr<CapturedRestore>(new CapturedRestore());
  for (const auto& set : summary.captured_sets) {
    auto name = TRY(repository::captured_set_directory(set));
    auto path = directory + "/" + name;
    TRY(make_directories(path, kWhileRestoring.directory));
    auto tree = TRY(BeneathTree::open(path));
    restore->sets_.emplace(set.number, Set{name, std::move(tree)});
  }
  return restore;
}

Result<void> CapturedRestore::add(const FileEntry& entry, ContentWriters& writers) {
  TRY(repository::check_path(entry));
  auto set = sets_.find(entry.set);
  if (set == sets_.end()) {
    return Error(ErrorKind::corrupt,
                 fmt::format("the backup's entry {} belongs to a set {} that its manifest does not name", entry.path,
                             entry.set));
  }
  const BeneathTree& tree = set->second.tree;
  switch (entry.kind) {
    case FileKind::directory:
      TRY(tree.make_directory(entry.path, kWhileRestoring.directory));
      directories_.push_back({entry.set, without_content(entry)});
      return {};
    case FileKind::symbolic_link:
      links_.push_back({entry.set, without_content(entry)});
      return {};
    case FileKind::hard_link:
      hard_links_.push_back({entry.set, without_content(entry)});
      return {};
    case FileKind::file:
      break;
  }
  Fd file = TRY(tree.create_file(entry.path, kWhileRestoring));
  {
    std::lock_guard lock(mutex_);
    ++stats_.files;
    stats_.bytes += entry.size;
  }
  return writers.add(entry, std::move(file),
                     [this](const Fd& fd, const FileEntry& done) { return apply(fd.get(), done); });
}

Result<CapturedStats> CapturedRestore::finish() {
  // Names of files first, since a link could stand where one of them is looked up; then links, which nothing follows.
  for (const auto& link : hard_links_) {
    const BeneathTree& tree = sets_.at(link.set).tree;
    if (auto checked = repository::check_path([&] {
          FileEntry target;
          target.path = link.entry.link_target;
          return target;
        }());
        !checked) {
      return std::move(checked).error();
    }
    PrivilegedRestores privileged;  // fs.protected_hardlinks: by now the file may be another's
    TRY(tree.make_hard_link(link.entry.link_target, link.entry.path, kWhileRestoring.directory));
  }
  for (const auto& link : links_) TRY(finish_link(sets_.at(link.set), link.entry));
  // Deepest first: a directory's new mode may close it, and its time changes with what is made in it.
  std::ranges::sort(directories_,
                    [](const Later& a, const Later& b) { return a.entry.path.size() > b.entry.path.size(); });
  for (const auto& directory : directories_) TRY(finish_directory(sets_.at(directory.set), directory.entry));
  for (const auto& [number, set] : sets_) TRY(set.tree.sync());
  return stats_;
}

Result<void> CapturedRestore::finish_link(const Set& set, const FileEntry& entry) {
  TRY(set.tree.make_symbolic_link(entry.path, entry.link_target, kWhileRestoring.directory));
  auto slash = entry.path.find_last_of('/');
  Fd parent = TRY(
      set.tree.open_existing(slash == std::string::npos ? "." : entry.path.substr(0, slash), O_RDONLY | O_DIRECTORY));
  auto name = slash == std::string::npos ? entry.path : entry.path.substr(slash + 1);
  {
    PrivilegedRestores privileged;
    bool changed = fchownat(parent.get(), name.c_str(), user_here(entry), group_here(entry), AT_SYMLINK_NOFOLLOW) == 0;
    static_cast<void>(changed);  // a link's owner decides nothing
  }
  auto times = times_of(entry);
  static_cast<void>(utimensat(parent.get(), name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW));
  return {};
}

Result<void> CapturedRestore::finish_directory(const Set& set, const FileEntry& entry) {
  Fd fd = TRY(set.tree.open_existing(entry.path, O_RDONLY | O_DIRECTORY));
  return apply(fd.get(), entry);
}

/// After the owner, whose change takes set-id bits away (chown(2)). They are right only for the owner and group that
/// they were given for; the sticky bit needs neither.
void CapturedRestore::set_special_bits(int fd, const FileEntry& entry, bool is_owner_right) {
  if ((entry.mode & kSpecialBits) == 0) return;
  mode_t wanted = entry.mode & (is_owner_right ? 07777u : kPermissions | S_ISVTX);
  {
    PrivilegedRestores privileged;
    static_cast<void>(fchmod(fd, wanted));  // what came of it is looked at
  }
  struct stat status {};
  if (fstat(fd, &status) == 0 && (status.st_mode & 07777u) == (entry.mode & 07777u)) return;
  std::lock_guard lock(mutex_);
  ++stats_.special_bits;
}

bool CapturedRestore::change_owner(int fd, const FileEntry& entry) {
  uid_t uid = user_here(entry);
  gid_t gid = group_here(entry);
  struct stat status {};
  if (fstat(fd, &status) == 0 && status.st_uid == uid && status.st_gid == gid) return true;
  PrivilegedRestores privileged;
  return fchown(fd, uid, gid) == 0;
}

/// The owner next to last: afterwards it is another's file. Nobody else can reach it meanwhile: <target>.files is 0700.
Result<void> CapturedRestore::apply(int fd, const FileEntry& entry) {
  for (const auto& attribute : entry.attributes) {
    if (fsetxattr(fd, attribute.name.c_str(), attribute.value.data(), attribute.value.size(), 0) == 0) continue;
    std::lock_guard lock(mutex_);
    ++stats_.attributes_lost;
  }
  auto times = times_of(entry);
  mode_t mode = entry.mode & kPermissions;
  bool done = fchmod(fd, mode) == 0 && futimens(fd, times.data()) == 0;
  if (!done) return Error::from_errno(errno, "cannot set mode and time of " + entry.path);
  bool is_owner_right = change_owner(fd, entry);
  set_special_bits(fd, entry, is_owner_right);
  if (is_owner_right) return {};
  std::lock_guard lock(mutex_);
  if (stats_.other_owner++ == 0) {
    stats_.first_other_owner =
        fmt::format("{} ({}:{})", entry.path, entry.owner.empty() ? std::to_string(entry.uid) : entry.owner,
                    entry.group.empty() ? std::to_string(entry.gid) : entry.group);
  }
  return {};
}

}  // namespace spendsync::restore
