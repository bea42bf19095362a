#include "base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/condition.h"

namespace spendsync {

namespace {

ErrorKind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::denied;
    case EEXIST:
      return ErrorKind::already_exists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EFBIG:
      return ErrorKind::exhausted;
    case EINTR:
    case EAGAIN:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
      return ErrorKind::transient;
    default:
      return ErrorKind::internal;
  }
}

Condition condition_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return Condition::invalid_input;
    case ErrorKind::refused:
      return Condition::refused;
    case ErrorKind::not_found:
      return Condition::not_found;
    case ErrorKind::already_exists:
      return Condition::already_exists;
    case ErrorKind::corrupt:
      return Condition::damaged;
    case ErrorKind::denied:
      return Condition::permission_denied;
    case ErrorKind::conflict:
      return Condition::held_by_another;
    case ErrorKind::transient:
      return Condition::unreachable;
    case ErrorKind::exhausted:
      return Condition::resource_exhausted;
    case ErrorKind::incomplete:
      return Condition::incomplete;
    case ErrorKind::cancelled:
      return Condition::stopped;
    case ErrorKind::unsupported:
      return Condition::unsupported;
    case ErrorKind::internal:
      return Condition::internal_error;
  }
  return Condition::internal_error;
}

}  // namespace

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::already_exists:
      return "already_exists";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::transient:
      return "transient";
    case ErrorKind::exhausted:
      return "exhausted";
    case ErrorKind::incomplete:
      return "incomplete";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

Error Error::from_errno(int error_number, std::string message) {
  const char* description = strerrordesc_np(error_number);
  message += ": ";
  message += description != nullptr ? std::string(description) : fmt::format("errno {}", error_number);
  Error error(kind_of_errno(error_number), std::move(message));
  error.os_error_ = error_number;
  return error;
}

Error Error::with_context(std::string_view context) && {
  message_ = fmt::format("{}: {}", context, message_);
  return std::move(*this);
}

Error Error::with_hint(std::string hint) && {
  if (hint_.empty()) hint_ = std::move(hint);
  return std::move(*this);
}

Error Error::with_condition(Condition condition) && {
  if (condition_ == Condition::none) condition_ = condition;
  return std::move(*this);
}

Condition Error::condition() const {
  if (condition_ != Condition::none) return condition_;
  if (os_error_ == ENOSPC || os_error_ == EDQUOT) return Condition::no_space;
  return condition_of(kind_);
}

std::string code_of(Condition condition) { return fmt::format("SSB-{:04}", static_cast<unsigned>(condition)); }

Error Error::with_exit_code(int code) && {
  exit_code_ = code;
  return std::move(*this);
}

}  // namespace spendsync
