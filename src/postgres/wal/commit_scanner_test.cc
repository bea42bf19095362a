#include "postgres/wal/commit_scanner.h"

#include "base/testing.h"
#include "base/time.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

Timestamp at(const char* text) { return MUST(parse_rfc3339(text)); }

struct Scan {
  std::vector<WalEvent> events;
  Result<void> result = ok();
};

Scan scan(WalBuilder& builder, uint64_t first, uint64_t last) {
  CommitScanner scanner({builder.settings().segment_size, builder.settings().major_version});
  Scan found;
  for (uint64_t number = first; number <= last && found.result; ++number) {
    found.result =
        scanner.feed(builder.name(number), builder.segment(number), [&](const WalEvent& event) -> Result<void> {
          found.events.push_back(event);
          return {};
        });
  }
  return found;
}

template <class T>
std::string integer(T value) {
  return WalBuilder::integer(value);
}

TEST(CommitScanner, FindsCommitsAbortsAndRestorePoints) {
  WalBuilder builder;
  builder.fill(500);
  Lsn commit = builder.commit(700, at("2024-03-15T14:30:00.123456Z"));
  Lsn end = builder.position();
  builder.abort(701, at("2024-03-15T14:30:01Z"));
  builder.restore_point("before the upgrade", at("2024-03-15T14:30:02Z"));
  Scan found = scan(builder, 3, 3);
  ASSERT_OK(found.result);
  ASSERT_EQ(found.events.size(), 3u);
  EXPECT_EQ(found.events[0].kind, WalEvent::Kind::commit);
  EXPECT_EQ(found.events[0].start, commit);
  EXPECT_EQ(found.events[0].end, end);
  EXPECT_EQ(found.events[0].transaction, 700u);
  EXPECT_EQ(found.events[0].time, at("2024-03-15T14:30:00.123456Z"));
  EXPECT_EQ(found.events[0].timeline, TimelineId{1});
  EXPECT_EQ(found.events[1].kind, WalEvent::Kind::abort);
  EXPECT_EQ(found.events[1].transaction, 701u);
  EXPECT_EQ(found.events[2].kind, WalEvent::Kind::restore_point);
  EXPECT_EQ(found.events[2].name, "before the upgrade");
  EXPECT_EQ(found.events[2].time, at("2024-03-15T14:30:02Z"));
}

TEST(CommitScanner, FindsACommitThatCrossesIntoTheNextSegment) {
  WalBuilder builder;
  while ((4u << 20) - builder.position().value > 100) builder.fill(8);
  while (builder.position().value < (4u << 20)) builder.commit(800, at("2024-03-15T14:30:00Z"));
  builder.fill(100);
  uint64_t in_order = scan(builder, 3, 4).events.size();
  EXPECT_EQ(in_order, scan(builder, 3, 3).events.size() + 1);
  EXPECT_EQ(scan(builder, 4, 4).events.size(), 0u);  // alone, its second half says nothing
}

// xinfo with everything in front of the prepared transaction's id, as each major lays it out.
TEST(CommitScanner, FindsThePreparedTransactionBehindEverythingElse) {
  for (int major = 13; major <= 18; ++major) {
    bool has_statistics = major >= 15;
    uint32_t info = 1u | 2u | 4u | 8u | 16u | 128u | (has_statistics ? 256u : 0u);
    std::string data = integer(WalBuilder::to_postgres(at("2024-03-15T14:30:00Z"))) + integer(info);
    data += integer(uint32_t{5}) + integer(uint32_t{1663});  // database
    data += integer(uint32_t{3}) + std::string(12, 's');     // subtransactions
    data += integer(uint32_t{2}) + std::string(24, 'r');     // relations
    if (has_statistics) data += integer(uint32_t{2}) + std::string(major >= 18 ? 32 : 24, 't');
    std::string abort_data = data;
    data += integer(uint32_t{4}) + std::string(64, 'i');  // invalidations: commits only
    std::string prepared = integer(uint32_t{990}) + std::string("gid\0", 4);
    WalBuilder::Settings settings;
    settings.major_version = major;
    WalBuilder builder(settings);
    builder.append({.resource_manager = 1, .info = 0x30 | 0x80, .main_data = data + prepared});
    builder.append({.resource_manager = 1, .info = 0x40 | 0x80, .main_data = abort_data + prepared});
    Scan found = scan(builder, 3, 3);
    ASSERT_OK(found.result);
    ASSERT_EQ(found.events.size(), 2u);
    EXPECT_EQ(found.events[0].kind, WalEvent::Kind::commit);
    EXPECT_EQ(found.events[0].transaction, 990u) << major;
    EXPECT_EQ(found.events[1].kind, WalEvent::Kind::abort);
    EXPECT_EQ(found.events[1].transaction, 990u) << major;
  }
}

