#include "base/testing.h"
#include "base/time.h"
#include "fuzz/targets.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::fuzz {
namespace {

const postgres::WalBuilder::Settings kSettings{.segment_size = 1u << 20, .page_size = 1u << 10};

bool reads(ByteView input) {
  const SegmentName name{kSettings.timeline, kSettings.first_segment};
  const postgres::SegmentExpectation expected{name, kSettings.segment_size, kSettings.system_identifier,
                                              kSettings.major_version};
  (void)postgres::check_segment(input, expected);
  (void)postgres::check_segment_beginning(input, expected);
  (void)postgres::read_segment_header(input);
  postgres::WalRecordReader reader({kSettings.segment_size, kSettings.major_version, 1u << 20});
  Lsn last;
  const auto fed = reader.feed(name, input, [&](const postgres::WalRecord& record) -> Result<void> {
    require(record.start < record.end && last <= record.start, "records come in order");
    last = record.end;
    return ok();
  });
  return fed.has_value() && reader.records() > 0;
}

Bytes sample(bool crashes) {
  postgres::WalBuilder builder(kSettings);
  const auto time = MUST(parse_rfc3339("2024-03-15T14:30:00Z"));
  builder.commit(700, time);
  builder.fill(3000);
  if (crashes) builder.crash_in_record(2000);
  builder.restore_point("before", time);
  builder.abort(701, time);
  auto segment = builder.segment(kSettings.first_segment);
  segment.resize(8u << 10);
  return segment;
}

}  // namespace

Target wal_segment_target() {
  return {"wal_segment", reads, {sample(false), sample(true)}, {Bytes{}, Bytes(4096)}, {}};
}

}  // namespace spendsync::fuzz
