// Strong types of the domain: what may not be mixed up is not an integer here.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace spendsync {

/// Microseconds since 1970 in UTC: PostgreSQL's own resolution.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Position in the write-ahead log, in bytes. Written as PostgreSQL does: "16/B374D848".
struct Lsn {
  uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
  static Result<Lsn> parse(std::string_view text);
  std::string to_string() const;
};

struct TimelineId {
  uint32_t value = 0;
  auto operator<=>(const TimelineId&) const = default;
  std::string to_hex() const;  // eight upper-case digits, as in file names
};

/// The cluster's identifier from pg_control. Decimal in text.
struct SystemIdentifier {
  uint64_t value = 0;
  auto operator<=>(const SystemIdentifier&) const = default;
  static Result<SystemIdentifier> parse(std::string_view text);
  std::string to_string() const { return std::to_string(value); }
};

struct BlockNumber {
  uint32_t value = 0;
  auto operator<=>(const BlockNumber&) const = default;
};

/// A position of one timeline.
struct WalPosition {
  TimelineId timeline;
  Lsn lsn;
  bool operator==(const WalPosition&) const = default;
};

/// One WAL segment file by its number on a timeline: 24 hexadecimal digits as a file name.
/// The name depends on the segment size (xlog_internal.h: XLogFileName).
struct SegmentName {
  TimelineId timeline;
  uint64_t number = 0;  // start LSN / segment size
  auto operator<=>(const SegmentName&) const = default;

  /// Errors: invalid unless 24 hexadecimal digits that are possible with this segment size.
  static Result<SegmentName> parse(std::string_view file_name, uint32_t segment_size);
  /// The segment that holds the byte at `lsn`.
  static SegmentName containing(TimelineId timeline, Lsn lsn, uint32_t segment_size) {
    return {timeline, lsn.value / segment_size};
  }
  /// The segment that holds the last byte before `lsn` (XLByteToPrevSeg): where a backup's WAL ends.
  static SegmentName ending_at(TimelineId timeline, Lsn lsn, uint32_t segment_size) {
    return {timeline, (lsn.value - 1) / segment_size};
  }
  std::string file_name(uint32_t segment_size) const;
  Lsn start(uint32_t segment_size) const { return {number * segment_size}; }
  Lsn end(uint32_t segment_size) const { return {(number + 1) * segment_size}; }
  SegmentName next() const { return {timeline, number + 1}; }
};

/// Consecutive segments of one timeline, both ends included.
struct SegmentRun {
  SegmentName first;
  SegmentName last;
  bool operator==(const SegmentRun&) const = default;
  uint64_t count() const { return last.number - first.number + 1; }
  bool contains(SegmentName name) const {
    return name.timeline == first.timeline && first.number <= name.number && name.number <= last.number;
  }
};

/// "8 hexadecimal digits.history"; "24 digits.partial"; "24 digits.8 digits.backup": what else archiving hands over.
enum class WalFileKind { segment, history, partial, backup_history, unknown };
WalFileKind classify_wal_file(std::string_view file_name);

enum class BackupType { full, incremental, transaction_logs };
std::string_view to_string(BackupType type);
Result<BackupType> parse_backup_type(std::string_view text);

}  // namespace spendsync
