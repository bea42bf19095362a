// How the targets that read one WAL record take their input: version, then the record with its header.
#pragma once

#include <optional>

#include "postgres/wal/record.h"

namespace spendsync::fuzz {

struct WalRecordInput {
  int version = 0;             // major, 13 to 18
  postgres::WalRecord record;  // a view of the input
};

/// Empty: too short for a header.
inline std::optional<WalRecordInput> read_record_input(ByteView input) {
  if (input.size() < 1 + postgres::kRecordHeaderSize) return std::nullopt;
  WalRecordInput read;
  read.version = 13 + static_cast<int>(input[0]) % 6;
  auto& record = read.record;
  record.bytes = input.subspan(1);
  record.size = record.bytes.size();
  record.start = Lsn{0x3000028};
  record.end = Lsn{0x3000028 + record.size};
  record.info = static_cast<uint8_t>(input[17]);
  record.resource_manager = static_cast<uint8_t>(input[18]);
  return read;
}

}  // namespace spendsync::fuzz
