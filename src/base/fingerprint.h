// A short name for some bytes: tells two of them apart where nobody tries to make them alike.
#pragma once

#include <string>

#include "base/bytes.h"

namespace spendsync {

/// FNV-1a (64 bits, IETF draft-eastlake-fnv) as 16 hexadecimal digits.
std::string fingerprint(ByteView bytes);

}  // namespace spendsync
