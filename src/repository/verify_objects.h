// Proof that objects are whole: every one is read again, authenticated and decoded. Changes nothing.
#pragma once

#include <optional>

#include "base/progress.h"
#include "repository/catalog.h"
#include "repository/wal_archive.h"

namespace spendsync::repository {

struct Finding {
  std::string key;  // of the object, relative to the prefix
  ErrorKind kind = ErrorKind::corrupt;
  std::string what;  // one line
  /// A file that a damaged or missing pack has taken along; the pack has a finding of its own. Empty: an object itself.
  std::optional<std::string> file = std::nullopt;
  uint64_t file_bytes = 0;
};

struct VerifyReport {
  std::vector<Finding> findings;  // the first 10000; ordered by key
  uint64_t findings_total = 0;
  uint64_t objects = 0;  // read
  uint64_t bytes = 0;
  uint64_t files = 0;
  bool clean() const { return findings_total == 0; }
};

struct VerifySettings {
  unsigned workers = 1;
  Progress* progress = nullptr;  // bytes and objects; may be absent
};

/// The functions below return errors only for what keeps them from working at all (the store cannot be reached, stop):
/// what is wrong with an object is a finding.

/// `repository`, `identity`, and every wrap of every key: decodable, in its place, and opened where one of the
/// wrappers made it.
Result<VerifyReport> verify_cluster(Repository& repository, const VerifySettings& settings, std::stop_token stop);

/// Everything a restore of this backup would read, and its full's: started, manifest, keys with all recorded wraps,
/// packs whole (every frame authenticated and decoded, index and trailer agree, nothing left over), the file table,
/// every file's size and CRC-32C; and that no rule of the restore is broken (restore_rules.h).
Result<VerifyReport> verify_backup(Repository& repository, const Label& label, const VerifySettings& settings,
                                   std::stop_token stop);

/// A log record, and every segment and history file of its ranges: none missing, each whole.
Result<VerifyReport> verify_log(Repository& repository, const Label& label, const VerifySettings& settings,
                                std::stop_token stop);

/// The segments that hold [from, to) and the timeline's history file.
Result<VerifyReport> verify_wal_range(Repository& repository, const WalRange& range, const VerifySettings& settings,
                                      std::stop_token stop);

/// All of the cluster's folder: the above for every backup and log record, every WAL object, the chain, the WAL from
/// each backup's start to its stop and each log record's ranges, marks and tombstones, and objects that do not belong.
Result<VerifyReport> verify_everything(Repository& repository, const VerifySettings& settings, std::stop_token stop);

}  // namespace spendsync::repository
