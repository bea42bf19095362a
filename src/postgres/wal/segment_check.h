// Is this file what its name says? (A5: access/xlog_internal.h page headers)
#pragma once

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

struct SegmentExpectation {
  SegmentName name;
  uint32_t segment_size = 0;
  SystemIdentifier system_identifier;
  int major_version = 0;  // decides the page magic
};
/// Size, page magic of the right major, long header (system identifier, segment and page size), timeline and address.
/// Errors: corrupt for damaged or truncated content; refused for another cluster's, version's or place's WAL (both
/// values named).
Result<void> check_segment(ByteView content, const SegmentExpectation& expected);
/// The same of the size and the first page alone: a .partial file ends in whatever the segment held before.
Result<void> check_segment_beginning(ByteView content, const SegmentExpectation& expected);

/// What the first page of a segment says of itself.
struct SegmentHeader {
  uint16_t magic = 0;
  int major_version = 0;
  TimelineId timeline;
  Lsn address;
  SystemIdentifier system_identifier;
  uint32_t segment_size = 0;
  uint32_t page_size = 0;
};
Result<SegmentHeader> read_segment_header(ByteView first_page);

}  // namespace spendsync::postgres
