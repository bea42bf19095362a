#include "cli/check_report.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "cli/exit_code.h"

namespace spendsync::cli {
namespace {

CheckItem problem(const std::string& name, int code) {
  return {.name = name, .verdict = CheckVerdict::problem, .what = "broken", .fix = "mend it", .exit_code = code};
}

TEST(CheckReport, WarningsAloneExitWithZero) {
  CheckReport report;
  report.pass("a", "fine");
  EXPECT_EQ(report.headline(), "OK       the next backup can run; nothing to do");
  report.add({.name = "b", .verdict = CheckVerdict::warning, .what = "hm", .fix = "do"});
  EXPECT_EQ(report.exit_code(), kDone);
  EXPECT_EQ(report.headline(), "OK       the next backup can run; 1 warning");
}

TEST(CheckReport, TheGravestProblemDecidesTheExitCode) {
  CheckReport report;
  report.add(problem("a", kObjectiveMissed));
  EXPECT_EQ(report.exit_code(), kObjectiveMissed);
  report.add(problem("b", kFailed));
  EXPECT_EQ(report.exit_code(), kFailed);
  report.add(problem("c", kRefused));
  EXPECT_EQ(report.exit_code(), kRefused);
  report.add(problem("d", kUnreachable));
  EXPECT_EQ(report.exit_code(), kUnreachable);
  report.add(problem("e", kDamaged));
  EXPECT_EQ(report.exit_code(), kDamaged);
  EXPECT_EQ(report.headline(), "PROBLEM  5 problems: the next backup would fail, or would not be enough");
}

TEST(CheckReport, ProblemsComeFirstEachWithItsFixAndOkLinesCanBeLeftOut) {
  CheckReport report;
  report.pass("fine.item", "good");
  report.skip("late.item", "the server cannot be asked");
  report.add({.name = "some.item", .verdict = CheckVerdict::warning, .what = "hm", .fix = "do this"});
  report.add(problem("bad.item", kRefused));
  const auto lines = report.lines(false);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[1], "problem      bad.item                 broken");
  EXPECT_EQ(lines[2], "                                      -> mend it");
  EXPECT_EQ(lines[3], "warning      some.item                hm");
  EXPECT_EQ(lines[5], "not checked  late.item                because the server cannot be asked");
  EXPECT_EQ(lines[6], "ok           fine.item                good");
  EXPECT_EQ(report.lines(true).size(), 6u);
}

TEST(CheckReport, FixesReachTheConfigurationThatWasNamed) {
  CheckReport report;
  report.add({.name = "a",
              .verdict = CheckVerdict::warning,
              .what = "x",
              .fix = "spendsync-backup list, then: "
                     "spendsync-backup verify full <date>"});
  report.add({.name = "b", .verdict = CheckVerdict::warning, .what = "y", .fix = "chmod 600 key"});
  report.call_with("/etc/b.yml");
  EXPECT_EQ(report.items()[0].fix,
            "spendsync-backup --config /etc/b.yml list, then: spendsync-backup --config /etc/b.yml verify full <date>");
  EXPECT_EQ(report.items()[1].fix, "chmod 600 key");
}

TEST(CheckReport, JsonHoldsEveryItem) {
  CheckReport report;
  report.pass("fine", "good");
  report.add(problem("bad", kUnreachable));
  const auto json = report.to_json();
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
