#include "health/check_history.h"

#include <gmock/gmock.h>

#include "base/condition.h"
#include "base/exit_code.h"

namespace spendsync::health {
namespace {

using testing::HasSubstr;

TEST(CheckHistory, AServerThatWritesWhatIsStoredIsOk) {
  const auto item = judge_history(ok());
  EXPECT_EQ(item.name, "server.history");
  EXPECT_EQ(item.verdict, CheckVerdict::ok);
}

TEST(CheckHistory, AServerOfAnotherHistoryIsAMissedObjectiveWithTheWayOut) {
  const auto item = judge_history(
      Error(ErrorKind::conflict, "the repository holds other WAL").with_condition(Condition::wal_diverged));
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_THAT(item.what, HasSubstr("the repository holds other WAL: no backup can be taken"));
  EXPECT_THAT(item.fix, HasSubstr("timeline fork"));
  EXPECT_EQ(item.exit_code, kObjectiveMissed);
}

TEST(CheckHistory, WhatCannotBeComparedIsAProblemOfItsOwnKind) {
  const Error unreachable(ErrorKind::transient, "the store does not answer");
  const auto item = judge_history(unreachable);
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_EQ(item.what, "the store does not answer");
  EXPECT_EQ(item.exit_code, exit_code(unreachable, 0));
  EXPECT_NE(item.exit_code, kObjectiveMissed);
  EXPECT_TRUE(item.fix.empty());
}

}  // namespace
}  // namespace spendsync::health
