#include "jobs/wiring.h"

#include <unistd.h>

#include "base/worker_group.h"
#include "jobs/open_config.h"
#include "jobs/open_store.h"
#include "jobs/service_user.h"
#include "repository/remembered.h"
#include "storage/throttled/throttled_store.h"

namespace spendsync::jobs {
namespace {

KeyUse key_use(Wiring::Access access) {
  switch (access) {
    case Wiring::Access::reads:
    case Wiring::Access::restores:
      return KeyUse::reads;
    case Wiring::Access::writes:
      return KeyUse::writes;
    case Wiring::Access::adds_wraps:
      return KeyUse::adds_wraps;
  }
  return KeyUse::writes;
}

/// Never an error: one-shot commands work without state.
std::string usable_state_directory(const std::string& configured, Wiring::Access access) {
  auto usable = [&](const std::string& path) {
    if (access == Wiring::Access::writes && !make_directories(path, 0700)) return false;
    return ::access(path.c_str(), R_OK | W_OK | X_OK) == 0;
  };
  if (usable(configured)) return configured;
  const char* state_home = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string fallback;
  if (state_home != nullptr && *state_home == '/') {
    fallback = std::string(state_home) + "/spendsync";
  } else if (home != nullptr && *home == '/') {
    fallback = std::string(home) + "/.local/state/spendsync";
  }
  return !fallback.empty() && usable(fallback) ? fallback : std::string();
}

}  // namespace

Result<std::unique_ptr<Wiring>> Wiring::open(const Context& context, const Sources& sources, Access access) {
  auto loaded = TRY(load_configuration(sources.configuration, context.log));
  std::vector<std::string> directories;
  if (access == Access::writes) {
    directories.push_back(loaded.config.state_directory);
    // The place of a repository that this host has seen is not made anew: its disk may not be mounted.
    const auto* store = std::get_if<config::DirectoryTarget>(&loaded.config.storage.primary);
    const bool is_new = !repository::read_remembered(
        {.cluster = loaded.config.cluster, .state_directory = loaded.config.state_directory});
    if (store != nullptr && is_new) directories.push_back(store->path);
  }
  if (access == Access::restores) directories.push_back(loaded.config.restore.target_directory);
  auto kept = access == Access::restores ? KeptRights::restore_files : KeptRights::read_files;
  TRY(become_service_user(loaded.config, directories, kept));
  return open(context, std::move(loaded), sources.key, access);
}

Result<std::unique_ptr<Wiring>> Wiring::open(const Context& context, config::LoadedConfig loaded, const BroughtKey& key,
                                             Access access) {
  std::unique_ptr<Wiring> wiring(new Wiring(context, std::move(loaded)));
  wiring->state_directory_ = usable_state_directory(wiring->config().state_directory, access);
  wiring->brought_ = key;
  wiring->keys_ = TRY(open_keys(wiring->loaded_, key, key_use(access), context));
  const auto settings = wiring->repository_settings();
  const bool writes = access == Access::writes;
  auto store = open_store(wiring->loaded_, writes && !repository::read_remembered(settings));
  if (!store && writes && store.error().is(ErrorKind::not_found)) {
    TRY(repository::expect_remembered(settings, std::nullopt, wiring->place()));
  }
  wiring->store_ = TRY(std::move(store));
  if (writes) TRY(repository::check_place(settings, wiring->collaborators()));
  return wiring;
}

Result<Wiring::Examination> Wiring::examine(const Context& context, const Sources& sources) {
  auto loaded = TRY(load_configuration(sources.configuration, context.log));
  TRY(become_service_user(loaded.config, {}));
  Examination found;
  found.wiring.reset(new Wiring(context, std::move(loaded)));
  auto& wiring = *found.wiring;
  wiring.state_directory_ = usable_state_directory(wiring.config().state_directory, Access::reads);
  for (size_t number = 0; number < wiring.config().encryption.keys.size(); ++number) {
    config::LoadedConfig one = wiring.loaded_;
    one.config.encryption.keys = {wiring.config().encryption.keys[number]};
    auto opened = open_keys(one, {}, KeyUse::writes, context);
    found.keys.push_back({wiring.loaded_.where("encryption.keys[" + std::to_string(number) + "]"), std::nullopt});
    if (!opened) {
      found.keys.back().failure = std::move(opened).error();
      continue;
    }
    for (auto& wrapper : opened->wrappers) wiring.keys_.wrappers.push_back(std::move(wrapper));
  }
  auto store = open_store(wiring.loaded_, false);
  if (store) {
    wiring.store_ = *std::move(store);
  } else {
    found.store_failure = std::move(store).error();
  }
  return found;
}

void Wiring::limit_rates(RateLimits limits) {
  if (limits.upload == 0 && limits.download == 0) return;
  throttled_ = std::make_unique<storage::ThrottledStore>(
      storage::ThrottledStore::Settings{limits.upload, limits.download}, *store_, context_.clock, context_.stop);
}

uint64_t Wiring::upload_limit(const std::optional<uint64_t>& asked) const {
  return asked ? *asked : config().storage.upload_limit_bytes_per_second;
}

unsigned Wiring::workers(std::optional<unsigned> asked) const {
  if (asked) return *asked;
  if (config().workers) return static_cast<unsigned>(*config().workers);
  return available_cores();
}

postgres::Connection::Settings Wiring::connection() const {
  postgres::Connection::Settings settings;
  settings.connection_string = config().database.connection;
  return settings;
}

repository::Compressor::Settings Wiring::compression() const {
  const auto codec =
      config().compression.codec == config::Codec::none ? repository::Codec::none : repository::Codec::zstd;
  return {.codec = codec, .level = config().compression.level};
}

repository::Collaborators Wiring::collaborators() {
  std::vector<crypto::KeyWrapper*> wrappers;
  for (const auto& wrapper : keys_.wrappers) wrappers.push_back(wrapper.get());
  return {store(), std::move(wrappers), context_.random, context_.clock, context_.log};
}

Result<std::unique_ptr<repository::Repository>> Wiring::open_repository(
    std::optional<SystemIdentifier> system_identifier) {
  return repository::Repository::open_for_reading(repository_settings(), system_identifier, collaborators());
}

repository::ClusterIdentity Wiring::identity_of(const postgres::ServerInfo& server) const {
  repository::ClusterIdentity identity;
  identity.cluster = config().cluster;
  identity.system_identifier = server.system_identifier;
  identity.major_version = server.version / 10000;
  identity.catalog_version = server.catalog_version;
  identity.page_size = server.page_size;
  identity.wal_segment_size = server.wal_segment_size;
  identity.relation_segment_size = server.relation_segment_size;
  return identity;
}

repository::Repository::Settings Wiring::repository_settings() const {
  return {.cluster = config().cluster, .state_directory = state_directory_};
}

std::string Wiring::place() const { return place_of_store(config()); }

Result<std::unique_ptr<repository::Repository>> Wiring::open_or_create_repository(const postgres::ServerInfo& server) {
  return open_or_create_repository(identity_of(server));
}

Result<std::unique_ptr<repository::Repository>> Wiring::open_or_create_repository(
    const repository::ClusterIdentity& identity) {
  return repository::Repository::open_for_writing(repository_settings(), identity, collaborators());
}

std::vector<std::pair<std::string, std::string>> Wiring::own_files() const {
  std::vector<std::pair<std::string, std::string>> files;
  files.emplace_back(loaded_.file, "the program's configuration");
  files.emplace_back(config().state_directory, "the program's state");
  if (!state_directory_.empty()) files.emplace_back(state_directory_, "the program's state");
  if (const auto* store = std::get_if<config::DirectoryTarget>(&config().storage.primary)) {
    files.emplace_back(store->path, "the repository");
  }
  for (const auto& key : config().encryption.keys) {
    if (const auto* file = std::get_if<config::KeyFile>(&key)) files.emplace_back(file->path, "the repository's key");
  }
  return files;
}

}  // namespace spendsync::jobs
