#include "postgres/wal/change_map.h"

#include "postgres/wal/page_header.h"
#include "postgres/wal/record_changes.h"

namespace spendsync::postgres {

namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

Bytes ChangeMap::encode() {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.u8(kVersion);
  writer.u64(from.value);
  writer.u64(until.value);
  changes.encode(bytes);
  return bytes;
}

Result<ChangeMap> ChangeMap::decode(ByteView bytes) {
  ByteReader reader(bytes);
  auto version = TRY(reader.u8());
  if (version != kVersion) return Error(ErrorKind::unsupported, "a change map has version " + std::to_string(version));
  ChangeMap map;
  map.from.value = TRY(reader.u64());
  map.until.value = TRY(reader.u64());
  auto rest = TRY(reader.raw(reader.remaining()));
  map.changes = TRY(WalChangeSet::decode(rest));
  return map;
}

bool begins_inside_record(ByteView content) {
  auto info = load_page_header(content).info;
  return (info & (kFirstIsContinuation | kFirstIsOverwrittenContinuation)) != 0;
}

void ChangeMapper::begin(SegmentName name, ByteView content, Lsn next_record) {
  map_ = {};
  failed_ = false;
  // Without what stood before, a segment that begins with a record of its own is known from its first byte on.
  map_.from = next_record.value != 0 ? next_record : name.start(settings_.segment_size);
  from_is_known_ = next_record.value != 0 || !begins_inside_record(content);
}

void ChangeMapper::add(const WalRecord& record) {
  if (!from_is_known_) map_.from = record.start;
  from_is_known_ = true;
  if (!failed_) failed_ = !add_changes(record, settings_.major_version, scratch_, map_.changes);
}

Bytes ChangeMapper::finish(Lsn next_record) {
  if (failed_ || !from_is_known_ || next_record.value == 0) return {};
  map_.until = next_record;
  return map_.encode();
}

}  // namespace spendsync::postgres
