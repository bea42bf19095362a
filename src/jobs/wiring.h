// The one place that turns configuration into objects.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "config/load.h"
#include "crypto/data_key.h"
#include "jobs/context.h"
#include "jobs/open_keys.h"
#include "postgres/connection.h"
#include "repository/codec.h"
#include "repository/repository.h"
#include "storage/object_store.h"

namespace spendsync::jobs {

/// Where a job's configuration and keys come from. Value type.
struct Sources {
  std::optional<std::string> configuration;  // a file; empty: as configuration_path() finds it
  BroughtKey key;
};

/// Configuration, store and keys of one job.
class Wiring {
 public:
  enum class Access { reads, writes, restores, adds_wraps };
  /// All steps at once, for a process that does one job: loads the configuration, becomes the service user for good
  /// (root's privileges are dropped), opens keys and store.
  /// Errors: exit code 2 for the configuration, those of service_user.h and of the other open().
  static Result<std::unique_ptr<Wiring>> open(const Context& context, const Sources& sources, Access access);
  /// The last two steps, for a process that does many: keys and store. Errors: those of store and keys; for `writes`
  /// refused where the repository that this host has seen is not there, or another one is: nothing was made then.
  static Result<std::unique_ptr<Wiring>> open(const Context& context, config::LoadedConfig loaded,
                                              const BroughtKey& key, Access access);

  /// What opens and what does not, for `check`, which goes on where a part fails.
  struct Examination {
    std::unique_ptr<Wiring> wiring;      // store() only without a store_failure
    std::optional<Error> store_failure;  // not_found: it is not there yet
    struct Key {
      std::string where;  // "backup-config.yml:31:5"
      std::optional<Error> failure;
    };
    std::vector<Key> keys;  // as configured
  };
  /// All steps; makes nothing. Errors: exit code 2 for the configuration; those of changing the user.
  static Result<Examination> examine(const Context& context, const Sources& sources);

  const Context& context() const { return context_; }
  const config::Config& config() const { return loaded_.config; }
  /// incremental.find_changes: wal. WAL is then stored with change maps.
  bool makes_change_maps() const { return config().incremental.find_changes == config::FindChanges::wal; }
  const config::LoadedConfig& loaded() const { return loaded_; }
  storage::ObjectStore& store() { return throttled_ ? *throttled_ : *store_; }
  /// Where state is kept: the configured directory, else $XDG_STATE_HOME/spendsync, else empty (never an error).
  const std::string& state_directory() const { return state_directory_; }
  /// From now on the store is sent to and read from no faster than this; bytes a second, 0: no limit. To be called
  /// before store() or anything made from it is used. WAL that the server pushes is never slowed down.
  struct RateLimits {
    uint64_t upload = 0;
    uint64_t download = 0;
  };
  void limit_rates(RateLimits limits);
  /// storage.upload_limit, or what --throttle asks for.
  uint64_t upload_limit(const std::optional<uint64_t>& asked) const;
  unsigned workers(std::optional<unsigned> asked) const;
  postgres::Connection::Settings connection() const;
  repository::Compressor::Settings compression() const;
  repository::Collaborators collaborators();

  /// The escrow key that was brought (--escrow-key), or null: then no configured key is open, unless wraps are added.
  crypto::KeyWrapper* escrow_key() { return keys_.brought; }
  const BroughtKey& brought_key() const { return brought_; }
  bool passphrase_typed() const { return keys_.passphrase_typed; }

  /// For commands that read, and for `wal push`.
  Result<std::unique_ptr<repository::Repository>> open_repository(
      std::optional<SystemIdentifier> system_identifier = std::nullopt);
  /// What the repository records of such a server.
  repository::ClusterIdentity identity_of(const postgres::ServerInfo& server) const;
  /// For commands that may be the first to write.
  Result<std::unique_ptr<repository::Repository>> open_or_create_repository(const postgres::ServerInfo& server);
  Result<std::unique_ptr<repository::Repository>> open_or_create_repository(
      const repository::ClusterIdentity& identity);

  repository::Repository::Settings repository_settings() const;
  /// Where the repository is, or would be: for messages.
  std::string place() const;

  /// The program's own files, which are never captured nor replaced: path and what it is.
  std::vector<std::pair<std::string, std::string>> own_files() const;

 private:
  Wiring(const Context& context, config::LoadedConfig loaded) : context_(context), loaded_(std::move(loaded)) {}
  Context context_;
  config::LoadedConfig loaded_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<storage::ObjectStore> throttled_;  // over store_; empty: no limit
  BroughtKey brought_;
  OpenedKeys keys_;
  std::string state_directory_;
};

}  // namespace spendsync::jobs
