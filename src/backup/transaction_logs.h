// The transaction-log backup: WAL from the slot up to now, proved gapless, and the record that says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/log_record.h"
#include "repository/repository.h"
#include "wal/delivery.h"
#include "wal/slot.h"

namespace spendsync::backup {

/// One run. Nothing is listed until its record is put, which is last; killed at any point, the next run goes on from
/// what is in the repository.
///
/// What it covers: from where the last log record ended; without one from the newest backup's start; without a backup
/// from where the slot begins. Where the server's timeline forked off before that, from the fork. Where WAL on that way
/// is missing for good, from after the last missing segment: the record and the outcome say what is missing, and a
/// new full backup is demanded unless one was begun after the gap.
class TransactionLogBackup {
 public:
  struct Settings {
    postgres::Connection::Settings connection;
    std::string slot;
    std::string host;
    std::string tool_version;
    std::string data_directory;  // to see pg_wal's free space; empty: as the server says, when it is on this host
    std::chrono::seconds delivery_timeout{60};  // wal_delivery.h
    std::chrono::seconds busy_timeout{5};
    unsigned workers = 2;
    bool change_maps = false;  // wal_delivery.h
  };
  struct Collaborators {
    repository::Repository& repository;
    repository::WalArchive& archive;
    const Clock& clock;
    Log& log;
    Progress& progress;
  };
  TransactionLogBackup(Settings settings, Collaborators collaborators)
      : settings_(std::move(settings)), collaborators_(collaborators) {}

  struct Outcome {
    repository::Label label = repository::Label::make(Timestamp{}, BackupType::transaction_logs);
    repository::LogRecord record;  // as it was put
    wal::DeliveryPath path = wal::DeliveryPath::nothing_needed;
    uint64_t segments_stored = 0;  // by this run; record.segments counts all in its range
    std::optional<wal::WalRetention> retention;
    bool needs_full = false;            // there is a gap, and no backup begun after it
    std::vector<std::string> notices;   // to be printed
    std::vector<std::string> warnings;  // to be printed; the exit code stays 0
  };

  /// Errors: refused when the server is not the repository's cluster or has wal_level = minimal; conflict when another
  /// process uses the slot or the repository has other bytes under a segment's name; those of WalDelivery, but for
  /// WAL that is missing before the range.
  Result<Outcome> run(std::stop_token stop);

 private:
  struct Run;
  Settings settings_;
  Collaborators collaborators_;
};

}  // namespace spendsync::backup
