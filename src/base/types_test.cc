#include "base/types.h"

#include "base/testing.h"

namespace spendsync {
namespace {

constexpr uint32_t kMiB = 1u << 20;
constexpr uint32_t kDefault = 16 * kMiB;
constexpr uint32_t kGiB = 1u << 30;

TEST(Lsn, IsWrittenAsPostgresDoes) {
  EXPECT_EQ(MUST(Lsn::parse("16/B374D848")).value, 0x16B374D848u);
  EXPECT_EQ(Lsn{0x16B374D848u}.to_string(), "16/B374D848");
  EXPECT_EQ(Lsn{0}.to_string(), "0/0");
  EXPECT_EQ(MUST(Lsn::parse("FFFFFFFF/ffffffff")).value, ~uint64_t{0});
}

TEST(Lsn, RefusesWhatIsNoPosition) {
  for (std::string_view text :
       {"", "/", "16", "16/", "/16", "1/123456789", "123456789/1", "1/G", "-1/0", "1/0 ", "1/2/3", "0x1/2"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(Lsn::parse(text), ErrorKind::invalid);
  }
}

TEST(TimelineId, HasEightUpperCaseDigits) { EXPECT_EQ(TimelineId{0xab}.to_hex(), "000000AB"); }

TEST(SystemIdentifier, IsDecimal) {
  EXPECT_EQ(MUST(SystemIdentifier::parse("7312345678901234567")).value, 7312345678901234567u);
  EXPECT_EQ(SystemIdentifier{7312345678901234567u}.to_string(), "7312345678901234567");
  for (std::string_view text : {"", "-1", "+1", "12x", "18446744073709551616"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(SystemIdentifier::parse(text), ErrorKind::invalid);
  }
}

TEST(SegmentName, DependsOnTheSegmentSize) {
  SegmentName segment = SegmentName::containing(TimelineId{1}, Lsn{0x16B374D848u}, kDefault);
  EXPECT_EQ(segment.file_name(kDefault), "0000000100000016000000B3");
  EXPECT_EQ(segment.start(kDefault).to_string(), "16/B3000000");
  EXPECT_EQ(segment.end(kDefault).to_string(), "16/B4000000");
  EXPECT_EQ(SegmentName::containing(TimelineId{1}, Lsn{0x16B374D848u}, kMiB).file_name(kMiB),
            "000000010000001600000B37");
  EXPECT_EQ(SegmentName::containing(TimelineId{1}, Lsn{0x16B374D848u}, kGiB).file_name(kGiB),
            "000000010000001600000002");
}

TEST(SegmentRun, HoldsBothItsEndsAndNoOtherTimeline) {
  const SegmentRun run{{TimelineId{2}, 5}, {TimelineId{2}, 7}};
  EXPECT_EQ(run.count(), 3u);
  EXPECT_TRUE(run.contains({TimelineId{2}, 5}));
  EXPECT_TRUE(run.contains({TimelineId{2}, 7}));
  EXPECT_FALSE(run.contains({TimelineId{2}, 4}));
  EXPECT_FALSE(run.contains({TimelineId{2}, 8}));
  EXPECT_FALSE(run.contains({TimelineId{1}, 6}));
}

TEST(SegmentName, RollsOverIntoTheNextLogId) {
  for (auto [size, last, first] : {std::tuple{kMiB, "000000020000000000000FFF", "000000020000000100000000"},
                                   std::tuple{kDefault, "0000000200000000000000FF", "000000020000000100000000"},
                                   std::tuple{kGiB, "000000020000000000000003", "000000020000000100000000"}}) {
    SegmentName segment = MUST(SegmentName::parse(last, size));
    EXPECT_EQ(segment.file_name(size), last);
    EXPECT_EQ(segment.next().file_name(size), first);
    EXPECT_EQ(segment.end(size).to_string(), "1/0");
    EXPECT_EQ(MUST(SegmentName::parse(first, size)), segment.next());
  }
}

TEST(SegmentName, ABackupThatStopsOnABoundaryEndsInTheSegmentBefore) {
  EXPECT_EQ(SegmentName::ending_at(TimelineId{1}, Lsn{2 * uint64_t{kDefault}}, kDefault).number, 1u);
  EXPECT_EQ(SegmentName::ending_at(TimelineId{1}, Lsn{2 * uint64_t{kDefault} + 1}, kDefault).number, 2u);
  EXPECT_EQ(SegmentName::containing(TimelineId{1}, Lsn{2 * uint64_t{kDefault}}, kDefault).number, 2u);
}

TEST(SegmentName, RefusesImpossibleNames) {
  EXPECT_KIND(SegmentName::parse("000000010000000000000100", kDefault), ErrorKind::invalid);
  EXPECT_OK(SegmentName::parse("000000010000000000000100", kMiB));
  EXPECT_KIND(SegmentName::parse("000000010000000000000004", kGiB), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("000000000000000000000001", kDefault), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("00000001000000000000000a", kDefault), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("00000001000000000000001", kDefault), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("0000000100000000000000001", kDefault), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("000000010000000000000001", 0), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("000000010000000000000001", 3 * kMiB), ErrorKind::invalid);
  EXPECT_KIND(SegmentName::parse("000000010000000000000001", 2 * kGiB), ErrorKind::invalid);
}

TEST(ClassifyWalFile, KnowsWhatArchivingHandsOver) {
  EXPECT_EQ(classify_wal_file("00000001000000000000000A"), WalFileKind::segment);
  EXPECT_EQ(classify_wal_file("00000002.history"), WalFileKind::history);
  EXPECT_EQ(classify_wal_file("00000001000000000000000A.partial"), WalFileKind::partial);
  EXPECT_EQ(classify_wal_file("00000001000000000000000A.00000028.backup"), WalFileKind::backup_history);
}

TEST(ClassifyWalFile, RefusesEverythingElse) {
  for (std::string_view name :
       {"", ".history", "0000002.history", "0000000g.history", "00000002.history.tmp", "00000001000000000000000a",
        "00000001000000000000000A.", "00000001000000000000000A.part", "00000001000000000000000A.0000028.backup",
        "00000001000000000000000A.00000028.backupx", "00000001000000000000000A.00000028",
        "000000010000000000000A.partial", "../00000001000000000000000A", "00000001000000000000000A.partial/",
        "archive_status"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(classify_wal_file(name), WalFileKind::unknown);
  }
}

TEST(BackupType, IsReadByItsName) {
  for (BackupType type : {BackupType::full, BackupType::incremental, BackupType::transaction_logs}) {
    EXPECT_EQ(MUST(parse_backup_type(to_string(type))), type);
  }
  EXPECT_KIND(parse_backup_type("Full"), ErrorKind::invalid);
  EXPECT_THAT(parse_backup_type("logs").error().hint(), testing::HasSubstr("transaction_logs"));
}

}  // namespace
}  // namespace spendsync
