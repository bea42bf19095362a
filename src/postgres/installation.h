// Where a major version's programs are.
#pragma once

#include <string>

#include "base/result.h"

namespace spendsync::postgres {

/// The directory with `postgres`, `pg_ctl`, `initdb` of that major: `configured` when not empty, else Debian's
/// /usr/lib/postgresql/<major>/bin, else that of pg_config or `postgres` in PATH, when its version agrees.
/// Errors: not_found, listing where it looked and which package has it.
Result<std::string> find_bin_directory(int major, const std::string& configured);

}  // namespace spendsync::postgres
