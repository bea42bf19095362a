// What a recovery can begin with: the backups and log records that the catalog has.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "repository/catalog.h"
#include "repository/verdicts.h"

namespace spendsync::wal {

/// What the catalog knows, readable records only. The rest is told as warnings.
struct BackupInventory {
  std::vector<repository::ManifestSummary> backups;  // ascending by label
  std::vector<repository::LogRecord> logs;           // ascending by label
  struct Unreadable {
    repository::Label label;
    Error why;
  };
  std::vector<Unreadable> unreadable;
  /// Why, by the newest verify, a backup is not to be relied on. It is restored from where it is asked for, and where
  /// nothing else leads to what was asked for.
  std::map<repository::Label, std::string> damaged;
  /// Why the repository is not what this host has seen (repository/rollback.h); the caller's to fill in. Another
  /// repository is warned of, an earlier state of the same one keeps --latest from being the latest.
  std::optional<Error> went_back{};
};
BackupInventory read_inventory(const repository::Catalog& catalog, const repository::Verdicts& verdicts);

}  // namespace spendsync::wal
