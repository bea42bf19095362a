// The commits in a run of WAL: what a point in time means.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

/// A commit or abort record (access/xact.h), including prepared ones; or a restore point (XLOG_RESTORE_POINT).
struct WalEvent {
  enum class Kind { commit, abort, restore_point, checkpoint, end_of_recovery, parameter_change } kind = Kind::commit;
  Lsn start;
  Lsn end;
  uint32_t transaction = 0;  // commit, abort: the (top) transaction id; of the prepared transaction where it was one
  Timestamp time;            // commit, abort, restore_point
  std::string name;          // restore_point
};

/// Follows records from page to page and segment to segment (access/xlogreader.c's rules, continuation records and
/// overwritten ones included). Fed with consecutive segments; may start in the middle of a record, which it skips.
/// Stops at the first invalid record (CRC, prev link), which is the end of WAL. One thread. Memory: one record
/// (records over 64 MiB that are none of ours are skipped without being held).
class CommitScanner {
 public:
  struct Settings {
    uint32_t segment_size = 0;
    int major_version = 0;
  };
  explicit CommitScanner(Settings settings);
  CommitScanner(CommitScanner&&) noexcept;
  ~CommitScanner();

  /// The next consecutive segment's content. Calls `visit` for every event that ends in it.
  Result<void> feed(SegmentName name, ByteView content, const std::function<Result<void>(const WalEvent&)>& visit);
  /// End of the last valid record seen; zero before any.
  Lsn end_of_records() const;
  uint64_t records() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::postgres
