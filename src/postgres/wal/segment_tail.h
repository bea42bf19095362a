// The last records of a segment, as a number: whether two segments of one name end alike can be told without the rest.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/types.h"

namespace spendsync::postgres {

/// A digest of where the last 64 records that begin and end in a segment begin, and of their CRC-32C, which covers all
/// that is in them. FNV-1a, 64 bit, over each record's start (u64) and CRC (u32), little-endian, oldest first. It tells
/// histories apart, not forgeries.
class TailDigest {
 public:
  static constexpr size_t kRecords = 64;
  void add(Lsn start, uint32_t crc);
  /// Empty: no record was added.
  std::optional<uint64_t> value() const;

 private:
  struct Record {
    Lsn start;
    uint32_t crc = 0;
  };
  std::array<Record, kRecords> records_{};  // a ring
  size_t added_ = 0;
};

struct SegmentTailRequest {
  std::string path;  // of the segment's file
  SegmentName name;
  uint32_t segment_size = 0;
  SystemIdentifier system_identifier;
  Lsn last_record;  // where the last record that begins in it begins, or the last whole one
};
/// Goes back from record to record, some kilobytes. Empty where the file is not there, or is not (or no longer) that
/// segment, or holds no whole record.
std::optional<uint64_t> read_segment_tail(const SegmentTailRequest& request);

}  // namespace spendsync::postgres
