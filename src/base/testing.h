// Matchers for tests: ASSERT_OK(result), EXPECT_KIND(result, ErrorKind::corrupt). Included by tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "base/result.h"

namespace spendsync {

inline std::string describe(const Error& error) {
  return std::string(to_string(error.kind())) + ": " + error.message() +
         (error.hint().empty() ? "" : " (hint: " + error.hint() + ")");
}

namespace detail {
template <class T>
T must(Result<T> result, const char* expression) {
  if (!result) {
    ADD_FAILURE() << expression << " failed: " << describe(result.error());
    std::abort();
  }
  return take_value(std::move(result));
}
}  // namespace detail

}  // namespace spendsync

#define ASSERT_OK(...)                                                                                               \
  do {                                                                                                               \
    const auto& ssb_result = (__VA_ARGS__);                                                                          \
    ASSERT_TRUE(ssb_result.has_value()) << #__VA_ARGS__ << " failed: " << ::spendsync::describe(ssb_result.error()); \
  } while (false)
#define EXPECT_OK(...)                                                                                               \
  do {                                                                                                               \
    const auto& ssb_result = (__VA_ARGS__);                                                                          \
    EXPECT_TRUE(ssb_result.has_value()) << #__VA_ARGS__ << " failed: " << ::spendsync::describe(ssb_result.error()); \
  } while (false)
#define EXPECT_KIND(expression, expected_kind)                                                          \
  do {                                                                                                  \
    const auto& ssb_result = (expression);                                                              \
    if (ssb_result.has_value()) {                                                                       \
      ADD_FAILURE() << #expression << " succeeded, expected " << to_string(expected_kind);              \
    } else {                                                                                            \
      EXPECT_EQ(ssb_result.error().kind(), expected_kind) << ::spendsync::describe(ssb_result.error()); \
    }                                                                                                   \
  } while (false)
/// Unwraps in a test, also in a member's initializer: a failure ends the test program with the error's text.
#define MUST(...) ::spendsync::detail::must((__VA_ARGS__), #__VA_ARGS__)
