#include "base/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace spendsync {

namespace {

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// A page for each secret: locking and leaving out of dumps work by page, and nothing else may live there.
std::byte* allocate_page() {
  void* page = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  // Best effort by contract: RLIMIT_MEMLOCK may be small.
  static_cast<void>(mlock(page, page_size()));
  static_cast<void>(madvise(page, page_size(), MADV_DONTDUMP));
  return static_cast<std::byte*>(page);
}

void release_page(std::byte* data) {
  if (data == nullptr) return;
  wipe({data, Secret::kSize});
  munmap(data, page_size());
}

}  // namespace

Secret::Secret() : data_(allocate_page()) {}

Secret::Secret(ByteView bytes) : Secret() {
  CHECK(bytes.size() == kSize);
  std::ranges::copy(bytes, data_);
}

Secret::Secret(Secret&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    release_page(data_);
    data_ = std::exchange(other.data_, nullptr);
  }
  return *this;
}

Secret::~Secret() { release_page(data_); }

Secret Secret::clone() const { return Secret(view()); }

void wipe(MutableBytes bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace spendsync
