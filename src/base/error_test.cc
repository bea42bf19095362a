#include "base/error.h"

#include <cerrno>

#include "base/condition.h"
#include "base/testing.h"

namespace spendsync {
namespace {

TEST(Error, ContextGoesBeforeTheMessage) {
  Error error = Error(ErrorKind::corrupt, "bad magic").with_context("reading pack 7").with_context("verifying");
  EXPECT_EQ(error.message(), "verifying: reading pack 7: bad magic");
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
}

TEST(Error, InnermostHintWins) {
  Error error = Error(ErrorKind::denied, "no").with_hint("inner").with_context("outside").with_hint("outer");
  EXPECT_EQ(error.hint(), "inner");
}

TEST(Error, CarriesAnExitCodeOnlyWhenTold) {
  EXPECT_EQ(Error(ErrorKind::invalid, "x").exit_code(), std::nullopt);
  EXPECT_EQ(Error(ErrorKind::invalid, "x").with_exit_code(4).exit_code(), 4);
}

TEST(Error, ErrnoChoosesTheKindAndIsNamed) {
  Error error = Error::from_errno(ENOENT, "cannot open /nowhere");
  EXPECT_EQ(error.message(), "cannot open /nowhere: No such file or directory");
  EXPECT_EQ(error.os_error(), ENOENT);
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_EQ(Error::from_errno(EACCES, "").kind(), ErrorKind::denied);
  EXPECT_EQ(Error::from_errno(EPERM, "").kind(), ErrorKind::denied);
  EXPECT_EQ(Error::from_errno(EEXIST, "").kind(), ErrorKind::already_exists);
  EXPECT_EQ(Error::from_errno(ENOSPC, "").kind(), ErrorKind::exhausted);
  EXPECT_EQ(Error::from_errno(EDQUOT, "").kind(), ErrorKind::exhausted);
  EXPECT_EQ(Error::from_errno(EMFILE, "").kind(), ErrorKind::exhausted);
  EXPECT_EQ(Error::from_errno(ENOMEM, "").kind(), ErrorKind::exhausted);
  EXPECT_EQ(Error::from_errno(EINTR, "").kind(), ErrorKind::transient);
  EXPECT_EQ(Error::from_errno(EAGAIN, "").kind(), ErrorKind::transient);
  EXPECT_EQ(Error::from_errno(EIO, "").kind(), ErrorKind::internal);
  EXPECT_EQ(Error::from_errno(99999, "odd").message(), "odd: errno 99999");
}

TEST(Error, EveryKindHasItsOwnName) {
  EXPECT_EQ(to_string(ErrorKind::already_exists), "already_exists");
  EXPECT_EQ(to_string(ErrorKind::incomplete), "incomplete");
  EXPECT_NE(to_string(ErrorKind::refused), to_string(ErrorKind::invalid));
}

Result<int> half(int value) {
  if (value % 2 != 0) return Error(ErrorKind::invalid, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  int once = TRY(half(value));
  return TRY_CONTEXT(half(once), "second half");
}

Result<void> only_even(int value) {
  TRY(half(value));
  return ok();
}

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(MUST(quarter(12)), 3);
  EXPECT_EQ(quarter(7).error().message(), "odd");
  EXPECT_EQ(quarter(6).error().message(), "second half: odd");
  EXPECT_OK(only_even(2));
  EXPECT_KIND(only_even(3), ErrorKind::invalid);
}

TEST(ResultDeathTest, CheckAbortsInEveryBuild) { EXPECT_DEATH(CHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3"); }

TEST(Error, TheInnermostConditionIsItsCode) {
  auto error = Error(ErrorKind::denied, "none of the keys opens it").with_condition(Condition::no_key_opens);
  error = std::move(error).with_context("reading").with_condition(Condition::repository_missing);
  EXPECT_EQ(error.condition(), Condition::no_key_opens);
  EXPECT_EQ(code_of(error.condition()), "SSB-1201");
}

TEST(Error, WithoutAConditionErrnoOrTheKindSaysIt) {
  EXPECT_EQ(Error(ErrorKind::corrupt, "x").condition(), Condition::damaged);
  EXPECT_EQ(Error(ErrorKind::internal, "x").condition(), Condition::internal_error);
  EXPECT_EQ(Error::from_errno(ENOSPC, "x").condition(), Condition::no_space);
  EXPECT_EQ(Error::from_errno(EACCES, "x").condition(), Condition::permission_denied);
  EXPECT_EQ(code_of(Error(ErrorKind::transient, "x").condition()), "SSB-1008");
}

}  // namespace
}  // namespace spendsync
