#include "restore/plan.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "repository/backup_reader.h"
#include "restore/testing/synthetic_backup.h"

namespace spendsync::restore {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    SyntheticBackup backup(repository_);
    backup.summary().server_version = "15.8 (Debian)";
    backup.cluster();
    label_ = backup.commit();
    MUST(make_directories(original() + "/global", 0700));
  }
  std::string original() const { return directory_.path() + "/original"; }

  RestorePlan plan() {
    auto& repository = repository_.repository();
    repository::WalArchive archive(repository, {});
    auto reader = MUST(repository::BackupReader::open(repository, label_));
    ResolvedTarget target(reader->summary());
    target.recovery.timeline = TimelineId{1};
    auto coverage = MUST(wal::WalCoverage::load(archive, repository.identity(), {}));
    return MUST(make_plan(repository, coverage, target,
                          {.paths = RestorePaths::of(directory_.path() + "/target"), .original = original()}));
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
  repository::OpenWorld repository_;
  repository::Label label_ = repository::Label::make(Timestamp{}, BackupType::full);
};

TEST_F(PlanTest, NamesTheServerThatWasBackedUp) {
  const auto made = plan();
  const auto identifier = repository::SampleWorld::kSystem.to_string();
  EXPECT_THAT(to_lines(made, TimeZone::utc()), Contains(HasSubstr(identifier + ", PostgreSQL 15.8 (Debian)")));
  const auto json = to_json(made, TimeZone::utc());
  EXPECT_EQ(MUST(json.text("system_identifier")), identifier);
  EXPECT_EQ(MUST(json.text("server_version")), "15.8 (Debian)");
}

TEST_F(PlanTest, WarnsWhereTheConfiguredDataDirectoryIsOfAnotherServer) {
  EXPECT_THAT(plan().warnings, IsEmpty()) << "no pg_control";
  MUST(replace_file(original() + "/global/pg_control", synthetic_control_file(), 0600));
  EXPECT_THAT(plan().warnings, IsEmpty()) << "of the same server";
  MUST(replace_file(original() + "/global/pg_control", synthetic_control_file(SystemIdentifier{7}), 0600));
  EXPECT_THAT(plan().warnings, ElementsAre(HasSubstr("a backup of another server: " + original())));
}

}  // namespace
}  // namespace spendsync::restore
