#include "storage/directory/directory_listing.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>

namespace spendsync::storage {
namespace {

using Visit = std::function<Result<void>(const ObjectInfo&)>;

struct Entry {
  std::string
      name;  // a directory's ends with '/', so that sorting by it sorts whole keys: '/' lies between '.' and '0'
  bool is_directory() const { return name.back() == '/'; }
  std::string file_name() const { return is_directory() ? name.substr(0, name.size() - 1) : name; }
};

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

/// Links count as files here: where one is visited it is refused.
Result<bool> is_directory(const Fd& directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat attributes {};
  if (fstatat(directory.get(), entry.d_name, &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;  // just removed: the visit notices
    return Error::from_errno(errno, std::string("cannot examine ") + entry.d_name);
  }
  return S_ISDIR(attributes.st_mode);
}

/// Sorted. Names that no object key can have (lost+found) are left out: no store has put them there.
Result<std::vector<Entry>> read_entries(const Fd& directory, const std::string& path) {
  auto copy = TRY(open_beneath(directory, ".", O_RDONLY | O_DIRECTORY, 0));
  std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(copy.get()));
  if (stream == nullptr) return Error::from_errno(errno, "cannot list " + path);
  static_cast<void>(copy.release());  // the stream owns it now
  std::vector<Entry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return Error::from_errno(errno, "cannot list " + path);
    if (entry == nullptr) break;
    if (!ObjectKey::parse(entry->d_name)) continue;
    auto folder = TRY_CONTEXT(is_directory(directory, *entry), "listing " + path);
    entries.push_back({std::string(entry->d_name) + (folder ? "/" : "")});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

/// One listing. Recursion is as deep as a key has components.
class Walk {
 public:
  Walk(const DirectoryTree& tree, std::string_view prefix, std::string_view start_after, const Visit& visit)
      : tree_(tree), prefix_(prefix), start_after_(start_after), visit_(visit) {}

  /// `parent` is the key prefix of `directory`: empty or ending with '/'.
  Result<void> run(const Fd& directory, const std::string& parent) {
    auto entries = TRY(read_entries(directory, tree_.path() + "/" + parent));
    for (const auto& entry : entries) {
      auto full = parent + entry.name;
      if (!full.starts_with(prefix_) || lies_before_start(full, entry.is_directory())) continue;
      if (entry.is_directory()) {
        TRY(run_child(directory, entry, full));
      } else {
        TRY(visit_file(directory, entry, full));
      }
    }
    return ok();
  }

 private:
  /// A directory is passed over only when all keys below it are.
  bool lies_before_start(const std::string& full, bool is_directory) const {
    if (is_directory && start_after_.starts_with(full)) return false;
    return full <= start_after_;
  }

  Result<void> run_child(const Fd& directory, const Entry& entry, const std::string& full) {
    auto child = tree_.open_child(directory, entry.file_name(), full);
    if (!child && child.error().is(ErrorKind::not_found)) return ok();  // pruned meanwhile
    if (!child) return std::move(child).error();
    return run(*child, full);
  }

  Result<void> visit_file(const Fd& directory, const Entry& entry, const std::string& full) {
    auto key = ObjectKey::parse(full);
    if (!key) return ok();  // too deep for a key
    struct stat attributes {};
    if (fstatat(directory.get(), entry.name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return ok();  // removed meanwhile
      return Error::from_errno(errno, "cannot examine " + tree_.path() + "/" + full);
    }
    TRY(check_object_file(attributes, tree_.path() + "/" + full));
    return visit_(object_info(*key, attributes));
  }

  const DirectoryTree& tree_;
  std::string_view prefix_;
  std::string_view start_after_;
  const Visit& visit_;
};

/// True as soon as anything but directories is found.
Result<bool> holds_objects(const DirectoryTree& tree, const Fd& directory, const std::string& relative) {
  auto entries = TRY(read_entries(directory, tree.path() + "/" + relative));
  for (const auto& entry : entries) {
    if (!entry.is_directory()) return true;
    auto child = tree.open_child(directory, entry.file_name(), relative + entry.name);
    if (!child && child.error().is(ErrorKind::not_found)) continue;
    if (!child) return std::move(child).error();
    auto found = TRY(holds_objects(tree, *child, relative + entry.name));
    if (found) return true;
  }
  return false;
}

/// The directory in which every key with this prefix lies. Empty: there can be none.
Result<std::optional<Fd>> open_directory_of(const DirectoryTree& tree, std::string_view parent) {
  if (!parent.empty()) {
    parent.remove_suffix(1);
    if (!ObjectKey::parse(parent)) return std::optional<Fd>();
  }
  auto directory = tree.open_directory(parent);
  if (!directory && directory.error().is(ErrorKind::not_found)) return std::optional<Fd>();
  if (!directory) return std::move(directory).error();
  return std::optional<Fd>(std::move(*directory));
}

}  // namespace

ObjectInfo object_info(const ObjectKey& key, const struct stat& attributes) {
  auto since_epoch =
      std::chrono::seconds(attributes.st_mtim.tv_sec) + std::chrono::nanoseconds(attributes.st_mtim.tv_nsec);
  return {key, static_cast<uint64_t>(attributes.st_size),
          Timestamp(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch))};
}

Result<void> list_objects(const DirectoryTree& tree, std::string_view prefix, std::string_view start_after,
                          const Visit& visit) {
  auto slash = prefix.find_last_of('/');
  auto parent = slash == std::string_view::npos ? std::string_view() : prefix.substr(0, slash + 1);
  auto directory = TRY(open_directory_of(tree, parent));
  if (!directory) return ok();
  return Walk(tree, prefix, start_after, visit).run(*directory, std::string(parent));
}

Result<std::vector<std::string>> list_tree_level(const DirectoryTree& tree, std::string_view prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return Error(ErrorKind::invalid, "a listing by level needs a prefix that ends with '/': " + std::string(prefix));
  }
  std::vector<std::string> names;
  auto directory = TRY(open_directory_of(tree, prefix));
  if (!directory) return names;
  std::string parent(prefix);
  auto entries = TRY(read_entries(*directory, tree.path() + "/" + parent));
  for (auto& entry : entries) {
    if (entry.is_directory()) {
      auto child = tree.open_child(*directory, entry.file_name(), parent + entry.name);
      if (!child && child.error().is(ErrorKind::not_found)) continue;
      if (!child) return std::move(child).error();
      auto filled = TRY(holds_objects(tree, *child, parent + entry.name));
      if (!filled) continue;
    } else {
      struct stat attributes {};
      if (fstatat(directory->get(), entry.name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        return Error::from_errno(errno, "cannot examine " + tree.path() + "/" + parent + entry.name);
      }
      TRY(check_object_file(attributes, tree.path() + "/" + parent + entry.name));
    }
    names.push_back(std::move(entry.name));
  }
  return names;
}

}  // namespace spendsync::storage
