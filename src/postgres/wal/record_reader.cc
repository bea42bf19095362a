#include "postgres/wal/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/crc32c.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/segment_tail.h"

namespace spendsync::postgres {

namespace {

constexpr size_t kCrcOffset = 20;  // of xl_crc: the CRC covers what follows the header, then the header up to here
constexpr uint8_t kMaxBuiltinResource = 21;  // RM_LOGICALMSG_ID
constexpr uint8_t kMinCustomResource = 128;  // 15+

constexpr size_t align_record(size_t size) { return (size + 7) & ~size_t{7}; }

}  // namespace

struct WalRecordReader::State {
  enum class Phase {
    searching,  // for the first record: what a page continues from before the beginning is skipped
    at_record,  // the next record begins at the current position
    in_record,  // a record goes on at the beginning of the next page
    ended
  };

  Settings settings;
  Phase phase = Phase::searching;
  std::optional<SegmentName> last_segment;
  bool last_was_whole = false;
  TimelineId page_timeline;  // of the newest page; never falls
  Lsn last_record;           // start of the newest valid record: what the next one's xl_prev must say
  Lsn end_of_records;
  Lsn skip_until;  // records that end here or before were delivered from the parent timeline
  uint64_t records = 0;
  SegmentEdges edges;
  TailDigest tail;  // of the segment that is being read
  std::string end_reason;
  Lsn end_position;

  // The record that is being put together across pages.
  Lsn record_start;
  uint64_t record_size = 0;
  uint64_t record_have = 0;
  uint32_t record_crc = 0;  // of what followed the header so far
  Bytes record_bytes;       // at most record_size_max

  // The segment that is being read.
  SegmentName segment;
  ByteView content;
  size_t page_size = 0;
  size_t page_offset = 0;  // of the current page in the segment
  ByteView page;           // shorter than page_size at the end of a partial segment
  size_t position = 0;     // in the page
  const Visitor* visit = nullptr;

  Lsn page_address() const { return {segment.start(settings.segment_size).value + page_offset}; }
  Lsn here() const { return {page_address().value + position}; }

  void end_at(Lsn where, std::string_view why) {
    phase = Phase::ended;
    end_position = where;
    end_reason = fmt::format("at {}: {}", where.to_string(), why);
  }

