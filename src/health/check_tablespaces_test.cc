#include "health/check_tablespaces.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "base/time.h"

namespace spendsync::health {
namespace {

using ::testing::HasSubstr;

repository::ManifestSummary backup(const std::string& time, BackupType type, const std::vector<uint32_t>& tablespaces) {
  repository::ManifestSummary summary;
  summary.stopped = MUST(parse_rfc3339(time));
  summary.label = repository::Label::make(summary.stopped, type);
  for (uint32_t oid : tablespaces) {
    repository::TablespaceRecord record;
    record.oid = oid;
    summary.tablespaces.push_back(record);
  }
  return summary;
}

TEST(CheckTablespaces, OneThatTheNewestBackupDoesNotHaveIsAWarningUntilTheNext) {
  wal::BackupInventory inventory;
  EXPECT_EQ(judge_tablespaces({{16500, "fast", "/mnt/fast"}}, inventory).verdict, CheckVerdict::ok);
  inventory.backups.push_back(backup("2026-03-01T00:00:00Z", BackupType::full, {}));
  auto item = judge_tablespaces({{16500, "fast", "/mnt/fast"}}, inventory);
  EXPECT_EQ(item.verdict, CheckVerdict::warning);
  EXPECT_THAT(item.what, HasSubstr("tablespace fast (/mnt/fast) is newer than"));
  EXPECT_EQ(item.fix, "spendsync-backup backup incremental");
  inventory.backups.insert(inventory.backups.begin(), backup("2026-03-02T00:00:00Z", BackupType::incremental, {16500}));
  EXPECT_EQ(judge_tablespaces({{16500, "fast", "/mnt/fast"}}, inventory).verdict, CheckVerdict::ok);
}

}  // namespace
}  // namespace spendsync::health
