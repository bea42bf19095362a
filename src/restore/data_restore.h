// A backup's files into a data directory that cannot start until the last of them is there.
#pragma once

#include <optional>
#include <set>

#include "repository/placement.h"
#include "restore/captured_restore.h"
#include "restore/existing_tree.h"
#include "restore/plan.h"
#include "restore/server_configuration.h"
#include "restore/target_directory.h"

namespace spendsync::restore {

struct DataStats {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t special_bits = 0;  // entries of the data directory whose set-id or sticky bits were left out
  CapturedStats captured;
  std::vector<ServerFile> made;  // configuration files that the data directory did not have
  bool wal_in_backup = false;
  uint64_t written = 0;  // bytes of the database's files that were not there already
  uint64_t removed = 0;  // entries that the backup does not have
};

/// Restores everything but recovery. Order: files in parallel, links and maps, configuration, backup_manifest,
/// postgresql.auto.conf, sync of all, and global/pg_control under its name last of all: before that the directory is
/// no cluster to PostgreSQL (R1). Where the target holds files already (TargetDirectory::holds_files) its pg_control
/// goes first of all, what is right stays, and what the backup does not have is removed. One thread calls it; it starts
/// its own and has joined them when it returns.
class DataRestore {
 public:
  struct Settings {
    unsigned workers = 1;
    /// Lines for postgresql.auto.conf: recovery settings of a restore that is not recovered here, archive_mode.
    std::vector<std::pair<std::string, std::string>> auto_conf;
    /// Configuration files that the data directory lacks are made. Off where the server finds its own elsewhere.
    bool make_configuration = true;
  };
  DataRestore(repository::BackupReader& reader, repository::WalArchive& archive, const RestorePlan& plan,
              const TargetDirectory& target, Settings settings, Progress& progress);
  ~DataRestore();

  /// Errors: corrupt for damage and for entries that are refused; exhausted on a full disk; cancelled ...
  Result<DataStats> run(std::stop_token stop);

 private:
  class ManifestFile;
  struct Place {
    explicit Place(BeneathTree opened) : tree(std::move(opened)) {}
    BeneathTree tree;
    std::optional<ExistingTree> existing;
  };
  Result<void> open_places();
  Result<void> open_place(Place& place, ExistingTree::IsOurs is_ours) const;
  Result<void> invalidate() const;
  Result<void> remove_rest();
  uint64_t captured_bytes() const;
  Result<void> make_directory(Place& place, const std::string& path) const;
  Result<void> feed(std::stop_token stop);
  Result<void> add_database_entry(const repository::FileEntry& entry);
  Result<void> add_file(const repository::FileEntry& entry, Place& place, const std::string& path, bool in_manifest);
  Result<void> hold_control_file(const repository::FileEntry& entry);
  void remember_configuration(const repository::FileEntry& entry);
  Result<void> finish_database(std::stop_token stop);
  Result<void> write_backup_files();
  Result<void> link_tablespaces();
  Result<std::string> tablespace_map() const;
  Result<void> write_configuration();
  Result<void> fetch_missing_wal(std::stop_token stop);
  Result<void> write_own_file(const std::string& name, std::string_view content, bool in_manifest);
  Result<void> seal_control_file();
  Result<void> sync_trees() const;
  CapturedConfiguration captured_configuration();
  mode_t directory_mode() const { return group_access_ ? 0750 : 0700; }

  repository::BackupReader& reader_;
  repository::WalArchive& archive_;
  const RestorePlan& plan_;
  const TargetDirectory& target_;
  Settings settings_;
  Progress& progress_;

  bool group_access_ = false;
  std::unique_ptr<Place> data_;
  std::map<uint32_t, std::unique_ptr<Place>> tablespaces_;  // by oid
  std::optional<repository::ClusterPlacement> placement_;
  std::unique_ptr<ManifestFile> manifest_;
  std::unique_ptr<CapturedRestore> captured_;
  std::unique_ptr<ContentWriters> writers_;
  std::map<std::string, repository::FileEntry> configuration_;  // captured files that configuration may need
  std::set<std::string> database_files_;                        // those of interest: configuration and WAL
  Bytes control_file_;
  std::optional<repository::FileEntry> control_entry_;
  DataStats stats_;
};

}  // namespace spendsync::restore
