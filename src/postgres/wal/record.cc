#include "postgres/wal/record.h"

#include <fmt/format.h>

#include <array>

#include "postgres/wal/page_header.h"

namespace spendsync::postgres {

namespace {

// fork_flags of a block header.
constexpr uint8_t kForkMask = 0x0F;
constexpr uint8_t kHasImage = 0x10;
constexpr uint8_t kHasData = 0x20;
constexpr uint8_t kWillInitialize = 0x40;
constexpr uint8_t kSameRelation = 0x80;

// bimg_info. 15 made room for more compression methods and moved the "apply" bit.
constexpr uint8_t kImageHasHole = 0x01;
constexpr uint8_t kImageCompressedBefore15 = 0x02;
constexpr uint8_t kImageAppliedBefore15 = 0x04;
constexpr uint8_t kImageAppliedSince15 = 0x02;
constexpr uint8_t kImageCompressedSince15 = 0x04 | 0x08 | 0x10;  // pglz, lz4, zstd

struct ImageBits {
  bool compressed;
  bool applied;
};
ImageBits read_image_bits(uint8_t info, int major_version) {
  if (major_version < 15) return {(info & kImageCompressedBefore15) != 0, (info & kImageAppliedBefore15) != 0};
  return {(info & kImageCompressedSince15) != 0, (info & kImageAppliedSince15) != 0};
}

/// Walks the headers, which come first; then the payloads they announce, in the same order.
class RecordParser {
 public:
  RecordParser(const WalRecord& record, int major_version, WalRecordContents& contents)
      : record_(record), major_version_(major_version), contents_(contents), in_(record.bytes) {}

  Result<void> parse() {
    in_ = in_.subspan(kRecordHeaderSize);
    contents_.blocks.clear();
    contents_.top_transaction.reset();
    contents_.replication_origin.reset();
    contents_.main_data = {};
    // The payloads fill the rest of the record exactly; so the headers end where only payloads are left.
    while (in_.size() > payload_size_) TRY(parse_header());
    if (in_.size() != payload_size_) return damaged("its headers announce more data than it has");
    return take_payloads();
  }

 private:
  Result<void> parse_header() {
    uint8_t id = TRY(take<uint8_t>());
    if (id == kShortDataId || id == kLongDataId) {
      // The length of main data ends the headers: a second one cannot follow.
      if (has_main_data_) return damaged("it has two lengths of main data");
      has_main_data_ = true;
      if (id == kShortDataId) {
        main_data_size_ = TRY(take<uint8_t>());
      } else {
        main_data_size_ = TRY(take<uint32_t>());
      }
      payload_size_ += main_data_size_;
      if (in_.size() != payload_size_) return damaged("its headers disagree with its length");
      return {};
    }
    if (id == kOriginId) {
      contents_.replication_origin = TRY(take<uint16_t>());
      return {};
    }
    if (id == kTopTransactionId && major_version_ >= 14) {
      contents_.top_transaction = TRY(take<uint32_t>());
      return {};
    }
    if (id > kMaxBlockId) return damaged(fmt::format("block id {} is not possible", id));
    return parse_block_header(id);
  }

  Result<void> parse_block_header(uint8_t id) {
    if (!contents_.blocks.empty() && id <= contents_.blocks.back().id) return damaged("its block ids do not ascend");
    uint8_t flags = TRY(take<uint8_t>());
    uint16_t data_size = TRY(take<uint16_t>());
    WalBlockReference block;
    block.id = id;
    block.fork = flags & kForkMask;
    block.will_initialize = (flags & kWillInitialize) != 0;
    if (((flags & kHasData) != 0) != (data_size != 0)) return damaged("a block's flags and data length disagree");
    Sizes sizes{0, data_size};
    if ((flags & kHasImage) != 0) {
      block.has_image = true;
      sizes.image = TRY(parse_image_header(block));
    }
    if ((flags & kSameRelation) == 0) {
      block.tablespace = TRY(take<uint32_t>());
      block.database = TRY(take<uint32_t>());
      block.relation = TRY(take<uint32_t>());
    } else {
      if (contents_.blocks.empty()) return damaged("its first block refers to a relation before it");
      const WalBlockReference& previous = contents_.blocks.back();
      block.tablespace = previous.tablespace;
      block.database = previous.database;
      block.relation = previous.relation;
    }
    block.block.value = TRY(take<uint32_t>());
    payload_size_ += size_t{sizes.image} + sizes.data;
    sizes_[id] = sizes;
    contents_.blocks.push_back(block);
    return {};
  }

  /// Returns the image's size in bytes.
  Result<uint16_t> parse_image_header(WalBlockReference& block) {
    uint16_t size = TRY(take<uint16_t>());
    TRY(take<uint16_t>());  // hole_offset
    uint8_t info = TRY(take<uint8_t>());
    ImageBits bits = read_image_bits(info, major_version_);
    block.applies_image = bits.applied;
    if (bits.compressed && (info & kImageHasHole) != 0) TRY(take<uint16_t>());  // hole_length
    return size;
  }

  Result<void> take_payloads() {
    for (WalBlockReference& block : contents_.blocks) {
      const Sizes& sizes = sizes_[block.id];
      in_ = in_.subspan(sizes.image);
      block.data = in_.first(sizes.data);
      in_ = in_.subspan(sizes.data);
    }
    contents_.main_data = in_;
    return {};
  }

  template <class T>
  Result<T> take() {
    if (in_.size() < sizeof(T)) return damaged("its headers run past its end");
    T value = load<T>(in_, 0);
    in_ = in_.subspan(sizeof(T));
    return value;
  }

  Error damaged(std::string_view why) const {
    return Error(ErrorKind::corrupt, fmt::format("WAL record at {} is malformed: {}", record_.start.to_string(), why));
  }

  struct Sizes {
    uint16_t image = 0;
    uint16_t data = 0;
  };
  const WalRecord& record_;
  const int major_version_;
  WalRecordContents& contents_;
  ByteView in_;
  size_t payload_size_ = 0;
  uint32_t main_data_size_ = 0;
  bool has_main_data_ = false;
  std::array<Sizes, kMaxBlockId + 1> sizes_{};
};

}  // namespace

Result<void> decode_record(const WalRecord& record, int major_version, WalRecordContents& contents) {
  if (record.is_cut) {
    return Error(ErrorKind::unsupported, fmt::format("WAL record at {} has {} bytes, too many to be held in memory",
                                                     record.start.to_string(), record.size));
  }
  CHECK(record.bytes.size() >= kRecordHeaderSize);
  return RecordParser(record, major_version, contents).parse();
}

}  // namespace spendsync::postgres
