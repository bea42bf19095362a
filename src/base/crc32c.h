// CRC-32C (Castagnoli), the content hash of files: what pg_verifybackup and pg_control use.
#pragma once

#include "base/bytes.h"

namespace spendsync {

/// Continues `crc` (0 to start) over `bytes`; the finished value, as PostgreSQL stores it.
uint32_t crc32c(uint32_t crc, ByteView bytes);
/// The CRC of A followed by B from crc(A), crc(B) and the length of B: lets several workers share a file.
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

}  // namespace spendsync
