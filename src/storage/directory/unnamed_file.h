// A file without a name until it is whole. Internal to the directory store.
#pragma once

#include "storage/directory/directory_tree.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// The upload of one object: grows unnamed, gets its name in finish(). The kernel frees it when the process dies.
class UnnamedFile final : public ObjectUpload {
 public:
  /// Errors: unsupported where the file system cannot do it; exhausted.
  static Result<std::unique_ptr<UnnamedFile>> create(DirectoryTree& tree, const ObjectKey& key);
  Result<void> append(ByteView bytes) override;
  Result<void> finish() override;

 private:
  UnnamedFile(DirectoryTree& tree, ObjectKey key, Fd file)
      : tree_(tree), key_(std::move(key)), file_(std::move(file)) {}
  Result<void> publish();
  std::string path() const { return tree_.path() + "/" + key_.text(); }

  DirectoryTree& tree_;
  ObjectKey key_;
  Fd file_;
  uint64_t size_bytes_ = 0;
  uint64_t writeback_started_bytes_ = 0;
  bool usable_ = true;  // false after a failure or the end: a torn object must never get a name
};

}  // namespace spendsync::storage
