#include "repository/log_record.h"

#include "base/testing.h"
#include "base/time.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto record = repository::decode_log_record(input);
  if (!record) return false;
  const auto text = repository::encode_log_record(*record);
  const auto again = repository::decode_log_record(as_bytes(text));
  require(again && repository::encode_log_record(*again) == text, "what was written is read the same");
  return true;
}

Bytes sample() {
  repository::LogRecord record;
  record.label = MUST(repository::Label::parse("20240315T120000Z-transaction_logs"));
  record.host = "db1";
  record.tool_version = "0.1.0";
  record.started = record.finished = record.covered_until = MUST(parse_rfc3339("2024-03-15T12:00:01.5Z"));
  record.ranges = {{{1}, {0x2000000}, {0x3000100}}, {{2}, {0x3000100}, {0x5000000}}};
  record.first_commit = repository::CommitPoint{record.started, {0x2000200}};
  record.segments = 3;
  record.stored_bytes = 12'345;
  record.gap = "0/1000000 to 0/2000000 is missing";
  record.slot = "spendsync";
  record.slot_state = "reserved, safe_wal_size 1024";
  record.keys = {{{}, crypto::KeyClass::meta, {"00112233445566aa"}}};
  record.chain = {7, {{"demo/1/logs/x", {}}}};
  return to_bytes(repository::encode_log_record(record));
}

}  // namespace

Target log_record_target() {
  return {"log_record",
          reads,
          {sample()},
          texts({"", "[]", "{}", "{\"version\":2}"}),
          {"null", "-1", "0/0", "FFFFFFFF/FFFFFFFF"}};
}

}  // namespace spendsync::fuzz
