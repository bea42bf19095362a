#include "cli/screen/page_failures.h"

#include <gtest/gtest.h>

namespace spendsync::cli {
namespace {

TEST(PageFailures, HaveFileAndBlocksInJson) {
  EXPECT_EQ(page_failures_json({{"base/5/16384", {7, 9}}}).dump(), R"([{"path":"base/5/16384","blocks":[7,9]}])");
}

}  // namespace
}  // namespace spendsync::cli
