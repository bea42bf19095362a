#include "postgres/wal/parameter_change.h"

#include "base/testing.h"
#include "postgres/wal/commit_scanner.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

/// What a server 15.20 wrote: pg_waldump shows it as "PARAMETER_CHANGE max_connections=301 max_worker_processes=9
/// max_wal_senders=25 max_prepared_xacts=50 max_locks_per_xact=200 wal_level=replica wal_log_hints=off
/// track_commit_timestamp=on".
constexpr std::string_view kRealRecord =
    "3600000000000000e0f74102000000006000000077efd3aaff1c"
    "2d010000090000001900000032000000c80000000100000000010000";
constexpr ReplayLimitValues kRealValues{301, 9, 25, 50, 200};

TEST(ParameterChange, IsReadFromARealRecord) {
  const Bytes bytes = MUST(from_hex(kRealRecord));
  WalRecord record;
  record.info = 0x60;
  record.size = bytes.size();
  record.bytes = bytes;
  WalRecordContents contents;
  ASSERT_OK(decode_record(record, 15, contents));
  EXPECT_EQ(read_parameter_change(contents.main_data), kRealValues);
}

TEST(ParameterChange, HasOneLayoutInEveryVersion) {
  const Bytes bytes = MUST(from_hex(kRealRecord));
  const std::string main_data(as_text(ByteView(bytes).subspan(26)));
  for (int version = 13; version <= 18; ++version) {
    WalBuilder builder({.major_version = version});
    builder.append({.info = 0x60, .main_data = main_data});
    std::vector<WalEvent> events;
    CommitScanner scanner({builder.settings().segment_size, version});
    ASSERT_OK(scanner.feed(builder.name(3), builder.segment(3), [&](const WalEvent& event) -> Result<void> {
      events.push_back(event);
      return {};
    }));
    ASSERT_EQ(events.size(), 1u) << version;
    EXPECT_EQ(events[0].kind, WalEvent::Kind::parameter_change);
    EXPECT_EQ(events[0].limits, kRealValues) << version;
  }
}

TEST(ParameterChange, IsRefusedWhereItIsShortOrImpossible) {
  const Bytes bytes = MUST(from_hex(kRealRecord));
  EXPECT_EQ(read_parameter_change(ByteView(bytes).subspan(26, 19)), std::nullopt);
  Bytes negative(28, std::byte{0xFF});
  EXPECT_EQ(read_parameter_change(negative), std::nullopt);
}

}  // namespace
}  // namespace spendsync::postgres
