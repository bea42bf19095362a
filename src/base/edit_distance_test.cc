#include "base/edit_distance.h"

#include <gtest/gtest.h>

namespace spendsync {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("orders", "orders"), 0u);
  EXPECT_EQ(edit_distance("orders", "order"), 1u);
  EXPECT_EQ(edit_distance("orders", "borders"), 1u);
  EXPECT_EQ(edit_distance("orders", "ordars"), 1u);
  EXPECT_EQ(edit_distance("orders", "ordres"), 1u);
  EXPECT_EQ(edit_distance("orders", "Orders"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace spendsync
