// The backups that can be restored, and what is wrong with the others.
#pragma once

#include "jobs/wiring.h"
#include "repository/catalog.h"

namespace spendsync::jobs {

struct ListRequest {
  std::optional<BackupType> type{};     // empty: every type
  std::optional<unsigned> days_back{};  // only those that began in the last N days
};

/// What is told of a backup or a log record. Value type.
struct BackupRow {
  repository::Label label;
  std::string state;  // "ok", or why not
  Timestamp started{};
  Timestamp ended{};
  uint64_t stored_bytes = 0;
  uint64_t source_bytes = 0;
  std::string range;  // WAL
  std::string remarks;
  bool damaged = false;
  bool unusable = false;  // an incremental without its full
  std::string parent{};   // of an incremental
  SystemIdentifier server{};
  std::string verified{};  // "good" or "damaged": by the newest verify; empty: none
  bool pinned = false;
  bool earlier = false;  // of a server that the present one has adopted
  bool data_checksums = false;
  uint64_t page_failures = 0;  // pages whose checksum did not match when they were read
  std::vector<repository::PageFailures> page_failure_files{};
};

struct BackupList {
  std::string cluster;
  SystemIdentifier system_identifier;         // of the present server
  std::vector<BackupRow> rows;                // ascending by label
  std::vector<repository::Label> unfinished;  // running, or interrupted; never restored from
  std::vector<Error> rollbacks;               // what this host has seen and is not there; each warned of in the log
  bool damaged() const;                       // something in it cannot be restored, or the repository went back
};

/// Of the present server and of those that it has adopted. Reads records and marks alone. Errors: those of the store.
Result<BackupList> list_backups(Wiring& wiring, const ListRequest& request);

}  // namespace spendsync::jobs
