// What lies around a place that is going to be written: never a repository, never a server's files.
#pragma once

#include <string>

#include "restore/plan.h"

namespace spendsync::restore {

/// Whether `place` (absolute, normalized; it need not be there) may be written. Directories are compared by device and
/// inode on the way up from it, so links and bind mounts hide nothing. `repository`: its directory; one that is no
/// absolute path is none of this host.
/// Errors: refused when `place` is or lies in `repository`, holds it, or lies below a data directory or below the
/// location of a tablespace. What `place` itself is, is not judged: see TargetDirectory::claim.
Result<void> check_surroundings(const std::string& place, const std::string& repository);

/// Every place that `plan` writes. In place only the repository counts, and what the operator chose: all else goes
/// where it lay, whatever is around it. Errors: refused, as check_surroundings.
Result<void> check_places(const RestorePlan& plan);

}  // namespace spendsync::restore
