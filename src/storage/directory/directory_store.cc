#include "storage/directory/directory_store.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "storage/directory/directory_listing.h"
#include "storage/directory/directory_tree.h"
#include "storage/directory/unnamed_file.h"

namespace spendsync::storage {
namespace {

struct KeyParts {
  std::string parent;
  std::string name;
};

KeyParts split(const ObjectKey& key) {
  auto slash = key.text().find_last_of('/');
  if (slash == std::string::npos) return {{}, key.text()};
  return {key.text().substr(0, slash), key.text().substr(slash + 1)};
}

std::string path_of(const DirectoryTree& tree, const ObjectKey& key) { return tree.path() + "/" + key.text(); }

Error absent(const DirectoryTree& tree, const ObjectKey& key) {
  return Error(ErrorKind::not_found, "object " + path_of(tree, key) + " does not exist");
}

/// The directory of an object and what lies there under its name, proved to be an object.
struct Found {
  Fd directory;
  struct stat attributes {};
};

Result<Found> find(const DirectoryTree& tree, const ObjectKey& key) {
  auto parts = split(key);
  auto directory = tree.open_directory(parts.parent);
  if (!directory && directory.error().is(ErrorKind::not_found)) return absent(tree, key);
  if (!directory) return std::move(directory).error();
  Found found;
  if (fstatat(directory->get(), parts.name.c_str(), &found.attributes, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return absent(tree, key);
    return Error::from_errno(errno, "cannot examine " + path_of(tree, key));
  }
  if (S_ISDIR(found.attributes.st_mode)) return absent(tree, key);
  TRY(check_object_file(found.attributes, path_of(tree, key)));
  found.directory = std::move(*directory);
  return found;
}

struct OpenObject {
  Fd file;
  uint64_t size_bytes = 0;
};

Result<OpenObject> open_object(const DirectoryTree& tree, const ObjectKey& key) {
  auto found = TRY(find(tree, key));
  auto file = open_beneath(found.directory, split(key).name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (!file && file.error().is(ErrorKind::not_found)) return absent(tree, key);
  if (!file) return std::move(file).error().with_context("reading " + path_of(tree, key));
  // Looked at again: only what the descriptor says holds for what is read.
  struct stat attributes {};
  if (fstat(file->get(), &attributes) != 0) return Error::from_errno(errno, "cannot examine " + path_of(tree, key));
  TRY(check_object_file(attributes, path_of(tree, key)));
  return OpenObject{std::move(*file), static_cast<uint64_t>(attributes.st_size)};
}

}  // namespace

DirectoryStore::DirectoryStore(std::unique_ptr<DirectoryTree> tree) : tree_(std::move(tree)) {}
DirectoryStore::~DirectoryStore() = default;

Result<std::unique_ptr<DirectoryStore>> DirectoryStore::open(Settings settings) {
  auto tree = TRY(DirectoryTree::open({std::move(settings.path), settings.create}));
  return std::unique_ptr<DirectoryStore>(new DirectoryStore(std::move(tree)));
}

Result<void> DirectoryStore::put_if_absent(const ObjectKey& key, ByteView bytes) {
  auto file = TRY(UnnamedFile::create(*tree_, key));
  TRY(file->append(bytes));
  return file->finish();
}

Result<std::unique_ptr<ObjectUpload>> DirectoryStore::begin_upload(const ObjectKey& key, uint64_t /*expected_size*/) {
  auto file = TRY(UnnamedFile::create(*tree_, key));
  return std::unique_ptr<ObjectUpload>(std::move(file));
}

Result<Bytes> DirectoryStore::get(const ObjectKey& key, uint64_t max_size) {
  auto object = TRY(open_object(*tree_, key));
  if (object.size_bytes > max_size) {
    return Error(ErrorKind::corrupt, "object " + path_of(*tree_, key) + " has " + std::to_string(object.size_bytes) +
                                         " bytes, more than the " + std::to_string(max_size) + " expected at most");
  }
  Bytes bytes(object.size_bytes);
  auto count = TRY(read_at(object.file, 0, bytes, path_of(*tree_, key)));
  if (count != bytes.size()) return Error(ErrorKind::corrupt, "object " + path_of(*tree_, key) + " shrank while read");
  return bytes;
}

Result<void> DirectoryStore::get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) {
  auto object = TRY(open_object(*tree_, key));
  if (offset > object.size_bytes || out.size() > object.size_bytes - offset) {
    return Error(ErrorKind::corrupt, "object " + path_of(*tree_, key) + " ends at byte " +
                                         std::to_string(object.size_bytes) + "; " + std::to_string(out.size()) +
                                         " bytes from " + std::to_string(offset) + " were wanted");
  }
  auto count = TRY(read_at(object.file, offset, out, path_of(*tree_, key)));
  if (count != out.size()) return Error(ErrorKind::corrupt, "object " + path_of(*tree_, key) + " shrank while read");
  return ok();
}

Result<ObjectInfo> DirectoryStore::stat(const ObjectKey& key) {
  auto found = TRY(find(*tree_, key));
  return object_info(key, found.attributes);
}

Result<void> DirectoryStore::list(std::string_view prefix, std::string_view start_after,
                                  const std::function<Result<void>(const ObjectInfo&)>& visit) {
  return list_objects(*tree_, prefix, start_after, visit);
}

Result<std::vector<std::string>> DirectoryStore::list_level(std::string_view prefix) {
  return list_tree_level(*tree_, prefix);
}

Result<void> DirectoryStore::remove(const ObjectKey& key) {
  auto found = find(*tree_, key);
  if (!found && found.error().is(ErrorKind::not_found)) return ok();
  if (!found) return std::move(found).error();
  auto parts = split(key);
  if (unlinkat(found->directory.get(), parts.name.c_str(), 0) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "cannot remove " + path_of(*tree_, key));
  }
  TRY(sync_file(found->directory, tree_->path() + "/" + parts.parent));
  tree_->prune(parts.parent);
  return ok();
}

std::string DirectoryStore::description() const { return tree_->path(); }

Result<std::optional<uint64_t>> DirectoryStore::free_space() {
  struct statvfs status {};
  if (fstatvfs(tree_->root().get(), &status) != 0) {
    return Error::from_errno(errno, "cannot read the free space of " + tree_->path());
  }
  return std::optional<uint64_t>(uint64_t{status.f_bavail} * status.f_frsize);
}

}  // namespace spendsync::storage
