#include "repository/rollback.h"

#include <gmock/gmock.h>

#include "base/condition.h"
#include "base/testing.h"
#include "repository/catalog.h"
#include "repository/chain.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

using ::testing::HasSubstr;

/// A repository with two backups of which this host has seen both.
class Rollback : public ::testing::Test {
 protected:
  Rollback() : repository_(world_.open()) {
    older_ = manifest_of(MUST(make_sample_backup(*repository_, {})).summary);
    world_.clock.advance(std::chrono::hours(1));
    for (const auto& key : world_.memory.keys()) snapshot_.emplace_back(key, MUST(world_.memory.get(key, 1u << 30)));
    newer_ = manifest_of(MUST(make_sample_backup(*repository_, {})).summary);
  }
  void go_back() {
    for (const auto& key : world_.memory.keys()) MUST(world_.memory.remove(key));
    for (const auto& [key, bytes] : snapshot_) MUST(world_.memory.put_if_absent(key, bytes));
  }
  storage::ObjectKey manifest_of(const ManifestSummary& summary) const {
    return repository_->layout().manifest(summary.label);
  }
  void put_tombstone(const storage::ObjectKey& key) {
    auto keys = MUST(repository_->keys().create_pair("expire"));
    MUST(repository_->put_document({ObjectType::tombstone, repository_->layout().tombstone(key), as_bytes("{}")},
                                   keys.meta));
  }
  std::vector<ChainFinding> chain() {
    return MUST(check_chain(*repository_, MUST(Catalog::load(*repository_, {})), {}));
  }

  SampleWorld world_;
  std::unique_ptr<Repository> repository_;
  storage::ObjectKey older_ = MUST(storage::ObjectKey::parse("x"));
  storage::ObjectKey newer_ = MUST(storage::ObjectKey::parse("x"));
  std::vector<std::pair<storage::ObjectKey, Bytes>> snapshot_;
};

TEST_F(Rollback, NothingSpeaksForOneWhileTheNewestRecordIsThere) {
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
  EXPECT_OK(expect_no_rollback(*repository_));
  EXPECT_FALSE(MUST(accept_rollback(*repository_, MUST(Catalog::load(*repository_, {})), {})));
}

TEST_F(Rollback, IsToldWithTheRecordThatIsGone) {
  go_back();
  auto found = MUST(find_rollback(*repository_));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind(), ErrorKind::refused);
  EXPECT_EQ(found->condition(), Condition::repository_went_back);
  EXPECT_THAT(found->message(), HasSubstr(newer_.text()));
  EXPECT_THAT(found->hint(), HasSubstr("init --accept-rollback"));
}

TEST_F(Rollback, NobodyWritesThereAndTheEvidenceStays) {
  go_back();
  auto refused = world_.try_open();
  EXPECT_KIND(refused, ErrorKind::refused);
  world_.clock.advance(std::chrono::hours(1));
  MUST(make_sample_backup(*repository_, {}));  // by a run that had opened it before
  EXPECT_EQ(read_newest_seen(*repository_)->record.key, newer_.text());
  EXPECT_KIND(world_.try_open(), ErrorKind::refused);
  ASSERT_EQ(chain().size(), 1u);
  EXPECT_EQ(chain()[0].kind, ChainFinding::Kind::rolled_back);
}

TEST_F(Rollback, ARecordThatWasExpiredIsNone) {
  MUST(world_.memory.remove(newer_));
  EXPECT_TRUE(MUST(find_rollback(*repository_)));
  put_tombstone(newer_);
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
  EXPECT_OK(world_.try_open());
}

TEST_F(Rollback, ADamagedTombstoneProvesNothingAndTheWayOnIsOpen) {
  MUST(world_.memory.remove(newer_));
  put_tombstone(newer_);
  const auto tombstone = repository_->layout().tombstone(newer_);
  auto bytes = MUST(world_.memory.get(tombstone, 1u << 30));
  bytes.back() ^= std::byte{1};
  world_.memory.overwrite(tombstone, bytes);
  EXPECT_TRUE(MUST(find_rollback(*repository_)));
  EXPECT_TRUE(MUST(accept_rollback(*repository_, MUST(Catalog::load(*repository_, {})), {})));
  EXPECT_OK(world_.try_open());
}

TEST_F(Rollback, ADamagedRecordIsDamageAndKeepsNobodyFromANewBackup) {
  auto bytes = MUST(world_.memory.get(newer_, 1u << 30));
  bytes.back() ^= std::byte{1};
  world_.memory.overwrite(newer_, bytes);
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
  EXPECT_OK(world_.try_open());
  EXPECT_FALSE(chain().empty());
}

TEST_F(Rollback, AnotherRepositoryIsToldWithBothIds) {
  SampleWorld elsewhere;
  std::array<std::byte, 8> skipped{};
  elsewhere.random.fill(skipped);  // its id is another one, its key is the same
  auto other = elsewhere.open();
  world_.store = &elsewhere.memory;
  auto read = world_.open_for_reading();
  auto found = MUST(find_rollback(*read));
  ASSERT_TRUE(found);
  EXPECT_THAT(found->message(), HasSubstr(other->id()));
  EXPECT_THAT(found->message(), HasSubstr(repository_->id()));
}

TEST_F(Rollback, OnceAcceptedWhatIsThereCountsAndNumbersGoOn) {
  go_back();
  auto accepted = MUST(accept_rollback(*repository_, MUST(Catalog::load(*repository_, {})), {}));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->gone, newer_.text());
  EXPECT_EQ(accepted->sequence, 2u);
  EXPECT_EQ(accepted->newest, older_.text());
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
  EXPECT_TRUE(chain().empty());
  auto again = MUST(world_.try_open());
  world_.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(MUST(make_sample_backup(*again, {})).summary.chain.sequence, 3u);
  MUST(world_.memory.remove(older_));  // the record that counts now is watched like any other
  EXPECT_EQ(chain().size(), 1u);
}

TEST_F(Rollback, WhereNoRecordIsLeftNothingIsRemembered) {
  MUST(world_.memory.remove(newer_));
  MUST(world_.memory.remove(older_));
  auto accepted = MUST(accept_rollback(*repository_, MUST(Catalog::load(*repository_, {})), {}));
  ASSERT_TRUE(accepted);
  EXPECT_FALSE(accepted->newest);
  EXPECT_FALSE(read_newest_seen(*repository_));
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
}

}  // namespace
}  // namespace spendsync::repository
