// A backup recovered into a sandbox, to be looked at and thrown away.
#pragma once

#include <optional>

#include "base/scratch_directory.h"
#include "postgres/server_process.h"
#include "restore/restore.h"
#include "restore/sandbox_directory.h"

namespace spendsync::restore {

/// The same restore and the same recovery as `restore` makes. Its server listens on a Unix socket below the sandbox (in
/// /tmp where that path is too long), neither archives nor subscribes nor runs jobs. One thread.
class RecoveredCluster {
 public:
  /// `plan` goes to sandbox.data_directory(). Leaves it recovered and cleanly stopped. `sandbox` must outlive it.
  /// Errors: those of execute_restore.
  static Result<RecoveredCluster> make(repository::Repository& repository, const SandboxDirectory& sandbox,
                                       const RestorePlan& plan, const ExecuteSettings& settings, Progress& progress,
                                       std::stop_token stop);

  /// Opens it for connections. `known_roles`: roles that may exist in it besides the running user's and postgres.
  /// Errors: those of ServerProcess; refused when no superuser can be found.
  Result<void> start(const std::vector<std::string>& known_roles, std::stop_token stop);
  /// Requires: started.
  Result<void> stop();

  /// libpq keywords, as a superuser that may do anything. Requires: started.
  std::string connection_string(const std::string& database) const;
  /// The same for PostgreSQL's programs: --host, --port, --username.
  std::vector<std::string> client_options() const;
  Result<postgres::Connection> connect(const std::string& database, std::stop_token stop) const;
  /// Databases that take connections, by name; not those that a DROP DATABASE has marked invalid, which
  /// RestoreReport::unusable names. Requires: started.
  Result<std::vector<std::string>> databases(std::stop_token stop) const;
  Result<std::vector<std::string>> databases_without_connections(std::stop_token stop) const;

  const std::string& data_directory() const { return data_directory_; }
  const std::string& bin_directory() const { return bin_directory_; }
  int major_version() const { return backup_.major_version; }
  const repository::ManifestSummary& backup() const { return backup_; }
  const RestoreReport& report() const { return report_; }
  /// An existing directory (0700) for files of the caller that go with the sandbox.
  const std::string& scratch_directory() const { return scratch_; }

 private:
  RecoveredCluster(const SandboxDirectory& sandbox, repository::ManifestSummary backup, std::string bin_directory)
      : data_directory_(sandbox.data_directory()),
        scratch_(sandbox.path() + "/scratch"),
        backup_(std::move(backup)),
        bin_directory_(std::move(bin_directory)) {}
  Result<postgres::ServerProcess::Settings> server_settings();
  Result<std::vector<std::string>> list_databases(const std::string& condition, std::stop_token stop) const;
  Result<std::string> find_superuser(const std::vector<std::string>& known_roles, std::stop_token stop) const;

  std::string data_directory_;
  std::string scratch_;
  repository::ManifestSummary backup_;
  std::string bin_directory_;
  RestoreReport report_;
  std::optional<ScratchDirectory> socket_elsewhere_;
  std::string socket_directory_;
  std::string superuser_;
  std::string maintenance_database_;
  std::optional<postgres::ServerProcess> server_;
};

}  // namespace spendsync::restore
