#include "jobs/open_store.h"

#include "base/exit_code.h"
#include "storage/directory/directory_store.h"

namespace spendsync::jobs {
namespace {

Error not_yet(const config::LoadedConfig& loaded, const std::string& path, const std::string& what) {
  return Error(ErrorKind::invalid, loaded.where(path) + ": error: " + what + " is not supported by this version")
      .with_hint("use a directory as the store")
      .with_exit_code(kUsage);
}

}  // namespace

Result<std::unique_ptr<storage::ObjectStore>> open_store(const config::LoadedConfig& loaded, bool create) {
  const auto& settings = loaded.config.storage;
  if (settings.secondary) return not_yet(loaded, "storage.secondary", "a second store");
  const auto* directory = std::get_if<config::DirectoryTarget>(&settings.primary);
  if (directory == nullptr) return not_yet(loaded, "storage.primary.type", "storage of type s3");
  storage::DirectoryStore::Settings store{.path = directory->path, .create = create};
  std::unique_ptr<storage::ObjectStore> opened = TRY(storage::DirectoryStore::open(store));
  return opened;
}

std::string place_of_store(const config::Config& config) {
  const auto* directory = std::get_if<config::DirectoryTarget>(&config.storage.primary);
  return directory == nullptr ? std::string("the configured store") : directory->path;
}

}  // namespace spendsync::jobs
