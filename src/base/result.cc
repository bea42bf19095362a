#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace spendsync {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "internal error: %s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace spendsync
