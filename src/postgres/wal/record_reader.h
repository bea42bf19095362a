// Records out of WAL segments: from page to page and segment to segment.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/segment_edges.h"
#include "postgres/wal/record.h"

namespace spendsync::postgres {

/// Follows the rules of access/xlogreader.c: continuation records, overwritten ones, WAL switches, page headers of
/// either length, the chain of previous records, CRC-32C. The first thing that does not fit is the end of WAL, which
/// is no error: recycled segments end in old WAL. Content is never trusted: nothing outside it is read.
/// One thread. Memory: one record, of which at most `record_size_max` bytes.
class WalRecordReader {
 public:
  struct Settings {
    uint32_t segment_size = 0;
    int major_version = 0;
    size_t record_size_max = 64u << 20;  // a longer record is checked all the same but delivered cut
  };
  using Visitor = std::function<Result<void>(const WalRecord&)>;

  explicit WalRecordReader(Settings settings);
  WalRecordReader(WalRecordReader&&) noexcept;
  WalRecordReader& operator=(WalRecordReader&&) noexcept;
  ~WalRecordReader();

  /// The content of the next consecutive segment: the first may begin in the middle of a record, which is skipped.
  /// Shorter content than a segment (a partial one) is read as far as it goes; nothing can follow it, except the same
  /// segment of the timeline that forked off inside it, of which the records seen already are skipped.
  /// Calls `visit` for every record that ends in it. After the end of WAL it does nothing.
  /// Errors: invalid when the segment does not follow the last one; the visitor's.
  Result<void> feed(SegmentName name, ByteView content, const Visitor& visit);

  /// True once something did not fit. A complete segment that was archived never brings this about unless it is
  /// damaged.
  bool at_end() const;
  /// Where and why it ended: "at 0/16B3748: the CRC-32C does not match". Empty before the end.
  const std::string& end_reason() const;
  /// Where the end of WAL was found: the start of the record or page that does not fit.
  Lsn end_position() const;
  /// End of the last valid record; zero before any.
  Lsn end_of_records() const;
  /// Start of a record that has begun and whose rest is in the next segment; zero when there is none.
  Lsn unfinished_record() const;
  /// Where the next record begins, which may be in the segment that comes next: from there on none was missed. Zero
  /// while no record was found, and after the end of WAL.
  Lsn next_record() const;
  uint64_t records() const;
  /// Of the segment that was fed last, as far as it was read.
  const SegmentEdges& edges() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::postgres
