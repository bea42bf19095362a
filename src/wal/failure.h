// Why `wal get` could not deliver: handed to the restore that waits for the server, which only sees recovery end.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace spendsync::wal {

/// Into the directory of prefetched segments, in the place of an earlier one. What cannot be written is left out: the
/// server's log has it as well.
void note_wal_failure(const std::string& window, const Error& error);

/// The newest, with kind, message and hint. Empty: none was noted, or it cannot be read.
std::optional<Error> read_wal_failure(const std::string& window);

}  // namespace spendsync::wal