  Result<void> begin_segment(SegmentName name, ByteView bytes);
  Result<void> read_pages();
  bool open_page();
  std::string_view page_fault(const PageHeader& header) const;
  Result<void> enter_page(const PageHeader& header);
  Result<void> read_records();
  Result<void> read_record_in_page(uint32_t size);
  void start_long_record(uint32_t size);
  Result<void> continue_record(const PageHeader& header);
  std::string_view header_fault(ByteView header, Lsn start) const;
  Result<void> deliver(WalRecord record);
  WalRecord describe(ByteView header, Lsn start) const;
  bool begins_here(Lsn start) const { return start >= segment.start(settings.segment_size); }
  void note_begin(ByteView header, Lsn start);
};

Result<void> WalRecordReader::State::begin_segment(SegmentName name, ByteView bytes) {
  if (bytes.size() > settings.segment_size) {
    return Error(ErrorKind::invalid,
                 fmt::format("WAL segment {} has {} bytes, more than a segment's {}",
                             name.file_name(settings.segment_size), bytes.size(), settings.segment_size));
  }
  bool forked = last_segment && name.timeline > last_segment->timeline && name.number == last_segment->number;
  bool follows = last_segment && name.timeline >= last_segment->timeline && name.number == last_segment->number + 1;
  if (last_segment && !forked && !(follows && (last_was_whole || phase == Phase::ended))) {
    return Error(ErrorKind::invalid,
                 fmt::format("WAL segment {} does not follow {}", name.file_name(settings.segment_size),
                             last_segment->file_name(settings.segment_size)));
  }
  if (forked) {
    // The new timeline's segment repeats the old one's up to the fork: read it from its beginning once more.
    phase = Phase::searching;
    skip_until = end_of_records;
    last_record = {};
    page_timeline = {};
    end_reason.clear();
    end_position = {};
  }
  std::optional<uint64_t> previous_tail;
  if (forked) {
    previous_tail = edges.previous_tail;  // of the same place
  } else if (follows && last_was_whole && phase != Phase::ended) {
    previous_tail = edges.tail;
  }
  edges = {};
  edges.previous_tail = previous_tail;
  tail = {};
  last_segment = name;
  last_was_whole = bytes.size() == settings.segment_size;
  segment = name;
  content = bytes;
  return {};
}

Result<void> WalRecordReader::State::read_pages() {
  if (phase == Phase::ended) return {};
  page_offset = 0;
  page_size = kSmallestWalPage;
  if (content.size() >= kLongPageHeaderSize) {
    // Checked with the first page's header; until then it only has to be usable.
    uint32_t stated = load<uint32_t>(content, 36);
    if (stated >= kSmallestWalPage && stated <= kLargestWalPage && (stated & (stated - 1)) == 0) page_size = stated;
  }
  while (phase != Phase::ended && page_offset < content.size()) {
    page = content.subspan(page_offset, std::min(page_size, content.size() - page_offset));
    if (!open_page()) return {};
    PageHeader header = load_page_header(page);
    TRY(enter_page(header));
    if (phase == Phase::at_record) TRY(read_records());
    page_offset += page_size;
  }
  return {};
}

bool WalRecordReader::State::open_page() {
  position = 0;
  size_t header_size = page_offset == 0 ? kLongPageHeaderSize : kShortPageHeaderSize;
  if (page.size() < header_size) {
    end_at(page_address(), "the content ends");
    return false;
  }
  PageHeader header = load_page_header(page);
  if (auto fault = page_fault(header); !fault.empty()) {
    end_at(phase == Phase::in_record ? record_start : page_address(), fault);
    return false;
  }
  page_timeline = header.timeline;
  position = header.size();
  return true;
}

std::string_view WalRecordReader::State::page_fault(const PageHeader& header) const {
  if (header.magic != page_magic_of(settings.major_version)) return "a page has the magic of no or another version";
  if ((header.info & ~kAllPageFlags) != 0) return "a page has impossible flags";
  if (header.address != page_address()) return "a page belongs to another place";
  if (header.is_long() != (page_offset == 0)) return "a page has a header of the wrong length";
  if (header.is_long()) {
    if (load<uint32_t>(page, 32) != settings.segment_size) return "a segment is of another size";
    if (load<uint32_t>(page, 36) != page_size) return "a page is of another size";
  }
  if (header.timeline < page_timeline || header.timeline > segment.timeline) return "a page is of another timeline";
  return {};
}

/// Deals with what the page continues, and stops where its first record begins.
Result<void> WalRecordReader::State::enter_page(const PageHeader& header) {
  bool continues = (header.info & kFirstIsContinuation) != 0;
  switch (phase) {
    case Phase::searching:
      if (continues && align_record(header.remaining) >= page_size - position) return {};  // nothing begins here
      if (continues) position += align_record(header.remaining);
      phase = Phase::at_record;
      return {};
    case Phase::in_record:
      if ((header.info & kFirstIsOverwrittenContinuation) != 0) {
        // The server crashed before it had written the rest, gave the record up and went on here.
        phase = Phase::at_record;
        return {};
      }
      return continue_record(header);
    case Phase::at_record:
      if (continues) end_at(page_address(), "a page continues a record that did not begin");
      return {};
    case Phase::ended:
      return {};
  }
  return {};
}

Result<void> WalRecordReader::State::read_records() {
  while (phase == Phase::at_record && position < page_size) {
    if (position + sizeof(uint32_t) > page.size()) {
      end_at(here(), "the content ends");
      return {};
    }
    uint32_t size = load<uint32_t>(page, position);
    if (size < kRecordHeaderSize) {
      end_at(here(), "no record begins");
      return {};
    }
    if (size <= page_size - position) {
      TRY(read_record_in_page(size));
    } else {
      start_long_record(size);
    }
  }
  return {};
}

Result<void> WalRecordReader::State::read_record_in_page(uint32_t size) {
  if (position + size > page.size()) {
    end_at(here(), "the content ends inside a record");
    return {};
  }
  ByteView bytes = page.subspan(position, size);
  if (auto fault = header_fault(bytes, here()); !fault.empty()) {
    end_at(here(), fault);
    return {};
  }
  uint32_t crc = crc32c(crc32c(0, bytes.subspan(kRecordHeaderSize)), bytes.first(kCrcOffset));
  if (crc != load<uint32_t>(bytes, kCrcOffset)) {
    end_at(here(), "the CRC-32C of a record does not match");
    return {};
  }
  WalRecord record = describe(bytes, here());
  record.bytes = bytes;
  position += align_record(size);
  record.end = here();
  return deliver(record);
}

void WalRecordReader::State::start_long_record(uint32_t size) {
  if (page.size() != page_size) {
    end_at(here(), "the content ends inside a record");
    return;
  }
  ByteView bytes = page.subspan(position);
  // A header that is whole is judged at once, so that garbage is not collected.
  if (bytes.size() >= kRecordHeaderSize) {
    if (auto fault = header_fault(bytes, here()); !fault.empty()) {
      end_at(here(), fault);
      return;
    }
  }
  note_begin(bytes, here());
  record_start = here();
  record_size = size;
  record_have = bytes.size();
  record_crc = bytes.size() > kRecordHeaderSize ? crc32c(0, bytes.subspan(kRecordHeaderSize)) : 0;
  record_bytes.assign(bytes.begin(), bytes.end());
  phase = Phase::in_record;
  position = page_size;
}

Result<void> WalRecordReader::State::continue_record(const PageHeader& header) {
  uint64_t missing = record_size - record_have;
  if ((header.info & kFirstIsContinuation) == 0 || header.remaining != missing) {
    end_at(record_start, "a record is not continued on the next page");
    return {};
  }
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(missing, page_size - position));
  if (position + wanted > page.size()) {
    end_at(record_start, "the content ends inside a record");
    return {};
  }
  ByteView bytes = page.subspan(position, wanted);
  size_t of_header = static_cast<size_t>(
      std::min<uint64_t>(wanted, record_have < kRecordHeaderSize ? kRecordHeaderSize - record_have : 0));
  size_t room = settings.record_size_max - std::min(settings.record_size_max, record_bytes.size());
  record_bytes.insert(record_bytes.end(), bytes.begin(),
                      bytes.begin() + static_cast<ptrdiff_t>(std::min(wanted, room)));
  record_crc = crc32c(record_crc, bytes.subspan(of_header));
  bool header_completed = of_header != 0 && record_have + of_header == kRecordHeaderSize;
  record_have += wanted;
  if (header_completed) {
    if (auto fault = header_fault(record_bytes, record_start); !fault.empty()) {
      end_at(record_start, fault);
      return {};
    }
  }
  if (record_have < record_size) return {};

