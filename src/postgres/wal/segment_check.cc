#include "postgres/wal/segment_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "postgres/wal/page_header.h"

namespace spendsync::postgres {

namespace {

struct MagicOfMajor {
  int major;
  uint16_t magic;
};
// XLOG_PAGE_MAGIC in access/xlog_internal.h of each release branch.
constexpr std::array kMagics = {MagicOfMajor{13, 0xD106}, MagicOfMajor{14, 0xD10D}, MagicOfMajor{15, 0xD110},
                                MagicOfMajor{16, 0xD113}, MagicOfMajor{17, 0xD116}, MagicOfMajor{18, 0xD118}};

bool is_plausible_segment_size(uint32_t size) {
  return std::has_single_bit(size) && size >= (1u << 20) && size <= (1u << 30);
}
bool is_plausible_page_size(uint32_t size) {
  return std::has_single_bit(size) && size >= kSmallestWalPage && size <= kLargestWalPage;
}

std::string describe_version(uint16_t magic) {
  int major = major_version_of(magic);
  return major == 0 ? fmt::format("an unknown version (page magic {:04X})", magic)
                    : fmt::format("PostgreSQL {}", major);
}

Error damaged(const SegmentExpectation& expected, std::string_view what) {
  return Error(ErrorKind::corrupt,
               fmt::format("WAL segment {} is damaged: {}", expected.name.file_name(expected.segment_size), what));
}

Error foreign(const SegmentExpectation& expected, std::string_view what) {
  return Error(ErrorKind::refused, fmt::format("WAL segment {} does not belong here: {}",
                                               expected.name.file_name(expected.segment_size), what));
}

Result<void> check_place(const SegmentHeader& header, const SegmentExpectation& expected) {
  if (header.major_version != expected.major_version) {
    return foreign(expected, fmt::format("it was written by {}, expected PostgreSQL {}", describe_version(header.magic),
                                         expected.major_version));
  }
  if (header.system_identifier != expected.system_identifier) {
    return foreign(expected, fmt::format("it was written by the cluster with system identifier {}, expected {}",
                                         header.system_identifier.value, expected.system_identifier.value));
  }
  if (header.segment_size != expected.segment_size) {
    return foreign(expected, fmt::format("its header says segments of {} bytes, expected {}", header.segment_size,
                                         expected.segment_size));
  }
  if (header.address != expected.name.start(expected.segment_size)) {
    return foreign(expected, fmt::format("it holds WAL from {}, expected {}", header.address.to_string(),
                                         expected.name.start(expected.segment_size).to_string()));
  }
  if (header.timeline > expected.name.timeline || header.timeline.value == 0) {
    return foreign(expected, fmt::format("it holds WAL of timeline {}, expected {}", header.timeline.value,
                                         expected.name.timeline.value));
  }
  return {};
}

bool is_zero_header(ByteView page) {
  return std::ranges::all_of(page.first(kShortPageHeaderSize), [](std::byte byte) { return byte == std::byte{0}; });
}

// Every page of a complete segment was written for this place, except that a WAL switch leaves zeros up to the end.
// A timeline that begins inside the segment starts with a copy of its parent's pages, so timelines may rise.
Result<void> check_pages(ByteView content, const SegmentExpectation& expected, const SegmentHeader& first) {
  TimelineId timeline = first.timeline;
  bool zeros = false;
  for (size_t offset = first.page_size; offset < content.size(); offset += first.page_size) {
    ByteView page = content.subspan(offset, first.page_size);
    if (is_zero_header(page)) {
      zeros = true;
      continue;
    }
    PageHeader header = load_page_header(page);
    Lsn address{first.address.value + offset};
    if (zeros) return damaged(expected, fmt::format("zeros stand before the page at offset {}", offset));
    if (header.magic != first.magic) {
      return damaged(expected, fmt::format("the page at offset {} has magic {:04X}, expected {:04X}", offset,
                                           header.magic, first.magic));
    }
    if (header.address != address) {
      return damaged(expected, fmt::format("the page at offset {} has address {}, expected {}", offset,
                                           header.address.to_string(), address.to_string()));
    }
    if ((header.info & ~kAllPageFlags) != 0 || header.is_long()) {
      return damaged(expected, fmt::format("the page at offset {} has impossible flags {:04X}", offset, header.info));
    }
    if (header.timeline < timeline || header.timeline > expected.name.timeline) {
      return damaged(expected, fmt::format("the page at offset {} is of timeline {}, expected {} to {}", offset,
                                           header.timeline.value, timeline.value, expected.name.timeline.value));
    }
    timeline = header.timeline;
  }
  return {};
}

}  // namespace

std::optional<uint16_t> page_magic_of(int major_version) {
  auto found = std::ranges::find(kMagics, major_version, &MagicOfMajor::major);
  return found == kMagics.end() ? std::nullopt : std::optional(found->magic);
}

int major_version_of(uint16_t page_magic) {
  auto found = std::ranges::find(kMagics, page_magic, &MagicOfMajor::magic);
  return found == kMagics.end() ? 0 : found->major;
}

Result<SegmentHeader> read_segment_header(ByteView first_page) {
  if (first_page.size() < kLongPageHeaderSize) {
    return Error(ErrorKind::corrupt, fmt::format("a WAL segment ends after {} bytes", first_page.size()));
  }
  PageHeader page = load_page_header(first_page);
  SegmentHeader header;
  header.magic = page.magic;
  header.major_version = major_version_of(page.magic);
  header.timeline = page.timeline;
  header.address = page.address;
  if (header.major_version == 0) {
    return Error(ErrorKind::corrupt, fmt::format("page magic {:04X} is not that of PostgreSQL 13 to 18", page.magic));
  }
  if (!page.is_long() || (page.info & ~kAllPageFlags) != 0) {
    return Error(ErrorKind::corrupt,
                 fmt::format("the first page has no long header (flags {:04X}): this is not the beginning of a segment",
                             page.info));
  }
  header.system_identifier = SystemIdentifier{load<uint64_t>(first_page, 24)};
  header.segment_size = load<uint32_t>(first_page, 32);
  header.page_size = load<uint32_t>(first_page, 36);
  if (!is_plausible_segment_size(header.segment_size) || !is_plausible_page_size(header.page_size)) {
    return Error(ErrorKind::corrupt, fmt::format("its header says segments of {} bytes and pages of {} bytes",
                                                 header.segment_size, header.page_size));
  }
  return header;
}

namespace {

Result<SegmentHeader> check_beginning(ByteView content, const SegmentExpectation& expected) {
  // Whose WAL it is comes first: for another cluster's segment its size would be the wrong reason.
  Result<SegmentHeader> header = read_segment_header(content);
  if (!header) return damaged(expected, header.error().message());
  TRY(check_place(*header, expected));
  if (content.size() != expected.segment_size) {
    return damaged(expected, fmt::format("it has {} bytes, expected {}", content.size(), expected.segment_size));
  }
  return header;
}

}  // namespace

Result<void> check_segment(ByteView content, const SegmentExpectation& expected) {
  SegmentHeader header = TRY(check_beginning(content, expected));
  return check_pages(content, expected, header);
}

Result<void> check_segment_beginning(ByteView content, const SegmentExpectation& expected) {
  TRY(check_beginning(content, expected));
  return {};
}

}  // namespace spendsync::postgres
