#include "repository/page_failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spendsync::repository {
namespace {

ManifestSummary damaged() {
  ManifestSummary summary;
  summary.page_failures = 3;
  summary.page_failure_files = {{"base/5/16384", {7, 9}}, {"base/5/16390", {0}}};
  return summary;
}

TEST(PageFailures, AreToldByCountAndFirstPlace) {
  EXPECT_EQ(describe_page_failures(damaged()), "3 page(s) failed their checksum, first block 7 of base/5/16384");
  auto unnamed = damaged();
  unnamed.page_failure_files.clear();
  EXPECT_EQ(describe_page_failures(unnamed), "3 page(s) failed their checksum");
}

TEST(PageFailures, AreListedByFile) {
  EXPECT_THAT(page_failure_lines(damaged().page_failure_files),
              testing::ElementsAre("base/5/16384 block 7, 9", "base/5/16390 block 0"));
}

}  // namespace
}  // namespace spendsync::repository
