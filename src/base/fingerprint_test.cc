#include "base/fingerprint.h"

#include <gtest/gtest.h>

namespace spendsync {
namespace {

/// Test vectors of draft-eastlake-fnv, appendix C.
TEST(Fingerprint, IsFnv1aOf64Bits) {
  EXPECT_EQ(fingerprint({}), "cbf29ce484222325");
  EXPECT_EQ(fingerprint(as_bytes("a")), "af63dc4c8601ec8c");
  EXPECT_EQ(fingerprint(as_bytes("foobar")), "85944171f73967e8");
}

}  // namespace
}  // namespace spendsync
