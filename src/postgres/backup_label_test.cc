#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "postgres/backup_session.h"

namespace spendsync::postgres {
namespace {

using ::testing::HasSubstr;

// As PostgreSQL 15 wrote it.
const std::string kLabel =
    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
    "CHECKPOINT LOCATION: 0/2000060\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-23 13:50:13 UTC\n"
    "LABEL: 20261123T135013Z-full\n"
    "START TIMELINE: 1\n";

std::string with(const std::string& from, const std::string& to) {
  auto text = kLabel;
  auto at = text.find(from);
  CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(BackupLabel, IsRead) {
  auto label = MUST(parse_backup_label(kLabel));
  EXPECT_EQ(label.start_lsn.to_string(), "0/2000028");
  EXPECT_EQ(label.checkpoint_lsn.to_string(), "0/2000060");
  EXPECT_EQ(label.timeline.value, 1u);
  EXPECT_FALSE(label.from_standby);
  EXPECT_EQ(label.label, "20261123T135013Z-full");
}

TEST(BackupLabel, TellsStandbysAndTheOlderWordForPrimary) {
  EXPECT_TRUE(MUST(parse_backup_label(with("FROM: primary", "FROM: standby"))).from_standby);
  EXPECT_FALSE(MUST(parse_backup_label(with("FROM: primary", "FROM: master"))).from_standby);
}

TEST(BackupLabel, NamesTheLineThatIsWrong) {
  struct Case {
    const char* from;
    const char* to;
    const char* line;
  };
  for (const auto& [from, to, line] :
       {Case{"0/2000028 ", "2000028 ", "START WAL LOCATION"}, Case{" (file 000000010000000000000002)", "", "START WAL"},
        Case{"CHECKPOINT LOCATION", "CHECKPOINT", "CHECKPOINT LOCATION"},
        Case{"streamed", "pg_start_backup", "BACKUP METHOD"}, Case{"FROM: primary", "FROM: elsewhere", "BACKUP FROM"},
        Case{"START TIMELINE: 1", "START TIMELINE: 2", "START TIMELINE"},
        Case{"START TIMELINE: 1", "START TIMELINE: one", "START TIMELINE"},
        Case{"START TIMELINE: 1\n", "START TIMELINE: 1", "START TIMELINE"},
        Case{"START TIMELINE: 1\n", "", "START TIMELINE"},
        Case{"START TIMELINE: 1\n", "START TIMELINE: 1\nMORE: x\n", "end"}, Case{"\n", "\r\n", "START WAL LOCATION"}}) {
    auto parsed = parse_backup_label(with(from, to));
    EXPECT_KIND(parsed, ErrorKind::corrupt);
    EXPECT_THAT(parsed.error().message(), HasSubstr(line)) << from << " -> " << to;
  }
  EXPECT_KIND(parse_backup_label(""), ErrorKind::corrupt);
  EXPECT_KIND(parse_backup_label("\n\n\n"), ErrorKind::corrupt);
}

TEST(BackupLabel, RefusesAServersIncrementalBackup) {
  auto parsed = parse_backup_label(kLabel + "INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 1\n");
  EXPECT_KIND(parsed, ErrorKind::refused);
}

}  // namespace
}  // namespace spendsync::postgres
