// Objects as files below one directory: the embedded default.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "storage/object_store.h"

namespace spendsync::storage {

class DirectoryTree;

/// Files are written unnamed (O_TMPFILE), synced, then linked under their name (linkat fails if it exists) and
/// the directory synced: a crash leaves nothing, a reader never sees a part. Modes 0600 and 0700.
/// Symbolic links below the root are never followed; the root and every directory must belong to the running
/// user or root and not be writable by others (errors: refused). The same holds for the files.
///  - `already_exists` too is answered only after the directory is synced: the object that is there survives a power
///  loss.
///  - Files and directories whose names no object key can have (lost+found) are passed over by listings and left alone;
///    any other thing that is no object of ours (links, devices, foreign files) makes a listing fail: refused.
///  - A removal is durable; directories that it leaves empty go too. Empty directories are never listed.
///  - File systems without O_TMPFILE or hard links (FAT, CIFS, NFS, most of FUSE) are `unsupported`: on them a killed
///    command would leave a named part behind. ext4, XFS, Btrfs, ZFS, tmpfs and overlayfs (Linux 6.3) have both.
///  - A key may not be a directory of another one ("a" beside "a/b"): conflict. The repository's layout has none.
class DirectoryStore final : public ObjectStore {
 public:
  struct Settings {
    std::string path;
    bool create = false;  // make the root directory when it is missing (writers only)
  };
  /// Errors: not_found when the root is missing and may not be made; refused for links and foreign owners.
  static Result<std::unique_ptr<DirectoryStore>> open(Settings settings);
  ~DirectoryStore() override;

  Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) override;
  /// The upload must end before the store. Written pages go to the disk while it grows, so that finish() is short.
  Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) override;
  Result<Bytes> get(const ObjectKey& key, uint64_t max_size) override;
  Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) override;
  Result<ObjectInfo> stat(const ObjectKey& key) override;
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const ObjectInfo&)>& visit) override;
  Result<std::vector<std::string>> list_level(std::string_view prefix) override;
  Result<void> remove(const ObjectKey& key) override;
  std::string description() const override;
  Result<std::optional<uint64_t>> free_space() override;

 private:
  explicit DirectoryStore(std::unique_ptr<DirectoryTree> tree);
  std::unique_ptr<DirectoryTree> tree_;
};

}  // namespace spendsync::storage