  ByteView head(record_bytes);
  if (crc32c(record_crc, head.first(kCrcOffset)) != load<uint32_t>(head, kCrcOffset)) {
    end_at(record_start, "the CRC-32C of a record does not match");
    return {};
  }
  WalRecord record = describe(head, record_start);
  record.bytes = head;
  record.is_cut = record_bytes.size() < record_size;
  position += align_record(wanted);
  record.end = here();
  phase = Phase::at_record;
  return deliver(record);
}

/// What ValidXLogRecordHeader asks for. Requires: a whole header.
std::string_view WalRecordReader::State::header_fault(ByteView header, Lsn start) const {
  auto resource = load<uint8_t>(header, 17);
  if (resource > kMaxBuiltinResource && (settings.major_version < 15 || resource < kMinCustomResource)) {
    return "a record has an unknown resource manager";
  }
  Lsn previous{load<uint64_t>(header, 8)};
  // Only the first record found has no known predecessor.
  if (last_record.value == 0 ? previous >= start : previous != last_record) {
    return "a record does not follow the one before it";
  }
  return {};
}

WalRecord WalRecordReader::State::describe(ByteView header, Lsn start) const {
  WalRecord record;
  record.start = start;
  record.size = load<uint32_t>(header, 0);
  record.transaction = load<uint32_t>(header, 4);
  record.previous = Lsn{load<uint64_t>(header, 8)};
  record.info = load<uint8_t>(header, 16);
  record.resource_manager = load<uint8_t>(header, 17);
  return record;
}

