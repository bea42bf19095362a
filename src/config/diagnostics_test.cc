#include "config/diagnostics.h"

#include <gtest/gtest.h>

namespace spendsync::config {
namespace {

TEST(Diagnostic, IsPrintedAsCompilersDo) {
  const Diagnostic diagnostic{Severity::error,
                              "backup-config.yml",
                              {14, 5},
                              "unknown key 'retenton' under 'schedules.full'",
                              "did you mean 'retention'?"};
  EXPECT_EQ(diagnostic.to_string(),
            "backup-config.yml:14:5: error: unknown key 'retenton' under 'schedules.full' - did you mean 'retention'?");
  const Diagnostic bare{Severity::warning, "f", {1, 1}, "m", ""};
  EXPECT_EQ(bare.to_string(), "f:1:1: warning: m");
}

TEST(Findings, AreOrderedByPlaceAndCounted) {
  Findings findings("f");
  findings.warning({3, 1}, "c");
  EXPECT_FALSE(findings.has_errors());
  findings.error({2, 9}, "b");
  findings.error({2, 1}, "a");
  EXPECT_TRUE(findings.has_errors());
  std::string order;
  for (const Diagnostic& diagnostic : findings.take()) order += diagnostic.message;
  EXPECT_EQ(order, "abc");
}

TEST(Findings, AreNotAFlood) {
  Findings findings("f");
  for (int i = 0; i < 1000; ++i) findings.error({i + 1, 1}, "x");
  const auto diagnostics = findings.take();
  ASSERT_EQ(diagnostics.size(), Findings::kMaximum + 1);
  EXPECT_EQ(diagnostics.back().message, "more findings than can be listed");
}

TEST(Closest, FindsSlipsAndNothingElse) {
  const std::vector<std::string_view> keys = {"retention", "cron", "streaming", "connection"};
  EXPECT_EQ(closest("retenton", keys), "retention");
  EXPECT_EQ(closest("rentention", keys), "retention");
  EXPECT_EQ(closest("Cron", keys), "cron");
  EXPECT_EQ(closest("corn", keys), "cron");
  EXPECT_EQ(closest("zebra", keys), "");
  EXPECT_EQ(closest("", keys), "");
  EXPECT_EQ(closest(std::string(100'000, 'x'), keys), "");
  EXPECT_EQ(did_you_mean("streming", keys), "did you mean 'streaming'?");
  EXPECT_EQ(did_you_mean("zebra", keys), "");
}

TEST(Quote, MakesTextFitForAMessage) {
  EXPECT_EQ(quote("a\nb\x1b[31m"), "'a\\nb\\x1b[31m'");
  EXPECT_EQ(quote(std::string(100, 'x')), "'" + std::string(60, 'x') + "...'");
  std::string umlauts;
  for (int i = 0; i < 40; ++i) umlauts += "\xC3\xBC";
  EXPECT_EQ(quote(umlauts), "'" + umlauts.substr(0, 60) + "...'") << "never half a character";
}

}  // namespace
}  // namespace spendsync::config
