// Objects as files below one directory: the embedded default.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// Files are written unnamed (O_TMPFILE), synced, then linked under their name (linkat fails if it exists) and
/// the directory synced: a crash leaves nothing, a reader never sees a part. Modes 0600 and 0700.
/// Symbolic links below the root are never followed; the root and every directory must belong to the running
/// user or root and not be writable by others (errors: refused).
class DirectoryStore final : public ObjectStore {
 public:
  struct Settings {
    std::string path;
    bool create = false;  // make the root directory when it is missing (writers only)
  };
  /// Errors: not_found when the root is missing and may not be made; refused for links and foreign owners.
  static Result<std::unique_ptr<DirectoryStore>> open(Settings settings);

  Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) override;
  Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) override;
  Result<Bytes> get(const ObjectKey& key, uint64_t max_size) override;
  Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) override;
  Result<ObjectInfo> stat(const ObjectKey& key) override;
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const ObjectInfo&)>& visit) override;
  Result<std::vector<std::string>> list_level(std::string_view prefix) override;
  Result<void> remove(const ObjectKey& key) override;
  std::string description() const override { return settings_.path; }
  Result<std::optional<uint64_t>> free_space() override;

 private:
  DirectoryStore(Settings settings, Fd root) : settings_(std::move(settings)), root_(std::move(root)) {}
  Settings settings_;
  Fd root_;
};

}  // namespace spendsync::storage
