// The header that stands at the beginning of every WAL page (access/xlog_internal.h), versions 13 to 18.
#pragma once

#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

/// XLogPageHeaderData, and XLogLongPageHeaderData on the first page of a segment. Sizes in bytes, 8-byte aligned.
inline constexpr size_t kShortPageHeaderSize = 24;
inline constexpr size_t kLongPageHeaderSize = 40;
/// XLOG_BLCKSZ is a build option of the server; 8 KiB unless somebody chose otherwise.
inline constexpr uint32_t kSmallestWalPage = 1u << 10;
inline constexpr uint32_t kLargestWalPage = 64u << 10;

/// xlp_info.
inline constexpr uint16_t kFirstIsContinuation = 0x0001;             // XLP_FIRST_IS_CONTRECORD
inline constexpr uint16_t kLongHeader = 0x0002;                      // XLP_LONG_HEADER
inline constexpr uint16_t kBackupRemovable = 0x0004;                 // XLP_BKP_REMOVABLE
inline constexpr uint16_t kFirstIsOverwrittenContinuation = 0x0008;  // XLP_FIRST_IS_OVERWRITE_CONTRECORD
inline constexpr uint16_t kAllPageFlags = 0x000F;

/// The integer at `offset`. Requires: offset + sizeof(T) <= bytes.size().
template <class T>
T load(ByteView bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);  // WAL is in the server's byte order; ours is the same
  return value;
}

struct PageHeader {
  uint16_t magic = 0;
  uint16_t info = 0;
  TimelineId timeline;
  Lsn address;
  uint32_t remaining = 0;  // xlp_rem_len: bytes of a record that began on an earlier page

  bool is_long() const { return (info & kLongHeader) != 0; }
  size_t size() const { return is_long() ? kLongPageHeaderSize : kShortPageHeaderSize; }
};

/// Requires: page.size() >= kShortPageHeaderSize.
inline PageHeader load_page_header(ByteView page) {
  return {load<uint16_t>(page, 0), load<uint16_t>(page, 2), TimelineId{load<uint32_t>(page, 4)},
          Lsn{load<uint64_t>(page, 8)}, load<uint32_t>(page, 16)};
}

/// XLOG_PAGE_MAGIC of a major version; empty for one that is not supported.
std::optional<uint16_t> page_magic_of(int major_version);
/// The inverse; 0 for an unknown magic.
int major_version_of(uint16_t page_magic);

}  // namespace spendsync::postgres
