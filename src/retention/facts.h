// What the rules of retention look at: a repository as it was listed, without its content.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postgres/wal/timeline_history.h"
#include "repository/label.h"
#include "repository/log_record.h"

namespace spendsync::retention {

using repository::Label;

enum class Verified { unknown, good, failed };

/// A label whose manifest's key holds a manifest.
struct BackupFact {
  Label label = Label::make(Timestamp{}, BackupType::full);
  std::optional<std::string> damaged;  // why the manifest cannot be read; nothing below is known then
  std::optional<Label> parent;
  Timestamp started{};
  Timestamp stopped{};
  WalPosition start;
  WalPosition stop;
  bool complete = true;  // nothing that was asked for is missing
  uint64_t page_failures = 0;
  uint64_t sequence = 0;
  uint64_t stored_bytes = 0;
  Verified verified = Verified::unknown;
  std::optional<std::string> pinned;  // why
};

/// A label without a manifest.
struct RunFact {
  Label label = Label::make(Timestamp{}, BackupType::full);
  std::optional<Label> parent;  // of an incremental, as far as a mark at a full tells
  Timestamp began{};            // of its oldest object, the store's clock
  Timestamp last_sign{};        // of its newest one
  uint64_t bytes = 0;
  bool leftovers = false;  // more than a tombstone is there
  /// When its tombstone was put, by the store's clock: it was expired, or collected as unfinished.
  std::optional<Timestamp> gone_since = std::nullopt;
};

struct LogFact {
  Label label = Label::make(Timestamp{}, BackupType::transaction_logs);
  std::optional<std::string> damaged;
  Timestamp finished{};
  std::vector<repository::WalRange> ranges;
  uint64_t sequence = 0;
};

/// A whole segment. 24 bytes, for there may be hundreds of thousands.
struct SegmentFact {
  uint64_t number = 0;
  Timestamp stored{};  // the store's clock
  uint32_t bytes = 0;
};
/// A part of a segment, a .partial or a .backup file.
struct WalFileFact {
  std::string key;
  uint64_t number = 0;  // of the segment that it belongs to
  Timestamp stored{};
  uint64_t bytes = 0;
};
struct TimelineFact {
  std::vector<SegmentFact> segments;  // ascending
  std::vector<WalFileFact> files;
  /// Empty: there is no history file where there must be one, or it cannot be read.
  std::optional<postgres::TimelineHistory> history;
};

/// Immutable once gathered.
struct Facts {
  bool listings_complete = true;
  Timestamp now{};
  Timestamp newest_object{};               // of the format's objects, by the store's clock
  std::optional<std::string> went_back{};  // why the repository is not what this host has seen
  uint32_t segment_size = 0;               // bytes
  std::vector<BackupFact> backups;         // ascending by label
  std::vector<RunFact> runs;
  std::vector<LogFact> logs;
  std::map<Label, std::vector<Label>> children;  // marks of incrementals, by full
  std::map<TimelineId, TimelineFact> timelines;
  std::vector<std::string> foreign;  // keys that name no object of this format; the first 100
};

}  // namespace spendsync::retention
