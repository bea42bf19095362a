#include "postgres/control_file.h"

#include "base/crc32c.h"
#include "fuzz/targets.h"
#include "restore/testing/synthetic_backup.h"

namespace spendsync::fuzz {
namespace {

/// With a right checksum, so that the checks behind it are reached. It stands four bytes later in version 1800.
Bytes with_checksum(ByteView input, size_t offset) {
  Bytes bytes(input.begin(), input.end());
  if (bytes.size() < offset + sizeof(uint32_t)) return bytes;
  const uint32_t crc = crc32c(0, ByteView(bytes).first(offset));
  std::memcpy(bytes.data() + offset, &crc, sizeof crc);
  return bytes;
}

bool reads(ByteView input) {
  if (postgres::parse_control_file(input)) return true;
  bool taken = false;
  for (const size_t offset : {size_t{288}, size_t{292}}) {
    const auto control = postgres::parse_control_file(with_checksum(input, offset));
    if (!control) continue;
    require(control->wal_segment_size > 0 && control->page_size > 0, "sizes are possible");
    postgres::describe_state(control->state);
    taken = true;
  }
  return taken;
}

}  // namespace

Target control_file_target() {
  auto version_15 = restore::synthetic_control_file();
  version_15.resize(512);
  std::vector<Bytes> samples{version_15};
  for (const uint32_t version : {1700u, 1800u}) {
    auto other = version_15;
    std::memcpy(other.data() + 8, &version, sizeof version);
    samples.push_back(std::move(other));
  }
  auto unknown = version_15;
  unknown[8] = std::byte{0xFF};
  return {"control_file", reads, samples, {Bytes{}, Bytes(512), unknown}, {}};
}

}  // namespace spendsync::fuzz
