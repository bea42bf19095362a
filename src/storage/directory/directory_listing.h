// Objects of a directory tree in byte order of their keys. Internal to the directory store.
#pragma once

#include <functional>

#include "storage/directory/directory_tree.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// ObjectStore::list over a tree. Holds the names of one directory a level, no more.
Result<void> list_objects(const DirectoryTree& tree, std::string_view prefix, std::string_view start_after,
                          const std::function<Result<void>(const ObjectInfo&)>& visit);

/// ObjectStore::list_level over a tree. A directory that holds no object anywhere below is not there.
Result<std::vector<std::string>> list_tree_level(const DirectoryTree& tree, std::string_view prefix);

/// Size and time of a file as those of the object `key`.
ObjectInfo object_info(const ObjectKey& key, const struct stat& attributes);

}  // namespace spendsync::storage
