#include "health/check_report.h"

#include <gtest/gtest.h>

#include "base/exit_code.h"

namespace spendsync::health {
namespace {

CheckItem problem(const std::string& name, int code) {
  return {.name = name, .verdict = CheckVerdict::problem, .what = "broken", .fix = "mend it", .exit_code = code};
}

TEST(CheckReport, WarningsAloneExitWithZero) {
  CheckReport report;
  report.pass("a", "fine");
  report.add({.name = "b", .verdict = CheckVerdict::warning, .what = "hm", .fix = "do"});
  EXPECT_EQ(report.exit_code(), kDone);
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

}  // namespace
}  // namespace spendsync::health
