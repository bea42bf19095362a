// The one place that decides by `storage.primary.type` which object store is opened.
#pragma once

#include <memory>
#include <string>

#include "config/load.h"
#include "storage/object_store.h"

namespace spendsync::jobs {

/// `create`: a directory that is missing is made. Errors: not_found where it is missing; exit code 2 for a type that
/// this version does not know; those of the store.
Result<std::unique_ptr<storage::ObjectStore>> open_store(const config::LoadedConfig& loaded, bool create);

/// Where the repository is, or would be: for messages.
std::string place_of_store(const config::Config& config);

}  // namespace spendsync::jobs
