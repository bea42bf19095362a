// Result<T>: a value or an Error. Nothing in src/ throws; libraries that do are wrapped where they are included.
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace spendsync {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT: so that `return Error(...)` reads well
};

/// Success without a value.
inline Result<void> ok() { return {}; }

namespace detail {
template <class T>
T take_value(Result<T>&& result) {
  return std::move(*result);
}
inline void take_value(Result<void>&&) {}
}  // namespace detail

#define SSB_CONCAT_INNER(a, b) a##b
#define SSB_CONCAT(a, b) SSB_CONCAT_INNER(a, b)
#define SSB_TRY(name, ...)                            \
  __extension__({                                     \
    auto name = (__VA_ARGS__);                        \
    if (!name) [[unlikely]]                           \
      return std::move(name).error();                 \
    ::spendsync::detail::take_value(std::move(name)); \
  })
/// Evaluates a Result; returns its error from this function, or yields its value.
/// Only as a whole statement, a whole initializer or a whole return: inside a braced initializer an early
/// return would leak the members already made (GCC 12).
#define TRY(...) SSB_TRY(SSB_CONCAT(ssb_try_, __COUNTER__), __VA_ARGS__)

/// The same, with what was being done put before the message: TRY_CONTEXT(read(), "reading pack 7").
#define SSB_TRY_CONTEXT(name, expression, context)          \
  __extension__({                                           \
    auto name = (expression);                               \
    if (!name) [[unlikely]]                                 \
      return std::move(name).error().with_context(context); \
    ::spendsync::detail::take_value(std::move(name));       \
  })
#define TRY_CONTEXT(expression, context) SSB_TRY_CONTEXT(SSB_CONCAT(ssb_try_, __COUNTER__), expression, context)

/// For our own mistakes only: aborts in every build with file and line. Input, disk, network and peers are never a
/// CHECK.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::spendsync::check_failed(#condition, __FILE__, __LINE__))
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace spendsync
