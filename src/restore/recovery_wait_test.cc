#include "restore/recovery_wait.h"

#include <gmock/gmock.h>

namespace spendsync::restore {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(RecoveryWait, IsToldWithinAMinuteAndAgainWhileItLasts) {
  RecoveryWait wait;
  int told = 0;
  for (int second = 0; second < 60; ++second) {
    if (wait.observe(seconds(second), Lsn{0x3000028}, "recovering 000000010000000000000003")) ++told;
  }
  EXPECT_EQ(told, 1);
  auto again = wait.observe(seconds(90), Lsn{0x3000028}, "recovering 000000010000000000000003");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->since, seconds(90));
  EXPECT_EQ(again->what, "the record at 0/3000028 (recovering 000000010000000000000003)");
}

TEST(RecoveryWait, NamesTheFileThatIsNotDelivered) {
  RecoveryWait wait;
  wait.observe(seconds(0), Lsn{}, "waiting for 000000010000000000000003");
  auto told = wait.observe(seconds(31), Lsn{}, "waiting for 000000010000000000000003");
  ASSERT_TRUE(told);
  EXPECT_THAT(told->what, HasSubstr("WAL file 000000010000000000000003,"));
}

TEST(RecoveryWait, EndsWithAnyMovement) {
  RecoveryWait wait;
  for (int second = 0; second < 600; second += 20) {
    bool odd = second % 40 != 0;
    EXPECT_FALSE(wait.observe(seconds(second), Lsn{odd ? 0x3000028u : 0x3000060u}, ""));
  }
  // Before consistency only the file that is replayed tells that it moves.
  EXPECT_FALSE(wait.observe(seconds(620), Lsn{}, "recovering 000000010000000000000003"));
  EXPECT_FALSE(wait.observe(seconds(655), Lsn{}, "recovering 000000010000000000000004"));
}

}  // namespace
}  // namespace spendsync::restore
