// What one segment of WAL changes, as it is stored with the segment (docs/format/change-maps.md).
#pragma once

#include "postgres/wal/change_set.h"
#include "postgres/wal/record.h"

namespace spendsync::postgres {

/// Of the records that begin at or after `from` and end at or before `until`: of all of them. Maps of consecutive
/// segments are gapless where each begins no later than the one before it ends.
struct ChangeMap {
  Lsn from;
  Lsn until;
  WalChangeSet changes;

  Bytes encode();
  /// Errors: corrupt; unsupported for a newer version.
  static Result<ChangeMap> decode(ByteView bytes);
};

/// Whether the segment's first page continues a record, or says that one was given up.
/// Requires: content of a checked segment.
bool begins_inside_record(ByteView content);

/// Makes the map of one segment after the other, from the records that a reader finds. One thread. Memory: the map.
class ChangeMapper {
 public:
  struct Settings {
    uint32_t segment_size = 0;
    int major_version = 0;
  };
  explicit ChangeMapper(Settings settings) : settings_(settings) {}

  /// `next_record` is the reader's, before it is fed the segment.
  void begin(SegmentName name, ByteView content, Lsn next_record);
  /// Every record that ends in the segment, in order.
  void add(const WalRecord& record);
  /// `next_record` is the reader's, now. The encoded map; empty when a record could not be understood, so that there
  /// is none.
  Bytes finish(Lsn next_record);

 private:
  Settings settings_;
  ChangeMap map_;
  bool from_is_known_ = false;
  bool failed_ = false;
  WalRecordContents scratch_;
};

}  // namespace spendsync::postgres
