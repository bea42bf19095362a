// Marks that runs, people and expiry set beside objects, and tombstones (docs/format/repository.md, "Marks").
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace spendsync::repository {

/// All of these are put under the identity's meta key and may be repeated: a mark that is there stays as it is.
/// Errors: those of the store and the keys.

/// The key that lives as long as the cluster's folder: no new one is made for a small object.
Result<crypto::DataKeyPtr> identity_key(Repository& repository);

/// Says that the object is gone on purpose; to be put before it is removed.
Result<void> put_tombstone(Repository& repository, const storage::ObjectKey& expired, const std::string& reason);

/// The same of these segments and their parts, .partial and .backup files.
Result<void> put_wal_tombstone(Repository& repository, const SegmentRun& run, const std::string& reason);
/// All runs of segments that such tombstones name, each opened; one that proves nothing is left out.
/// Errors: those of the store; cancelled.
Result<std::vector<SegmentRun>> read_wal_tombstones(Repository& repository, std::stop_token stop);

/// `why` something of a backup could not be read; where that is missing and the backup has been expired, this instead.
/// Still not_found.
Error explain_missing(Repository& repository, const Label& label, Error why);

/// A tombstone at the key of the manifest of a run that has none: that run can no longer commit.
/// False: a manifest stands there, the run has become a backup.
Result<bool> collect_run(Repository& repository, const Label& label, const std::string& reason);

/// No incremental begins on this backup any more, and no pin keeps it.
Result<void> mark_expiring(Repository& repository, const Label& label, const std::string& host);

/// What keeps a backup whatever its age.
struct Pin {
  RunId id;
  std::string reason;
  std::string host;
  Timestamp created{};
};
/// Pins first and looks for `expiring` then; expiry does the same the other way round.
/// Errors: not_found when no such backup is listed; refused when its expiry has begun.
Result<void> pin_backup(Repository& repository, const Label& label, const std::string& reason, const std::string& host);
/// Gives up every pin of the backup. Returns how many there were.
Result<size_t> unpin_backup(Repository& repository, const Label& label);
/// Pins that count, oldest first. One that cannot be read counts, and says so as its reason.
Result<std::vector<Pin>> read_pins(Repository& repository, const Label& label);

}  // namespace spendsync::repository