TEST(CommitScanner, FindsWhatIsPrepared) {
  WalBuilder builder;
  // xl_xact_prepare (access/xact.h): magic, total_len, xid, database, prepared_at, and what is of no interest here.
  auto data = integer(uint32_t{0x57F94534}) + integer(uint32_t{72}) + integer(uint32_t{770}) + integer(uint32_t{5}) +
              integer(WalBuilder::to_postgres(at("2024-03-15T14:30:00.5Z")));
  builder.append({.resource_manager = 1, .info = 0x10, .transaction = 770, .main_data = data + std::string(48, 'p')});
  Scan found = scan(builder, 3, 3);
  ASSERT_OK(found.result);
  ASSERT_EQ(found.events.size(), 1u);
  EXPECT_EQ(found.events[0].kind, WalEvent::Kind::prepare);
  EXPECT_EQ(found.events[0].transaction, 770u);
  EXPECT_EQ(found.events[0].time, at("2024-03-15T14:30:00.5Z"));
  builder.append({.resource_manager = 1, .info = 0x10, .transaction = 771, .main_data = data.substr(0, 20)});
  EXPECT_KIND(scan(builder, 3, 3).result, ErrorKind::corrupt);
}

TEST(CommitScanner, FindsTheTimeOfACommitThatIsTooLongToHold) {
  WalBuilder::Settings settings;
  settings.segment_size = 16u << 20;
  WalBuilder builder(settings);
  std::string data = integer(WalBuilder::to_postgres(at("2024-03-15T14:30:00Z"))) + integer(uint32_t{2});
  uint32_t subtransactions = 17u << 20;
  data += integer(subtransactions) + std::string(size_t{subtransactions} * 4, 's');
  builder.append({.resource_manager = 1, .info = 0x80, .transaction = 12, .main_data = data});
  Scan found = scan(builder, 3, builder.position().value / settings.segment_size);
  ASSERT_OK(found.result);
  ASSERT_EQ(found.events.size(), 1u);
  EXPECT_EQ(found.events[0].transaction, 12u);
  EXPECT_EQ(found.events[0].time, at("2024-03-15T14:30:00Z"));
}

TEST(CommitScanner, ReportsCheckpointsAndEndsOfRecovery) {
  WalBuilder builder;
  builder.append({.info = 0x00, .main_data = std::string(88, 'c')});
  builder.append({.info = 0x10, .main_data = std::string(88, 'c')});
  builder.append({.info = 0x60, .main_data = std::string(28, 'p')});
  builder.append({.info = 0x90, .main_data = std::string(16, 'e')});
  builder.append({.info = 0xB0, .main_data = "a full page image is no event"});
  Scan found = scan(builder, 3, 3);
  ASSERT_OK(found.result);
  ASSERT_EQ(found.events.size(), 4u);
  EXPECT_EQ(found.events[0].kind, WalEvent::Kind::checkpoint);
  EXPECT_EQ(found.events[1].kind, WalEvent::Kind::checkpoint);
  EXPECT_EQ(found.events[2].kind, WalEvent::Kind::parameter_change);
  EXPECT_EQ(found.events[3].kind, WalEvent::Kind::end_of_recovery);
}

TEST(CommitScanner, RefusesForgedRecordsWithARightChecksum) {
  auto kind_of = [](const WalBuilder::Record& record) {
    WalBuilder builder;
    builder.append(record);
    return scan(builder, 3, 3).result;
  };
  std::string time = integer(int64_t{0});
  EXPECT_KIND(kind_of({.resource_manager = 1, .info = 0x00, .main_data = "short"}), ErrorKind::corrupt);
  EXPECT_KIND(kind_of({.resource_manager = 1, .info = 0x00, .main_data = integer(INT64_MAX)}), ErrorKind::corrupt);
  EXPECT_KIND(kind_of({.resource_manager = 1, .info = 0x00, .main_data = integer(INT64_MIN)}), ErrorKind::corrupt);
  EXPECT_KIND(kind_of({.resource_manager = 1, .info = 0xB0, .main_data = time}), ErrorKind::corrupt);
  EXPECT_KIND(
      kind_of(
          {.resource_manager = 1, .info = 0xB0, .main_data = time + integer(uint32_t{2 | 16}) + integer(UINT32_MAX)}),
      ErrorKind::corrupt);
  EXPECT_KIND(kind_of({.resource_manager = 0, .info = 0x70, .main_data = time + "no room for a name"}),
              ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
