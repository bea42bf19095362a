#include "repository/verdicts.h"

#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

const Label kFull = MUST(Label::parse("20240315T000000Z-full"));
const Label kOther = MUST(Label::parse("20240308T000000Z-full"));
const Label kIncremental = MUST(Label::parse("20240316T000000Z-incremental"));

VerifyReport report_with(const std::string& key) {
  VerifyReport report;
  report.findings.push_back({key, ErrorKind::corrupt, "a frame does not open"});
  report.findings_total = 1;
  return report;
}

struct VerdictWorld : SampleWorld {
  VerdictWorld() : repository(open()) {}
  std::unique_ptr<Repository> repository;
  void keep(const std::vector<std::pair<Label, VerifyReport>>& reports) {
    clock.advance(std::chrono::seconds(60));
    EXPECT_OK(put_verdicts(*repository, judge(repository->layout(), reports, clock.now(), "db1")));
  }
  Verdicts read() { return MUST(read_verdicts(*open_for_reading(), {})); }
};

TEST(Verdicts, TheNewestOfEachLabelCounts) {
  VerdictWorld world;
  EXPECT_TRUE(world.read().empty());
  const auto pack = world.repository->layout().packs_prefix(kFull) + "0000000000000001-000000";
  world.keep({{kFull, report_with(pack)}, {kOther, {}}});
  auto verdicts = world.read();
  EXPECT_FALSE(verdicts.at(kFull).good);
  EXPECT_EQ(verdicts.at(kFull).object, pack);
  EXPECT_EQ(verdicts.at(kFull).what, "a frame does not open");
  EXPECT_EQ(verdicts.at(kFull).verified, world.clock.now());
  EXPECT_TRUE(verdicts.at(kOther).good);

  world.keep({{kFull, {}}});  // brought back
  verdicts = world.read();
  EXPECT_TRUE(verdicts.at(kFull).good);
  EXPECT_TRUE(verdicts.at(kOther).good);
}

TEST(Verdicts, ADamagedObjectOfTheFullSpeaksAgainstFullAndIncremental) {
  VerdictWorld world;
  const auto pack = world.repository->layout().packs_prefix(kFull) + "0000000000000001-000000";
  world.keep({{kIncremental, report_with(pack)}});
  const auto verdicts = world.read();
  EXPECT_FALSE(verdicts.at(kFull).good);
  EXPECT_FALSE(verdicts.at(kIncremental).good);
}

TEST(Verdicts, AnIncrementalIsNoBetterThanItsFull) {
  VerdictWorld world;
  const auto pack = world.repository->layout().packs_prefix(kFull) + "0000000000000001-000000";
  world.keep({{kIncremental, {}}});
  EXPECT_FALSE(why_damaged(world.read(), kIncremental, kFull));
  world.keep({{kFull, report_with(pack)}});
  auto why = why_damaged(world.read(), kIncremental, kFull);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("its full 20240315T000000Z-full"), std::string::npos) << *why;
  EXPECT_NE(why->find(pack), std::string::npos) << *why;
  EXPECT_FALSE(why_damaged(world.read(), kOther, std::nullopt));
}

TEST(Verdicts, OneThatCannotBeReadSaysNothing) {
  VerdictWorld world;
  world.keep({{kFull, {}}});
  const auto pack = world.repository->layout().packs_prefix(kFull) + "0000000000000001-000000";
  world.keep({{kFull, report_with(pack)}});
  std::vector<storage::ObjectKey> keys;
  EXPECT_OK(world.memory.list(world.repository->layout().verdicts_prefix(), "", [&](const storage::ObjectInfo& info) {
    keys.push_back(info.key);
    return ok();
  }));
  ASSERT_EQ(keys.size(), 2u);
  auto bytes = MUST(world.memory.get(keys.back(), 1u << 20));
  bytes.back() ^= std::byte{1};
  world.memory.overwrite(keys.back(), bytes);
  EXPECT_TRUE(world.read().at(kFull).good);
  auto report = MUST(verify_everything(*world.repository, {}, {}));
  ASSERT_FALSE(report.clean());
  EXPECT_EQ(report.findings.front().key, keys.back().text());
}

}  // namespace
}  // namespace spendsync::repository
