#include "backup/captured_files.h"

#include <dirent.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>

#include "base/process_identity.h"

namespace spendsync::backup {

namespace {

constexpr size_t kAttributeNamesMax = 64u << 10;  // XATTR_LIST_MAX (linux/limits.h)
constexpr int kLinksFollowedMax = 16;             // of a configured path; the kernel's own limit is 40

using DirectoryStream = std::unique_ptr<DIR, decltype([](DIR* stream) { closedir(stream); })>;

std::string_view kind_of_special(mode_t mode) {
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::pair<std::string, std::string> split(const std::string& path) {
  auto slash = path.find_last_of('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

/// Removes "." and empty components and resolves "..", by text alone.
std::string normalized(const std::string& path) {
  std::vector<std::string_view> parts;
  std::string_view rest = path;
  while (!rest.empty()) {
    auto slash = rest.find('/');
    auto part = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
  }
  std::string result;
  for (auto part : parts) result.append("/").append(part);
  return result.empty() ? "/" : result;
}

Result<std::string> read_link(const Fd& directory, const std::string& name, const std::string& path) {
  std::array<char, 4097> text;
  ssize_t size = readlinkat(directory.get(), name.c_str(), text.data(), text.size());
  if (size < 0) return Error::from_errno(errno, fmt::format("cannot read the link {}", path));
  return std::string(text.data(), static_cast<size_t>(size));
}

struct NamedStatus {
  std::string name;
  struct stat status {};
};

/// What a directory holds, sorted by name. Names that vanish in between are left out.
Result<std::vector<NamedStatus>> read_directory(Fd directory, const std::string& path) {
  DirectoryStream stream(fdopendir(directory.get()));
  if (!stream) return Error::from_errno(errno, fmt::format("cannot read directory {}", path));
  int fd = directory.release();  // the stream owns it now
  std::vector<NamedStatus> found;
  while (true) {
    errno = 0;
    dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    NamedStatus item{std::move(name), {}};
    if (fstatat(fd, item.name.c_str(), &item.status, AT_SYMLINK_NOFOLLOW) == 0) {
      found.push_back(std::move(item));
    } else if (errno != ENOENT) {
      return Error::from_errno(errno, fmt::format("cannot look at {}/{}", path, item.name));
    }
  }
  if (errno != 0) return Error::from_errno(errno, fmt::format("cannot read directory {}", path));
  std::ranges::sort(found, {}, &NamedStatus::name);
  return found;
}

/// Labels of security modules are left out: they belong to the host's policy, not to the file.
bool is_kept_attribute(std::string_view name) {
  return name.starts_with("user.") || name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

/// The attributes' names, each with its NUL.
Result<std::string> list_attributes(const std::string& file, const std::string& name) {
  std::string names(kAttributeNamesMax, '\0');
  ssize_t size = listxattr(file.c_str(), names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return std::string();
  if (size < 0) return Error::from_errno(errno, fmt::format("cannot list the extended attributes of {}", name));
  names.resize(static_cast<size_t>(size));
  return names;
}

Result<std::vector<repository::FileEntry::Attribute>> read_attributes(const std::string& file,
                                                                      const std::string& name) {
  std::vector<repository::FileEntry::Attribute> attributes;
  auto names = TRY(list_attributes(file, name));
  for (size_t begin = 0; begin < names.size(); begin = names.find('\0', begin) + 1) {
    std::string attribute(names.c_str() + begin);
    if (!is_kept_attribute(attribute)) continue;
    std::string value(repository::kAttributeValueMax, '\0');
    ssize_t size = getxattr(file.c_str(), attribute.c_str(), value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;  // removed since it was listed
    if (size < 0) return Error::from_errno(errno, fmt::format("cannot read {} of {}", attribute, name));
    value.resize(static_cast<size_t>(size));
    attributes.push_back({std::move(attribute), std::move(value)});
  }
  return attributes;
}

}  // namespace

// One walk: what it has met so far.
class CapturedFiles::Walk {
 public:
  Walk(const CapturedFiles& files, const Visit& visit, const Notices& notices, std::stop_token stop)
      : files_(files), visit_(visit), notices_(notices), stop_(std::move(stop)) {}

  Result<void> root(size_t index) {
    const Root& root = files_.roots_[index];
    struct stat status {};
    int failed = 0;
    {
      PrivilegedReads privileged;
      if (fstatat(root.parent.get(), root.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) failed = errno;
    }
    // Unlike what lies below, a path that the configuration names may not just vanish.
    if (failed != 0) return unreadable(root.path, Error::from_errno(failed, "cannot look at it").message());
    return entry(index, root.path, root.name, status);
  }

 private:
  Result<void> entry(size_t root, const std::string& path, const std::string& relative, const struct stat& status) {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while listing the captured files");
    if (const auto* what = files_.left_out(path, status)) return skipped(path, what->why);
    if (relative.size() > kPathMax) return unreadable(path, "its path is too long");
    CapturedEntry found;
    found.set = files_.roots_[root].set;
    found.root = root;
    found.path = path;
    found.status = status;
    if (S_ISDIR(status.st_mode)) return directory(std::move(found), relative);
    if (S_ISREG(status.st_mode)) return file(std::move(found));
    if (S_ISLNK(status.st_mode)) return symbolic_link(std::move(found), relative);
    return skipped(path, fmt::format("it is {}", kind_of_special(status.st_mode)));
  }

  Result<void> directory(CapturedEntry found, const std::string& relative) {
    found.kind = CapturedEntry::Kind::directory;
    auto content = list(found, relative);
    if (!content) {
      if (content.error().is(ErrorKind::not_found)) return {};
      TRY(unreadable(found.path, content.error().message()));
      content = std::vector<NamedStatus>();
    }
    TRY(visit_(found));
    for (const auto& item : *content) {
      auto path = found.path + "/" + item.name;
      if (files_.is_root(path)) continue;  // the more specific path owns it
      TRY(entry(found.root, path, relative + "/" + item.name, item.status));
    }
    return {};
  }

  Result<std::vector<NamedStatus>> list(const CapturedEntry& found, const std::string& relative) {
    PrivilegedReads privileged;
    Fd fd = TRY(open_beneath(files_.roots_[found.root].parent, relative,
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    return read_directory(std::move(fd), found.path);
  }

  Result<void> file(CapturedEntry found) {
    found.kind = CapturedEntry::Kind::file;
    if (found.status.st_nlink > 1) {
      Identity identity{found.status.st_dev, found.status.st_ino};
      auto known = linked_.find({found.set, identity});
      if (known != linked_.end()) {
        found.kind = CapturedEntry::Kind::hard_link;
        found.target = known->second;
      } else if (linked_.size() < kHardLinksMax) {
        linked_.emplace(std::pair(found.set, identity), found.path);
      }
    }
    return visit_(found);
  }

  Result<void> symbolic_link(CapturedEntry found, const std::string& relative) {
    found.kind = CapturedEntry::Kind::symbolic_link;
    auto [parent, name] = split("/" + relative);
    auto target = read_target(found, parent, name);
    if (!target) {
      if (target.error().is(ErrorKind::not_found)) return {};
      return unreadable(found.path, target.error().message());
    }
    found.target = std::move(*target);
    return visit_(found);
  }

  Result<std::string> read_target(const CapturedEntry& found, const std::string& parent, const std::string& name) {
    PrivilegedReads privileged;
    const Fd& root = files_.roots_[found.root].parent;
    if (parent == "/") return read_link(root, name, found.path);
    Fd directory = TRY(open_beneath(root, parent.substr(1), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return read_link(directory, name, found.path);
  }

  Result<void> unreadable(const std::string& path, const std::string& why) {
    if (notices_.on_unreadable) notices_.on_unreadable({path, why});
    return {};
  }
  Result<void> skipped(const std::string& path, const std::string& why) {
    if (notices_.on_skipped) notices_.on_skipped({path, why});
    return {};
  }

  const CapturedFiles& files_;
  const Visit& visit_;
  const Notices& notices_;
  std::stop_token stop_;
  // By set as well: a set is restored by itself, so a link never leads into another.
  std::map<std::pair<size_t, Identity>, std::string> linked_;
};

Result<CapturedFiles> CapturedFiles::open(Settings settings) {
  CapturedFiles files;
  for (auto& path : settings.left_out) {
    LeftOut item{{normalized(path.path), std::move(path.why)}, {}, false};
    struct stat status {};
    PrivilegedReads privileged;
    if (stat(path.path.c_str(), &status) == 0) {
      item.identity = {status.st_dev, status.st_ino};
      item.present = true;
    }
    files.left_out_.push_back(std::move(item));
  }
  for (size_t set = 0; set < settings.sets.size(); ++set) {
    for (const auto& path : settings.sets[set].paths) {
      if (path.empty() || path[0] != '/' || normalized(path) == "/") {
        return Error(ErrorKind::invalid, fmt::format("captured path \"{}\" of set {} must be absolute and not the root",
                                                     path, settings.sets[set].name));
      }
      files.add_root(set, normalized(path), 0);
    }
  }
  return files;
}

void CapturedFiles::add_root(size_t set, const std::string& path, int links_followed) {
  if (is_root(path)) {
    named_twice_.push_back({path, "it is named twice; the first set that names it holds it"});
    return;
  }
  auto [parent, name] = split(path);
  PrivilegedReads privileged;
  auto directory = spendsync::open_file(parent, O_PATH | O_DIRECTORY);
  if (!directory) {
    unreachable_.push_back({path, directory.error().message()});
    return;
  }
  struct stat status {};
  if (fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    unreachable_.push_back({path, Error::from_errno(errno, "cannot look at it").message()});
    return;
  }
  std::string target;
  if (S_ISLNK(status.st_mode)) {
    auto text = read_link(*directory, name, path);
    if (!text || links_followed == kLinksFollowedMax) {
      unreachable_.push_back({path, text ? "too many symbolic links lead on from it" : text.error().message()});
      return;
    }
    // ".." after a linked parent means the parent's real place, so the parent is resolved first.
    auto real_parent =
        std::unique_ptr<char, decltype([](char* text_) { free(text_); })>(realpath(parent.c_str(), nullptr));
    target = text->starts_with('/') ? *text : fmt::format("{}/{}", real_parent ? real_parent.get() : parent, *text);
  }
  roots_.push_back({set, path, std::move(*directory), name});
  if (!target.empty() && normalized(target) != "/") add_root(set, normalized(target), links_followed + 1);
}

bool CapturedFiles::is_root(const std::string& path) const {
  return std::ranges::any_of(roots_, [&](const Root& root) { return root.path == path; });
}

const LeftOutPath* CapturedFiles::left_out(const std::string& path, const struct stat& status) const {
  for (const auto& item : left_out_) {
    // By identity too, so that a hard link, a bind mount or a linked parent does not let a key slip in.
    bool same = item.present && item.identity == Identity{status.st_dev, status.st_ino};
    if (same || item.what.path == path) return &item.what;
  }
  return nullptr;
}

Result<void> CapturedFiles::walk(const Visit& visit, const Notices& notices, std::stop_token stop) const {
  if (notices.on_skipped) {
    for (const auto& path : named_twice_) notices.on_skipped(path);
  }
  Walk walk(*this, visit, notices, std::move(stop));
  for (size_t index = 0; index < roots_.size(); ++index) TRY(walk.root(index));
  return {};
}

Result<Fd> CapturedFiles::open_file(const CapturedEntry& entry) const {
  PrivilegedReads privileged;
  Fd fd =
      TRY(open_beneath(roots_[entry.root].parent, below_root(entry), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return Error::from_errno(errno, fmt::format("cannot look at {}", entry.path));
  if (!S_ISREG(status.st_mode)) return Error(ErrorKind::refused, fmt::format("{} is no regular file", entry.path));
  return fd;
}

std::string CapturedFiles::below_root(const CapturedEntry& entry) const {
  const Root& root = roots_[entry.root];
  return entry.path.substr(root.path.size() - root.name.size());
}

Result<std::vector<CapturedFiles::Attribute>> CapturedFiles::attributes(const CapturedEntry& entry) const {
  if (entry.kind != CapturedEntry::Kind::file && entry.kind != CapturedEntry::Kind::directory) {
    return std::vector<Attribute>();
  }
  PrivilegedReads privileged;
  Fd fd = TRY(open_beneath(roots_[entry.root].parent, below_root(entry), O_PATH | O_NOFOLLOW));
  return read_attributes(fmt::format("/proc/self/fd/{}", fd.get()), entry.path);
}

std::string OwnerNames::user(uid_t uid) {
  auto known = std::ranges::find(users_, uid, &std::pair<uid_t, std::string>::first);
  if (known != users_.end()) return known->second;
  std::array<char, 16384> buffer;
  passwd record{};
  passwd* found = nullptr;
  bool named = getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return users_.emplace_back(uid, named ? found->pw_name : "").second;
}

std::string OwnerNames::group(gid_t gid) {
  auto known = std::ranges::find(groups_, gid, &std::pair<gid_t, std::string>::first);
  if (known != groups_.end()) return known->second;
  std::array<char, 16384> buffer;
  struct group record {};
  struct group* found = nullptr;
  bool named = getgrgid_r(gid, &record, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return groups_.emplace_back(gid, named ? found->gr_name : "").second;
}

}  // namespace spendsync::backup
