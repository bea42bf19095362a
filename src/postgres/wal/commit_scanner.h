// The commits in a run of WAL: what a point in time means.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/types.h"
#include "postgres/wal/parameter_change.h"
#include "postgres/wal/record_reader.h"

namespace spendsync::postgres {

/// A commit or abort record (access/xact.h), of prepared transactions as well; a prepare record (PREPARE TRANSACTION);
/// a restore point (XLOG_RESTORE_POINT) ...
struct WalEvent {
  enum class Kind {
    commit,
    abort,
    prepare,
    restore_point,
    checkpoint,
    end_of_recovery,
    parameter_change
  } kind = Kind::commit;
  Lsn start;
  Lsn end;
  TimelineId timeline;         // of the segment in which it ended
  uint32_t transaction = 0;    // commit, abort, prepare: the (top) transaction id, of the prepared one where it was one
  Timestamp time;              // commit, abort, prepare, restore_point
  std::string name;            // restore_point
  ReplayLimitValues limits{};  // parameter_change
};

/// Looks into the records that a WalRecordReader finds (record_reader.h: which segments may follow each other, and what
/// ends WAL). One thread. Memory: one record (of records over 64 MiB only the beginning is held).
class CommitScanner {
 public:
  struct Settings {
    uint32_t segment_size = 0;
    int major_version = 0;
  };
  explicit CommitScanner(Settings settings);
  CommitScanner(CommitScanner&&) noexcept;
  CommitScanner& operator=(CommitScanner&&) noexcept;
  ~CommitScanner();

  /// The next consecutive segment's content. Calls `visit` for every event that ends in it.
  /// Errors: those of WalRecordReader; corrupt when a record with a right CRC does not hold what it must.
  Result<void> feed(SegmentName name, ByteView content, const std::function<Result<void>(const WalEvent&)>& visit) {
    return feed(name, content, visit, {});
  }
  /// The same; `see` is shown every record first, whatever is in it.
  Result<void> feed(SegmentName name, ByteView content, const std::function<Result<void>(const WalEvent&)>& visit,
                    const WalRecordReader::Visitor& see);
  /// End of the last valid record seen; zero before any.
  Lsn end_of_records() const;
  uint64_t records() const;
  /// Where the records ended and why (WalRecordReader).
  const WalRecordReader& reader() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::postgres