/// `header` may be cut by the end of the page.
void WalRecordReader::State::note_begin(ByteView header, Lsn start) {
  constexpr size_t kPreviousOffset = 8;
  bool is_first = !edges.last_record;
  if (is_first && header.size() >= kPreviousOffset + sizeof(uint64_t)) {
    edges.first_previous = Lsn{load<uint64_t>(header, kPreviousOffset)};
  }
  edges.last_record = start;
}

Result<void> WalRecordReader::State::deliver(WalRecord record) {
  if (begins_here(record.start)) {
    // One whose header was cut by a page's end has been noted without it.
    if (!edges.first_previous && (!edges.last_record || *edges.last_record == record.start)) {
      edges.first_previous = record.previous;
    }
    edges.last_record = record.start;
    edges.last_whole = record.start;
    tail.add(record.start, load<uint32_t>(record.bytes, kCrcOffset));
  }
  if (record.is(XlogRecordType::switch_segment)) {
    // The rest of the segment holds nothing.
    record.end = segment.end(settings.segment_size);
    page_offset = settings.segment_size;
    position = page_size;
  }
  last_record = record.start;
  end_of_records = std::max(end_of_records, record.end);
  if (record.end <= skip_until) return {};
  ++records;
  return (*visit)(record);
}

WalRecordReader::WalRecordReader(Settings settings) : state_(std::make_unique<State>()) {
  CHECK(settings.record_size_max >= kLargestWalPage);  // the page on which a record begins is always held
  state_->settings = settings;
}
WalRecordReader::WalRecordReader(WalRecordReader&&) noexcept = default;
WalRecordReader& WalRecordReader::operator=(WalRecordReader&&) noexcept = default;
WalRecordReader::~WalRecordReader() = default;

Result<void> WalRecordReader::feed(SegmentName name, ByteView content, const Visitor& visit) {
  TRY(state_->begin_segment(name, content));
  state_->visit = &visit;
  Result<void> read = state_->read_pages();
  state_->edges.tail = state_->tail.value();
  state_->visit = nullptr;
  state_->content = {};
  state_->page = {};
  return read;
}

bool WalRecordReader::at_end() const { return state_->phase == State::Phase::ended; }
const std::string& WalRecordReader::end_reason() const { return state_->end_reason; }
Lsn WalRecordReader::end_position() const { return state_->end_position; }
Lsn WalRecordReader::end_of_records() const { return state_->end_of_records; }
Lsn WalRecordReader::unfinished_record() const {
  return state_->phase == State::Phase::in_record ? state_->record_start : Lsn{};
}
Lsn WalRecordReader::next_record() const {
  if (state_->phase == State::Phase::in_record) return state_->record_start;
  return state_->phase == State::Phase::at_record ? state_->end_of_records : Lsn{};
}
uint64_t WalRecordReader::records() const { return state_->records; }
const SegmentEdges& WalRecordReader::edges() const { return state_->edges; }

}  // namespace spendsync::postgres
