#include "postgres/wal/change_set.h"

#include <algorithm>

namespace spendsync::postgres {

namespace {

constexpr uint8_t kVersion = 1;

Error damaged(std::string_view what) {
  return Error(ErrorKind::corrupt, "a change map is malformed: " + std::string(what));
}

Result<uint32_t> read_u32(ByteReader& reader) {
  auto value = TRY(reader.varint());
  if (value > UINT32_MAX) return damaged("a number is out of range");
  return static_cast<uint32_t>(value);
}

/// A count of elements, each of which takes `size_min` bytes at least.
Result<uint64_t> read_count(ByteReader& reader, size_t size_min) {
  auto count = TRY(reader.varint());
  if (count > reader.remaining() / size_min) return damaged("it claims more than it holds");
  return count;
}

void write_place(ByteWriter& writer, const RelationPlace& place) {
  writer.varint(place.tablespace);
  writer.varint(place.database);
  writer.varint(place.relation);
}

Result<RelationPlace> read_place(ByteReader& reader) {
  RelationPlace place;
  place.tablespace = TRY(read_u32(reader));
  place.database = TRY(read_u32(reader));
  place.relation = TRY(read_u32(reader));
  return place;
}

/// Adds to the end of an ascending container. Errors: corrupt when it does not ascend.
template <class Container, class Value>
Result<void> append(Container& container, Value value) {
  if (!container.empty() && !(*container.rbegin() < value)) return damaged("it is not in order");
  container.insert(container.end(), std::move(value));
  return {};
}

}  // namespace

std::string_view to_string(UnloggedCause cause) {
  switch (cause) {
    case UnloggedCause::minimal_level:
      return "wal_level was minimal, so not every change was logged";
    case UnloggedCause::unknown_record:
      return "WAL holds a storage record of an unknown kind";
    case UnloggedCause::long_record:
      return "WAL holds a record that is too long to be looked into";
  }
  return "";
}

void WalChangeSet::Blocks::add(uint32_t block) {
  if (!numbers.empty()) {
    if (numbers.back() == block) return;
    if (numbers.back() > block) is_sorted = false;
  }
  numbers.push_back(block);
  if (numbers.size() < compact_at) return;
  sort();
  compact_at = std::max<size_t>(compact_at, 2 * numbers.size());
}

void WalChangeSet::Blocks::sort() {
  if (is_sorted) return;
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  is_sorted = true;
}

void WalChangeSet::merge(const WalChangeSet& other) {
  for (const auto& [place, blocks] : other.blocks_) {
    auto& mine = blocks_[place];
    for (auto block : blocks.numbers) mine.add(block);
  }
  relations_.insert(other.relations_.begin(), other.relations_.end());
  databases_.insert(other.databases_.begin(), other.databases_.end());
  tablespaces_.insert(other.tablespaces_.begin(), other.tablespaces_.end());
  if (other.incomplete_) incomplete_ = other.incomplete_;
}

bool WalChangeSet::is_remade(const RelationPlace& place) const {
  return incomplete_ || tablespaces_.contains(place.tablespace) ||
         databases_.contains({place.tablespace, place.database}) || relations_.contains(place);
}

std::span<const uint32_t> WalChangeSet::blocks(const RelationPlace& place) const {
  auto found = blocks_.find(place);
  if (found == blocks_.end()) return {};
  CHECK(found->second.is_sorted);
  return found->second.numbers;
}

void WalChangeSet::sort() {
  for (auto& [place, blocks] : blocks_) blocks.sort();
}

uint64_t WalChangeSet::block_count() const {
  uint64_t count = 0;
  for (const auto& [place, blocks] : blocks_) count += blocks.numbers.size();
  return count;
}

bool WalChangeSet::empty() const {
  return blocks_.empty() && relations_.empty() && databases_.empty() && tablespaces_.empty() && !incomplete_;
}

void WalChangeSet::encode(Bytes& out) {
  sort();
  ByteWriter writer(out);
  writer.u8(kVersion);
  writer.u8(incomplete_ ? static_cast<uint8_t>(*incomplete_) : uint8_t{0});
  writer.varint(tablespaces_.size());
  for (auto tablespace : tablespaces_) writer.varint(tablespace);
  writer.varint(databases_.size());
  for (const auto& [tablespace, database] : databases_) {
    writer.varint(tablespace);
    writer.varint(database);
  }
  writer.varint(relations_.size());
  for (const auto& place : relations_) write_place(writer, place);
  writer.varint(blocks_.size());
  for (const auto& [place, blocks] : blocks_) {
    write_place(writer, place);
    writer.varint(blocks.numbers.size());
    uint32_t next = 0;  // the least that can follow
    for (auto block : blocks.numbers) {
      writer.varint(block - next);
      next = block + 1;
    }
  }
}

Result<WalChangeSet> WalChangeSet::decode(ByteView bytes) {
  ByteReader reader(bytes);
  auto changes = TRY(decode_fields(reader));
  TRY(reader.expect_end());
  return changes;
}

Result<WalChangeSet> WalChangeSet::decode_fields(ByteReader& reader) {
  WalChangeSet changes;
  auto version = TRY(reader.u8());
  if (version != kVersion) return Error(ErrorKind::unsupported, "a change map has version " + std::to_string(version));
  auto cause = TRY(reader.u8());
  if (cause > static_cast<uint8_t>(UnloggedCause::long_record)) return damaged("its cause is unknown");
  if (cause != 0) changes.incomplete_ = static_cast<UnloggedCause>(cause);
  auto tablespaces = TRY(read_count(reader, 1));
  for (uint64_t i = 0; i < tablespaces; ++i) {
    auto tablespace = TRY(read_u32(reader));
    TRY(append(changes.tablespaces_, tablespace));
  }
  auto databases = TRY(read_count(reader, 2));
  for (uint64_t i = 0; i < databases; ++i) {
    auto tablespace = TRY(read_u32(reader));
    auto database = TRY(read_u32(reader));
    TRY(append(changes.databases_, std::pair(tablespace, database)));
  }
  auto relations = TRY(read_count(reader, 3));
  for (uint64_t i = 0; i < relations; ++i) {
    auto place = TRY(read_place(reader));
    TRY(append(changes.relations_, place));
  }
  auto places = TRY(read_count(reader, 5));
  for (uint64_t i = 0; i < places; ++i) {
    auto place = TRY(read_place(reader));
    if (!changes.blocks_.empty() && !(changes.blocks_.rbegin()->first < place)) return damaged("it is not in order");
    auto count = TRY(read_count(reader, 1));
    if (count == 0) return damaged("a relation has no blocks");
    auto& numbers = changes.blocks_[place].numbers;
    numbers.reserve(static_cast<size_t>(count));
    uint64_t next = 0;
    for (uint64_t block = 0; block < count; ++block) {
      auto step = TRY(read_u32(reader));
      next += step;
      if (next > UINT32_MAX) return damaged("a block is out of range");
      numbers.push_back(static_cast<uint32_t>(next++));
    }
  }
  return changes;
}

}  // namespace spendsync::postgres
