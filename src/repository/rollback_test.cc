#include "repository/rollback.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/file.h"
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
  std::vector<AcceptedRollback> accept() { return MUST(accept_rollbacks(world_.settings, world_.collaborators(), {})); }
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
  EXPECT_TRUE(accept().empty());
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
  EXPECT_EQ(accept().size(), 1u);
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
  auto all = accept();
  ASSERT_EQ(all.size(), 1u);
  const auto& accepted = all.front();
  EXPECT_EQ(accepted.gone, newer_.text());
  EXPECT_EQ(accepted.sequence, 2u);
  EXPECT_EQ(accepted.newest, older_.text());
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
  EXPECT_TRUE(chain().empty());
  auto again = MUST(world_.try_open());
  world_.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(MUST(make_sample_backup(*again, {})).summary.chain.sequence, 3u);
  MUST(world_.memory.remove(older_));  // the record that counts now is watched like any other
  EXPECT_EQ(chain().size(), 1u);
}

TEST_F(Rollback, IsNotAcceptedWhereWhatIsRememberedCannotBeRead) {
  go_back();
  const auto path =
      world_.state.path() + "/newest-demo-" + repository_->layout().path().system_identifier.to_string() + ".json";
  const auto kept = MUST(read_text_file(path));
  MUST(remove_tree(path));
  MUST(make_directories(path, 0700));  // in its place, what no read gets through
  EXPECT_FALSE(accept_rollbacks(world_.settings, world_.collaborators(), {}));
  MUST(remove_tree(path));
  MUST(replace_file(path, as_bytes(kept), 0600));

  auto settings = world_.settings;
  settings.state_directory = world_.state.path() + "/loop";
  ASSERT_EQ(::symlink("loop", settings.state_directory.c_str()), 0);
  EXPECT_FALSE(accept_rollbacks(settings, world_.collaborators(), {}));
  EXPECT_EQ(accept().size(), 1u);
}

TEST_F(Rollback, WhereNoRecordIsLeftNothingIsRemembered) {
  MUST(world_.memory.remove(newer_));
  MUST(world_.memory.remove(older_));
  auto all = accept();
  ASSERT_EQ(all.size(), 1u);
  const auto& accepted = all.front();
  EXPECT_FALSE(accepted.newest);
  EXPECT_FALSE(read_newest_seen(*repository_));
  EXPECT_FALSE(MUST(find_rollback(*repository_)));
}

TEST_F(Rollback, AFolderThatIsGoneIsOneForThoseWhoReadToo) {
  for (const auto& key : world_.memory.keys()) {
    if (key.text().starts_with("demo/")) MUST(world_.memory.remove(key));
  }
  auto read = [&](std::optional<SystemIdentifier> server) {
    return Repository::open_for_reading(world_.settings, server, world_.collaborators());
  };
  for (const auto& server : {std::optional<SystemIdentifier>(), std::optional(world_.identity.system_identifier)}) {
    auto refused = read(server);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().condition(), Condition::repository_went_back);
  }
  const auto all = accept();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().server, world_.identity.system_identifier);
  EXPECT_EQ(all.front().gone, newer_.text());
  EXPECT_FALSE(all.front().newest);
  EXPECT_TRUE(accept().empty());
  EXPECT_KIND(read(std::nullopt), ErrorKind::not_found);
  EXPECT_OK(world_.try_open());
}

/// A second server has adopted the first one's folder and made a backup.
class RollbackOfTwoServers : public Rollback {
 protected:
  RollbackOfTwoServers() {
    first_ = world_.identity;
    world_.identity.system_identifier = {7000000000000000002};
    MUST(Repository::adopt(world_.settings, world_.identity, world_.collaborators()));
    world_.clock.advance(std::chrono::hours(1));
    MUST(make_sample_backup(*world_.open(), {}));
  }
  std::unique_ptr<Repository> read(SystemIdentifier server) {
    return MUST(Repository::open_for_reading(world_.settings, server, world_.collaborators()));
  }
  ClusterIdentity first_;
};

TEST_F(RollbackOfTwoServers, ACopyFromBeforeTheSecondOneIsNoticedAndAcceptedByWhatIsRemembered) {
  const auto second = world_.identity.system_identifier;
  for (const auto& key : world_.memory.keys()) {
    if (key.text().starts_with("demo/" + second.to_string())) MUST(world_.memory.remove(key));
  }
  auto found = MUST(find_rollback(*read(first_.system_identifier)));
  ASSERT_TRUE(found);
  EXPECT_THAT(found->message(), HasSubstr(second.to_string()));
  auto adopted = Repository::adopt(world_.settings, world_.identity, world_.collaborators());
  EXPECT_KIND(adopted, ErrorKind::refused);

  const auto all = accept();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().server, second);
  EXPECT_TRUE(accept().empty());
  EXPECT_FALSE(MUST(find_rollback(*read(first_.system_identifier))));
  MUST(Repository::adopt(world_.settings, world_.identity, world_.collaborators()));
  EXPECT_OK(world_.try_open());
}

TEST_F(RollbackOfTwoServers, WhatIsGoneOfTheFirstOneIsNoneOfTheSecond) {
  MUST(world_.memory.remove(newer_));
  EXPECT_FALSE(MUST(find_rollback(*read(world_.identity.system_identifier))));
  EXPECT_TRUE(MUST(find_rollback(*read(first_.system_identifier))));
  const auto all = accept();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().server, first_.system_identifier);
  EXPECT_EQ(all.front().newest, older_.text());
}

}  // namespace
}  // namespace spendsync::repository
