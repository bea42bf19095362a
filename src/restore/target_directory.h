// The directories that a restore may write: checked, claimed by a marker, given up when all is done (R1).
#pragma once

#include "base/file.h"
#include "base/log.h"
#include "restore/own_tablespaces.h"
#include "restore/plan.h"

namespace spendsync::restore {

/// Holds the claim. The marker lies in the data directory (or in the directory of captured files, where only these
/// are restored) and is locked while this lives, so two restores never write one place. Destroying it without
/// finish() leaves the marker: the same restore may then take the place up again.
class TargetDirectory {
 public:
  struct Settings {
    RestorePaths paths;
    std::string plan_id;
    bool database = true;  // else captured files alone
    bool group_access = false;
    std::vector<std::string> tablespaces = {};  // where they lay, in place: whatever they hold
    /// Where the operator wants them: empty or not there, unless an unfinished restore of this very plan filled them.
    /// Where the data directory is rewritten, its own tablespaces too (see is_own_tablespace).
    std::vector<PlannedTablespace> chosen_tablespaces = {};
    OriginalTablespaces original_tablespaces = {};
    bool rewrite = false;  // --delta: the data directory of this cluster is taken over with what it holds
    SystemIdentifier system_identifier = {};
  };
  /// Makes what is missing. A place with this plan's unfinished marker is taken up again with what it holds (with
  /// `rewrite`, one of any plan of this cluster); a server that a killed restore left running in it is stopped first.
  /// Errors: refused when a server runs there, when it is not empty, is a link, or belongs to another user, or with
  /// `rewrite` is no data directory of this cluster; conflict while another restore holds it; those of the file system.
  static Result<TargetDirectory> claim(Settings settings, Log& log, std::stop_token stop);

  /// What claim() would refuse, changing nothing. A running server is none of it, nor is what only the place of an
  /// in-place restore's old directory holds: that is moved aside before.
  static Result<void> check(const Settings& settings);

  const RestorePaths& paths() const { return settings_.paths; }
  /// True when an unfinished restore of this plan lay here.
  bool taken_up() const { return taken_up_; }
  /// True when the data directory is to be brought to the backup by rewriting what differs.
  bool holds_files() const { return settings_.database && (taken_up_ || settings_.rewrite); }
  /// Makes <data>.files, <data>-tablespaces/<oid> or <data>.wal (0700), which must not be there yet.
  Result<void> make_directory(const std::string& path) const;
  /// Removes the marker: the last step of a restore. Durable.
  Result<void> finish();

 private:
  explicit TargetDirectory(Settings settings) : settings_(std::move(settings)) {}
  const std::string& claimed_directory() const {
    return settings_.database ? settings_.paths.data : settings_.paths.files;
  }
  std::string marker_path() const { return claimed_directory() + "/" + repository::kUnfinishedMarker; }
  Result<void> open_directory();
  Result<void> read_marker();
  Result<void> write_marker();
  Result<void> check_tablespaces() const;
  Result<void> check_chosen_tablespace(const PlannedTablespace& tablespace) const;
  Result<void> check_data_directory() const;
  Result<void> check_stopped() const;
  Result<void> check_unmarked() const;
  Result<void> check_beside(Log& log) const;
  Result<void> take_up(Log& log, std::stop_token stop);

  Settings settings_;
  Fd marker_;
  bool taken_up_ = false;
};

/// The system identifier of a stopped server's data directory: of pg_control, else of its newest WAL.
/// Errors: refused when neither tells.
Result<SystemIdentifier> identify_data_directory(const std::string& data_directory);

/// Ends the server that a killed run of this program left on `data`: the process that postmaster.pid names, believed
/// only while it has the data directory as its working directory, as every postmaster has. Errors: refused when it is
/// another's; conflict when it does not end; cancelled.
Result<void> stop_orphan(const std::string& data, Log& log, std::stop_token stop);

/// Absolute, without "." , ".." and doubled slashes; relative paths are taken from the working directory.
/// Errors: refused for "/", and for paths with a line end or backslash, which tablespace_map cannot hold everywhere.
Result<std::string> normalize_target(const std::string& path);

/// Whether `path` is `directory` or below it. Both absolute and normalized.
bool lies_within(const std::string& path, const std::string& directory);

/// <parent>/<label>-<UTC time>/data; or that of an unfinished restore of the same plan below `parent`.
Result<std::string> default_target(const std::string& parent, const std::string& label, Timestamp now,
                                   const std::string& plan_id);

}  // namespace spendsync::restore
