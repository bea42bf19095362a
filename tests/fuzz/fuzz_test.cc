// Every target takes its samples, refuses what is flawed, and survives a seeded sample of mutations; what the fuzzer
// once found (findings/<target>/) stays a sample for ever.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/testing.h"
#include "fuzz/engine.h"

namespace spendsync::fuzz {
namespace {

constexpr uint64_t kExecutions = 1500;
constexpr const char* kFindings = SSB_SOURCE_DIRECTORY "/tests/fuzz/findings";

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const auto& target : all_targets()) names.emplace_back(target.name);
  return names;
}

class FuzzTarget : public testing::TestWithParam<std::string> {
 protected:
  FuzzTarget() {
    for (auto& target : all_targets()) {
      if (target.name == GetParam()) target_ = std::move(target);
    }
  }
  Target target_;
};

TEST_P(FuzzTarget, TakesItsSamplesAndRefusesWhatIsFlawed) {
  ASSERT_FALSE(target_.samples.empty());
  for (const auto& sample : target_.samples) {
    EXPECT_LE(sample.size(), kInputMax);
    EXPECT_TRUE(target_.reads(sample)) << as_text(sample);
  }
  for (const auto& sample : target_.flawed) EXPECT_FALSE(target_.reads(sample)) << as_text(sample);
}

TEST_P(FuzzTarget, SurvivesMutationsOfThem) {
  const auto report = run_engine(target_, {1, kExecutions, {}}, [](const Bytes&) {});
  EXPECT_EQ(report.executions, kExecutions);
  EXPECT_GE(report.taken, target_.samples.size());
}

TEST_P(FuzzTarget, SurvivesWhatWasFoundBefore) {
  const auto directory = std::string(kFindings).append("/").append(GetParam());
  if (!exists(directory)) return;
  for (const auto& name : MUST(list_directory(directory))) {
    SCOPED_TRACE(name);
    target_.reads(MUST(read_file(directory + "/" + name)));
  }
}

INSTANTIATE_TEST_SUITE_P(All, FuzzTarget, testing::ValuesIn(target_names()),
                         [](const auto& parameter) { return parameter.param; });

TEST(FuzzTargets, HaveNamesOfTheirOwn) {
  const auto names = target_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(FuzzFindings, BelongToTargets) {
  if (!exists(kFindings)) return;
  const auto names = target_names();
  for (const auto& name : MUST(list_directory(kFindings))) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

}  // namespace
}  // namespace spendsync::fuzz
