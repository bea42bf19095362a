// What a repository holds: backups, log records, unfinished runs. Damaged ones are entries too: shown, never hidden.
#pragma once

#include "repository/log_record.h"
#include "repository/manifest.h"

namespace spendsync::repository {

/// A manifest's summary, or why it cannot be read.
struct BackupEntry {
  Label label = Label::make(Timestamp{}, BackupType::full);
  uint64_t manifest_size = 0;  // bytes
  Result<ManifestSummary> summary = Error(ErrorKind::internal, "not read");
};

struct LogEntry {
  Label label = Label::make(Timestamp{}, BackupType::transaction_logs);
  Result<LogRecord> record = Error(ErrorKind::internal, "not read");
};

/// A run that has begun and has no manifest: still running, or killed.
struct UnfinishedRun {
  Label label = Label::make(Timestamp{}, BackupType::full);
  Timestamp created;  // of `started`, the store's clock
};

/// A snapshot, read once. Memory: the summaries, about 4 KiB each. Immutable, thread-safe.
class Catalog {
 public:
  /// Errors: those of listings, `cancelled`, and what keeps a record from being read without being its fault (the store
  /// does not answer, no memory). What is wrong with one record is in its entry.
  static Result<Catalog> load(Repository& repository, std::stop_token stop);

  /// Ascending by label, which is by start.
  const std::vector<BackupEntry>& backups() const { return backups_; }
  const std::vector<LogEntry>& logs() const { return logs_; }
  const std::vector<UnfinishedRun>& unfinished() const { return unfinished_; }

  /// The entry of that label; nullptr when there is none.
  const BackupEntry* find(const Label& label) const;
  const LogEntry* find_log(const Label& label) const;

  /// Whether what the backup refers to is there: an incremental is nothing without its full.
  /// Errors: not_found, corrupt, naming the full.
  Result<void> check_base(const ManifestSummary& backup) const;

  /// Readable backups, ascending by stop time, then label.
  std::vector<const ManifestSummary*> readable_backups() const;
  /// The newest backup that ended at or before the moment; nullptr when there is none. `accept` narrows the choice
  /// (type, timeline, completeness); empty: all.
  using Filter = std::function<bool(const ManifestSummary&)>;
  const ManifestSummary* newest_stopped_by(Timestamp moment, const Filter& accept = {}) const;
  /// The newest by stop LSN among those whose stop lies at or before `position` on one of the given timelines'
  /// stretches: the caller passes a filter that knows the timeline history.
  const ManifestSummary* newest_stopped_before(Lsn position, const Filter& accept = {}) const;
  /// The newest of all by stop time.
  const ManifestSummary* newest(const Filter& accept = {}) const;

  /// The greatest sequence number of any readable record, 0 when there is none.
  uint64_t newest_sequence() const;
  /// Keys of the readable records that no readable record cites: what the next one must cite.
  std::vector<std::string> heads(const Layout& layout) const;

 private:
  std::vector<BackupEntry> backups_;
  std::vector<LogEntry> logs_;
  std::vector<UnfinishedRun> unfinished_;
};

}  // namespace spendsync::repository
