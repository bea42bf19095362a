// Files that are made once and never written over.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

namespace spendsync::jobs {

/// A new durable file of mode 0600. What fails leaves nothing behind under that name.
/// Errors: refused when the name is taken; those of open(2), write(2) and fsync(2).
Result<void> write_new_file(const std::string& path, ByteView content);

/// A file of mode 0600 that has its name only once it is whole: it has none before (O_TMPFILE), or on file systems
/// without such files "<path>.unfinished", which goes with this object.
class UnfinishedFile {
 public:
  /// Errors: refused when the name is taken; those of open(2).
  static Result<UnfinishedFile> create(const std::string& path);
  UnfinishedFile(UnfinishedFile&&) noexcept = default;
  UnfinishedFile& operator=(UnfinishedFile&&) = delete;
  ~UnfinishedFile();

  int descriptor() const { return file_.get(); }
  /// Makes what was written durable and gives it its name. Returns its size in bytes.
  /// Errors: refused when the name was taken meanwhile; those of fsync(2) and link(2).
  Result<uint64_t> finish();

 private:
  UnfinishedFile(std::string path, std::string unfinished, Fd file)
      : path_(std::move(path)), unfinished_(std::move(unfinished)), file_(std::move(file)) {}
  std::string path_;
  std::string unfinished_;  // empty: it has no name
  Fd file_;
};

}  // namespace spendsync::jobs
