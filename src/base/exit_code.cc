#include "base/exit_code.h"

namespace spendsync {

int exit_code(const Error& error, int signal_received) {
  if (error.is(ErrorKind::cancelled) && signal_received != 0) return 128 + signal_received;
  if (error.exit_code()) return *error.exit_code();
  switch (error.kind()) {
    case ErrorKind::invalid:
      return kUsage;
    case ErrorKind::incomplete:
      return kIncomplete;
    case ErrorKind::refused:
    case ErrorKind::unsupported:
      return kRefused;
    case ErrorKind::not_found:
      return kNotFound;
    case ErrorKind::conflict:
      return kBusy;
    case ErrorKind::transient:
      return kUnreachable;
    case ErrorKind::corrupt:
      return kDamaged;
    case ErrorKind::already_exists:
    case ErrorKind::denied:
    case ErrorKind::exhausted:
    case ErrorKind::cancelled:
    case ErrorKind::internal:
      return kFailed;
  }
  return kFailed;
}

}  // namespace spendsync
