#include "cli/screen/check_screen.h"

#include <gtest/gtest.h>

#include "base/exit_code.h"
#include "base/testing.h"

namespace spendsync::cli {
namespace {

using health::CheckItem;
using health::CheckReport;
using health::CheckVerdict;

CheckItem problem(const std::string& name, int code) {
  return {.name = name, .verdict = CheckVerdict::problem, .what = "broken", .fix = "mend it", .exit_code = code};
}

TEST(CheckScreen, TheFirstLineSaysWhetherTheNextBackupCanRun) {
  CheckReport report;
  report.pass("a", "fine");
  EXPECT_EQ(headline(report), "OK       the next backup can run; nothing to do");
  report.add({.name = "b", .verdict = CheckVerdict::warning, .what = "hm", .fix = "do"});
  EXPECT_EQ(headline(report), "OK       the next backup can run; 1 warning");
  report.add(problem("c", kFailed));
  report.add(problem("d", kRefused));
  EXPECT_EQ(headline(report), "PROBLEM  2 problems, 1 warning: the next backup would fail, or would not be enough");
}

TEST(CheckScreen, ProblemsComeFirstEachWithItsFixAndOkLinesCanBeLeftOut) {
  CheckReport report;
  report.pass("fine.item", "good");
  report.skip("late.item", "the server cannot be asked");
  report.add({.name = "some.item", .verdict = CheckVerdict::warning, .what = "hm", .fix = "do this"});
  report.add(problem("bad.item", kRefused));
  const auto lines = to_lines(report, false);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[1], "problem      bad.item                 broken");
  EXPECT_EQ(lines[2], "                                      -> mend it");
  EXPECT_EQ(lines[3], "warning      some.item                hm");
  EXPECT_EQ(lines[5], "not checked  late.item                because the server cannot be asked");
  EXPECT_EQ(lines[6], "ok           fine.item                good");
  EXPECT_EQ(to_lines(report, true).size(), 6u);
}

TEST(CheckScreen, JsonHoldsEveryItem) {
  CheckReport report;
  report.pass("fine", "good");
  report.add(problem("bad", kUnreachable));
  const auto json = to_json(report);
  EXPECT_EQ(MUST(json.unsigned_integer("problems")), 1u);
  const auto& items = *MUST(json.array_of("items"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(MUST(items[1].text("verdict")), "problem");
  EXPECT_EQ(MUST(items[1].text("fix")), "mend it");
  EXPECT_EQ(MUST(items[1].integer("exit_code")), 7);
  EXPECT_EQ(items[0].find("fix"), nullptr);
}

}  // namespace
}  // namespace spendsync::cli
