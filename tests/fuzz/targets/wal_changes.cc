// What records change, from any body with a right CRC; and the encoded change map, from any bytes.
#include "base/testing.h"
#include "fuzz/targets.h"
#include "fuzz/targets/wal_record_input.h"
#include "postgres/wal/record_changes.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::fuzz {
namespace {

bool reads_record(ByteView input) {
  const auto read = read_record_input(input);
  if (!read) return false;
  const auto& [version, record] = *read;
  static postgres::WalRecordContents scratch;
  postgres::WalChangeSet changes;
  if (!postgres::add_changes(record, version, scratch, changes)) return false;
  Bytes bytes;
  changes.encode(bytes);
  const auto again = postgres::WalChangeSet::decode(bytes);
  require(again.has_value(), "what is encoded can be decoded");
  require(again->block_count() == changes.block_count(), "no block is lost");
  return true;
}

bool reads_map(ByteView input) {
  auto changes = postgres::WalChangeSet::decode(input);
  if (!changes) return false;
  Bytes bytes;
  changes->encode(bytes);
  const auto again = postgres::WalChangeSet::decode(bytes);
  require(again.has_value(), "what is decoded can be encoded");
  require(again->block_count() == changes->block_count(), "no block is lost");
  return true;
}

template <class T>
std::string integer(T value) {
  return postgres::WalBuilder::integer(value);
}

Bytes record_of(uint8_t version, uint8_t resource_manager, uint8_t info, const std::string& body) {
  Bytes bytes{static_cast<std::byte>(version)};
  bytes.resize(1 + postgres::kRecordHeaderSize);
  bytes[17] = static_cast<std::byte>(info);
  bytes[18] = static_cast<std::byte>(resource_manager);
  const auto tail = as_bytes(body);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  return bytes;
}

std::string with_length(const std::string& data) {
  return std::string("\xFF", 1) + std::string(1, static_cast<char>(data.size())) + data;
}

}  // namespace

Target wal_changes_target() {
  const std::string place = integer(uint32_t{1663}) + integer(uint32_t{5}) + integer(uint32_t{16384});
  const std::string block = std::string("\0\0\0\0", 4) + place + integer(uint32_t{7});
  const std::string dropped = integer(int64_t{1}) + integer(uint32_t{4}) + integer(uint32_t{1}) + place;
  const std::string two = integer(uint32_t{5}) + integer(uint32_t{2}) + integer(uint32_t{1663}) + integer(uint32_t{8});
  return {"wal_changes",
          reads_record,
          {record_of(2, 10, 0, block), record_of(2, 2, 0x10, with_length(place + integer(uint32_t{0}))),
           record_of(2, 2, 0x20, with_length(integer(uint32_t{3}) + place + integer(uint32_t{7}))),
           record_of(3, 1, 0x80, with_length(dropped)), record_of(2, 4, 0x20, with_length(two)),
           record_of(0, 4, 0x10, with_length(two)), record_of(5, 0, 0xE0, with_length(integer(uint32_t{0})))},
          {Bytes{}, record_of(2, 2, 0x10, with_length("x"))},
          {block, place, two}};
}

Target change_map_target() {
  postgres::WalChangeSet changes;
  for (uint32_t number : {1u, 2u, 900u, 70000u}) changes.add_block({1663, 5, 16384}, {number});
  changes.add_relation({1663, 5, 20001});
  changes.add_database(1663, 9);
  changes.add_tablespace(20000);
  Bytes full;
  changes.encode(full);
  Bytes empty;
  postgres::WalChangeSet{}.encode(empty);
  return {"change_map", reads_map, {full, empty}, {Bytes{}, Bytes{std::byte{9}}}, {}};
}

}  // namespace spendsync::fuzz
