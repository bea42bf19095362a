// Files that are made once and never written over.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace spendsync::cli {

/// A new durable file of mode 0600. What fails leaves nothing behind under that name.
/// Errors: refused when the name is taken; those of open(2), write(2) and fsync(2).
Result<void> write_new_file(const std::string& path, ByteView content);

}  // namespace spendsync::cli
