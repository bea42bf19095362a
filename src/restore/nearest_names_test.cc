#include "restore/nearest_names.h"

#include <gmock/gmock.h>

namespace spendsync::restore {
namespace {

using ::testing::ElementsAre;

TEST(NearestNames, AreThoseThatDifferLeast) {
  EXPECT_THAT(nearest_names("ordres", {"public.customers", "public.orders", "public.order_lines"}, 2),
              ElementsAre("public.orders", "public.order_lines"));
  EXPECT_THAT(nearest_names("SHOP", {"template1", "shop", "shop_test"}, 1), ElementsAre("shop"));
}

TEST(NearestNames, CountsTheSchemaWhereItWasGiven) {
  EXPECT_THAT(nearest_names("app.orders", {"old.orders", "app.orders2", "public.t"}, 1), ElementsAre("app.orders2"));
}

TEST(NearestNames, AreNoMoreThanThereAre) {
  EXPECT_THAT(nearest_names("x", {}, 3), ElementsAre());
  EXPECT_THAT(nearest_names("x", {"b", "a"}, 3), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace spendsync::restore
