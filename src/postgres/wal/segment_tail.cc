#include "postgres/wal/segment_tail.h"

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/record.h"
#include "postgres/wal/segment_check.h"

namespace spendsync::postgres {

namespace {

constexpr uint64_t kFnvBasis = 14695981039346656037u;
constexpr uint64_t kFnvPrime = 1099511628211u;
constexpr size_t kCrcOffset = 20;  // of xl_crc

uint64_t fold(uint64_t digest, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) digest = (digest ^ ((value >> (8 * i)) & 0xFF)) * kFnvPrime;
  return digest;
}

/// One segment's file, read in small pieces.
class TailReader {
 public:
  TailReader(const SegmentTailRequest& request, Fd file, uint32_t page_size)
      : request_(request), file_(std::move(file)), page_size_(page_size) {}

  std::optional<uint64_t> read() const {
    struct Record {
      Lsn start;
      uint32_t crc;
    };
    std::vector<Record> newest_first;
    for (Lsn at = request_.last_record; at >= begin() && newest_first.size() < TailDigest::kRecords;) {
      auto header = record_header(at);
      if (!header) return std::nullopt;
      auto size = load<uint32_t>(*header, 0);
      Lsn previous{load<uint64_t>(*header, 8)};
      if (size < kRecordHeaderSize || previous >= at) return std::nullopt;
      if (ends_in_segment(at, size)) newest_first.push_back({at, load<uint32_t>(*header, kCrcOffset)});
      at = previous;
    }
    TailDigest digest;
    std::ranges::for_each(newest_first.rbegin(), newest_first.rend(),
                          [&](const Record& record) { digest.add(record.start, record.crc); });
    return digest.value();
  }

 private:
  Lsn begin() const { return request_.name.start(request_.segment_size); }
  Lsn end() const { return request_.name.end(request_.segment_size); }

  /// Where the bytes of a record go on that has come to the end of a page.
  uint64_t skip_page_header(uint64_t at) const {
    if (at % page_size_ != 0) return at;
    return at + (at % request_.segment_size == 0 ? kLongPageHeaderSize : kShortPageHeaderSize);
  }

  /// Its bytes may stand on two pages.
  std::optional<Bytes> record_header(Lsn start) const {
    Bytes header;
    for (uint64_t at = start.value; header.size() < kRecordHeaderSize;) {
      at = skip_page_header(at);
      size_t piece = std::min<size_t>(kRecordHeaderSize - header.size(), page_size_ - at % page_size_);
      if (at + piece > end().value) return std::nullopt;
      Bytes bytes(piece);
      auto got = read_at(file_, at - begin().value, bytes, request_.path);
      if (!got || *got != piece) return std::nullopt;
      header.insert(header.end(), bytes.begin(), bytes.end());
      at += piece;
    }
    return header;
  }

  bool ends_in_segment(Lsn start, uint64_t size) const {
    uint64_t at = start.value;
    while (size > 0 && at < end().value) {
      at = skip_page_header(at);
      uint64_t piece = std::min<uint64_t>(size, page_size_ - at % page_size_);
      size -= piece;
      at += piece;
    }
    return size == 0;
  }

  const SegmentTailRequest& request_;
  Fd file_;
  uint32_t page_size_;
};

}  // namespace

void TailDigest::add(Lsn start, uint32_t crc) { records_[added_++ % kRecords] = {start, crc}; }

std::optional<uint64_t> TailDigest::value() const {
  if (added_ == 0) return std::nullopt;
  uint64_t digest = kFnvBasis;
  for (size_t i = added_ > kRecords ? added_ - kRecords : 0; i < added_; ++i) {
    const Record& record = records_[i % kRecords];
    digest = fold(fold(digest, record.start.value, sizeof(uint64_t)), record.crc, sizeof(uint32_t));
  }
  return digest;
}

std::optional<uint64_t> read_segment_tail(const SegmentTailRequest& request) {
  constexpr size_t kHeaderBytes = 64;  // a long page header has 40
  auto file = open_file(request.path, O_RDONLY);
  if (!file) return std::nullopt;
  Bytes bytes(kHeaderBytes);
  auto size = read_at(*file, 0, bytes, request.path);
  if (!size) return std::nullopt;
  auto header = read_segment_header(ByteView(bytes).first(*size));
  bool as_named = header && header->address == request.name.start(request.segment_size) &&
                  header->system_identifier == request.system_identifier &&
                  header->segment_size == request.segment_size;
  if (!as_named) return std::nullopt;
  return TailReader(request, *std::move(file), header->page_size).read();
}

}  // namespace spendsync::postgres
