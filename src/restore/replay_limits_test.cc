#include "restore/replay_limits.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace spendsync::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

repository::ManifestSummary backup() {
  repository::ManifestSummary summary;
  summary.server_settings = {{"max_connections", "100"},          {"max_worker_processes", "8"},
                             {"max_wal_senders", "10"},           {"max_prepared_transactions", "0"},
                             {"max_locks_per_transaction", "64"}, {"wal_level", "replica"}};
  return summary;
}

TEST(ReplayLimits, AreTheBackupsWhereWalHoldsNoOthers) {
  auto limits = replay_limits(backup(), {});
  EXPECT_THAT(limits.needed, ElementsAre(Pair("max_connections", "100"), Pair("max_locks_per_transaction", "64"),
                                         Pair("max_wal_senders", "10"), Pair("max_worker_processes", "8")));
  EXPECT_THAT(limits.raised, IsEmpty());
}

TEST(ReplayLimits, TakeTheGreatestOfEachSettingThatWasInForce) {
  auto limits = replay_limits(backup(), {{300, 4, 10, 50, 64}, {20, 24, 10, 0, 200}});
  EXPECT_EQ(limits.needed.at("max_connections"), "300");
  EXPECT_EQ(limits.needed.at("max_worker_processes"), "24");
  EXPECT_EQ(limits.needed.at("max_wal_senders"), "10");
  EXPECT_EQ(limits.needed.at("max_prepared_transactions"), "50");
  EXPECT_EQ(limits.needed.at("max_locks_per_transaction"), "200");
}

TEST(ReplayLimits, LeaveInTheCopyWhatTheSourceHadAtTheTargetNotWhatItHadMeanwhile) {
  auto limits = replay_limits(backup(), {{300, 8, 10, 50, 64}, {20, 24, 10, 0, 200}});
  EXPECT_THAT(limits.raised, ElementsAre(Pair("max_locks_per_transaction", "200"), Pair("max_worker_processes", "24")));
}

TEST(ReplayLimits, ComeFromWalAloneWhereTheManifestDoesNotTell) {
  auto limits = replay_limits({}, {{300, 8, 10, 0, 64}});
  EXPECT_EQ(limits.needed.at("max_connections"), "300");
  EXPECT_FALSE(limits.needed.contains("max_prepared_transactions"));
}

}  // namespace
}  // namespace spendsync::restore
