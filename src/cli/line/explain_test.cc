// docs/operations/errors.md is generated: a test that fails after a change of the table is told the new page by
//   SPENDSYNC_UPDATE_GENERATED=1 cli_test --gtest_filter='Generated.*'
#include "cli/line/explain.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>
#include <set>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kPage = SSB_SOURCE_ROOT "/docs/operations/errors.md";
constexpr const char* kConditions = SSB_SOURCE_ROOT "/src/base/condition.h";

TEST(Generated, ErrorsPageIsCommitted) {
  const auto page = errors_markdown();
  if (std::getenv("SPENDSYNC_UPDATE_GENERATED") != nullptr) MUST(replace_file(kPage, as_bytes(page), 0644));
  EXPECT_EQ(std::string(as_text(MUST(read_file(kPage)))), page);
}

TEST(Explain, EveryConditionHasItsText) {
  const auto header = std::string(as_text(MUST(read_file(kConditions))));
  const std::regex member(R"(\n  [a-z_]+ = ([0-9]{4}),)");
  std::set<std::string> numbers;
  for (std::sregex_iterator at(header.begin(), header.end(), member), end; at != end; ++at) {
    EXPECT_TRUE(numbers.insert((*at)[1]).second) << (*at)[1] << " is given twice";
  }
  EXPECT_GT(numbers.size(), 45u);
  std::set<std::string> explained;
  for (const auto& explanation : explanations()) {
    explained.insert(code_of(explanation.condition).substr(4));
    for (const auto& text : {explanation.title, explanation.meaning, explanation.causes, explanation.remedy}) {
      EXPECT_FALSE(text.empty()) << code_of(explanation.condition);
    }
    EXPECT_TRUE(explanation.remedy.ends_with('.')) << code_of(explanation.condition);
    EXPECT_FALSE(explanation.title.ends_with('.')) << code_of(explanation.condition);
  }
  EXPECT_EQ(explained, numbers);
}

TEST(Explain, FindsACodeHoweverItIsWritten) {
  for (const char* code : {"SSB-1201", "ssb-1201", "SSB1201", "1201", "[SSB-1201]"}) {
    const auto* found = find_explanation(code);
    ASSERT_NE(found, nullptr) << code;
    EXPECT_EQ(found->condition, Condition::no_key_opens);
    EXPECT_THAT(to_text(*found), HasSubstr("keys list"));
  }
  for (const char* code : {"", "SSB-", "SSB-9999", "12", "none"}) EXPECT_EQ(find_explanation(code), nullptr) << code;
}

}  // namespace
}  // namespace spendsync::cli
