// The inside of a record: block references, images, origins. Checksums are no hurdle here.
#include "base/testing.h"
#include "fuzz/targets.h"
#include "fuzz/targets/wal_record_input.h"
#include "postgres/wal/record.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::fuzz {
namespace {

bool lies_in(ByteView part, ByteView whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool reads(ByteView input) {
  const auto read = read_record_input(input);
  if (!read) return false;
  const auto& [version, record] = *read;
  static postgres::WalRecordContents contents;
  if (!postgres::decode_record(record, version, contents)) return false;
  require(lies_in(contents.main_data, record.bytes), "data lies in the record");
  require(contents.blocks.size() <= postgres::kMaxBlockId + 1u, "a record names at most 33 blocks");
  for (const auto& block : contents.blocks) require(lies_in(block.data, record.bytes), "data lies in the record");
  return true;
}

template <class T>
std::string integer(T value) {
  return postgres::WalBuilder::integer(value);
}

Bytes sample(uint8_t version, const std::string& body) {
  Bytes bytes{static_cast<std::byte>(version)};
  bytes.resize(1 + postgres::kRecordHeaderSize);
  const auto tail = as_bytes(body);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

}  // namespace

Target wal_record_target() {
  const std::string place =
      integer(uint32_t{1663}) + integer(uint32_t{5}) + integer(uint32_t{16384}) + integer(uint32_t{7});
  const std::string data = std::string("\x20") + integer(uint16_t{4});  // block 0 has data
  const std::string block = std::string(1, '\0') + data + place;
  // Block 1 with an image that has a hole: length, hole offset, flags.
  const std::string image = std::string("\x01\x10", 2) + integer(uint16_t{0}) + integer(uint16_t{32}) +
                            integer(uint16_t{100}) + std::string("\x05") + place;
  const std::string origin = std::string("\xFD", 1) + integer(uint16_t{3});
  const std::string main_data = std::string("\xFF\x03", 2);
  return {
      "wal_record",
      reads,
      {sample(2, main_data + "abc"), sample(2, block + main_data + "datamsg"), sample(5, origin + main_data + "abc")},
      {Bytes{}, sample(2, main_data), sample(2, block)},
      {block, image, origin, std::string("\xFE\xFF\xFF\xFF\x7F", 5), std::string("\xFC\x01\0\0\0", 5)}};
}

}  // namespace spendsync::fuzz
