// Captured files from where a restore has put them back to their original places.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync::restore {

struct PutBackSettings {
  struct Set {
    std::string name;
    std::vector<std::string> paths;  // absolute: nothing outside them is touched
  };
  std::string staged;  // <data>.files: <set>/<whole path>
  std::string kept;    // what is replaced is copied here first, under its whole path; made when needed
  std::vector<Set> sets;
  std::vector<std::string> untouched;  // the program's own files, the data directory
};

struct PutBackReport {
  struct Left {
    std::string path;
    std::string why;
  };
  uint64_t created = 0;
  uint64_t replaced = 0;
  uint64_t identical = 0;
  std::vector<Left> left;  // stay in `staged`
};

/// Each file is replaced atomically (a temporary file beside it is renamed over it) with content, extended attributes,
/// owner, mode and times; one that is the same already is not touched. Nothing is ever written through a link. What
/// cannot be put back stays in `staged` and is reported; when nothing is left, `staged` is removed.
/// Acts under PrivilegedRestores. Calling it again converges. Errors: those of reading `staged` and writing `kept`.
Result<PutBackReport> put_back_captured(const PutBackSettings& settings);

}  // namespace spendsync::restore
