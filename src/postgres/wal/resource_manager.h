// What a WAL record is, in words.
#pragma once

#include <cstdint>
#include <string>

namespace spendsync::postgres {

/// "Heap", "Database": the names that pg_waldump has (access/rmgrlist.h, versions 13 to 18). "custom 128" for those of
/// extensions, "unknown 99" for any other.
std::string resource_manager_name(uint8_t resource_manager);

/// Whether everything up to and including such a record is whole: a commit, what PREPARE TRANSACTION wrote, or a
/// restore point.
bool completes_something(uint8_t resource_manager, uint8_t info);

}  // namespace spendsync::postgres
