#include "health/recovery_state.h"

#include <gmock/gmock.h>

#include "repository/rollback.h"
#include "repository/testing/sample_repository.h"
#include "repository/verdicts.h"

namespace spendsync::health {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kFirst = 0x20;  // the segment of 1 MiB in which sample backups begin and end

class RecoveryStateTest : public ::testing::Test {
 protected:
  repository::Label backup() {
    auto made = MUST(repository::make_sample_backup(*repository_, {.files = 2}));
    world_.clock.advance(std::chrono::hours(1));
    return made.summary.label;
  }
  void find_damaged(const repository::Label& label) {
    repository::VerifyReport report;
    report.findings.push_back({repository_->layout().packs_prefix(label) + "1", ErrorKind::corrupt, "torn"});
    report.findings_total = 1;
    MUST(repository::put_verdicts(
        *repository_, repository::judge(repository_->layout(), {{label, report}}, world_.clock.now(), "db1")));
  }
  RecoveryState read() { return MUST(read_recovery_state(*world_.open_for_reading(), {})); }
  BackupFacts facts(const RecoveryState& state, const std::optional<postgres::ServerInfo>& server = {}) {
    return backup_facts(state, {}, world_.clock.now(), server);
  }

  repository::SampleWorld world_;
  std::unique_ptr<repository::Repository> repository_ = world_.open();
};

TEST_F(RecoveryStateTest, OfAnEmptyRepositoryNothingCanBeRestored) {
  const auto state = read();
  EXPECT_FALSE(state.best);
  EXPECT_EQ(state.newest_full(), nullptr);
  EXPECT_EQ(state.newest_log(), nullptr);
  const auto judged = facts(state);
  EXPECT_FALSE(judged.newest_full);
  EXPECT_FALSE(judged.restorable_until);
  EXPECT_FALSE(judged.newest_record);
}

TEST_F(RecoveryStateTest, ReachesToTheEndOfGaplessWal) {
  const auto label = backup();
  repository::put_sample_segments(*repository_, kFirst, 3);
  const auto state = read();
  ASSERT_TRUE(state.best);
  EXPECT_EQ(state.best->backup->label, label);
  EXPECT_EQ(state.best->end, Lsn{(kFirst + 3) << 20});
  EXPECT_EQ(state.segment_size, 1u << 20);
  EXPECT_GT(state.replay_bytes, 0u);
  EXPECT_FALSE(state.beyond);
  const auto judged = facts(state);
  EXPECT_EQ(judged.newest_full, label.start());
  EXPECT_EQ(judged.restorable_until, state.best->until);
  EXPECT_FALSE(judged.missing_wal);
  EXPECT_THAT(judged.damaged, IsEmpty());
}

TEST_F(RecoveryStateTest, NamesTheSegmentThatIsMissing) {
  backup();
  repository::put_sample_segments(*repository_, kFirst, 2);
  repository::put_sample_segments(*repository_, kFirst + 3, 1);
  const auto judged = facts(read());
  EXPECT_EQ(judged.missing_wal, "000000010000000000000022");
  ASSERT_TRUE(judged.beyond);
  EXPECT_THAT(*judged.beyond, HasSubstr("000000010000000000000022 is missing"));
}

TEST_F(RecoveryStateTest, NobodyIsSafeByABackupThatVerifyFoundDamaged) {
  const auto good = backup();
  const auto damaged = backup();
  find_damaged(damaged);
  auto state = read();
  ASSERT_TRUE(state.best);
  EXPECT_EQ(state.best->backup->label, good);
  EXPECT_EQ(state.newest_full()->label, good);
  EXPECT_THAT(facts(state).damaged, ElementsAre(HasSubstr(damaged.text())));
  find_damaged(good);
  state = read();
  EXPECT_FALSE(state.best);
  EXPECT_EQ(state.newest_full(), nullptr);
  EXPECT_FALSE(facts(state).newest_full);
  EXPECT_TRUE(facts(state).newest_record);  // it was written all the same
}

TEST_F(RecoveryStateTest, ComparesWithTheServerWhereItCanBeAsked) {
  backup();
  repository::put_sample_segments(*repository_, kFirst, 1);
  const auto state = read();
  EXPECT_FALSE(facts(state).lag);
  postgres::ServerInfo server;
  server.timeline = TimelineId{1};
  server.current_lsn = Lsn{((kFirst + 1) << 20) + 5000};
  auto judged = facts(state, server);
  ASSERT_TRUE(judged.lag);
  EXPECT_EQ(judged.lag->bytes(), 5000u);
  EXPECT_FALSE(judged.other_timeline);
  server.timeline = TimelineId{2};
  EXPECT_EQ(facts(state, server).other_timeline, std::pair(TimelineId{2}, TimelineId{1}));
  server.in_recovery = true;  // a standby follows its primary by itself
  EXPECT_FALSE(facts(state, server).other_timeline);
}

TEST_F(RecoveryStateTest, TellsThatTheRepositoryWentBack) {
  backup();
  const auto second = backup();
  EXPECT_FALSE(facts(read()).went_back);
  MUST(world_.memory.remove(repository_->layout().manifest(second)));
  const auto judged = facts(read());
  ASSERT_TRUE(judged.went_back);
  EXPECT_FALSE(judged.went_back->second.empty());
}

}  // namespace
}  // namespace spendsync::health
