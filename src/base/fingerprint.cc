#include "base/fingerprint.h"

#include <fmt/format.h>

namespace spendsync {

std::string fingerprint(ByteView bytes) {
  uint64_t hash = 14695981039346656037ull;
  for (std::byte byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
  return fmt::format("{:016x}", hash);
}

}  // namespace spendsync
