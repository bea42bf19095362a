#include "fuzz/coverage.h"

#include <array>
#include <bit>
#include <cstdint>

// The callback must not be instrumented itself, nor call what is: plain arrays, no library. A step is a pair of blocks
// (their addresses mixed); how often it is taken counts in powers of two, so that loops do not make everything new.
namespace spendsync::fuzz::coverage {
namespace {

constexpr size_t kSlots = 1u << 16;

struct Steps {
  uint8_t count[kSlots];     // of the current input
  uint8_t seen[kSlots];      // bit n: some input took it 2^n times
  uint32_t touched[kSlots];  // the slots of the current input
  size_t touched_count;
  uintptr_t previous;
  bool recording;
};
Steps steps;  // of the one thread that fuzzes; the compiler's callback takes no argument

}  // namespace

void begin() {
  for (size_t i = 0; i < steps.touched_count; ++i) steps.count[steps.touched[i]] = 0;
  steps.touched_count = 0;
  steps.previous = 0;
  steps.recording = true;
}

bool end() {
  steps.recording = false;
  bool is_new = false;
  for (size_t i = 0; i < steps.touched_count; ++i) {
    const uint32_t slot = steps.touched[i];
    const auto bit = static_cast<uint8_t>(1u << (std::bit_width(static_cast<unsigned>(steps.count[slot])) - 1));
    is_new = is_new || (steps.seen[slot] & bit) == 0;
    steps.seen[slot] = static_cast<uint8_t>(steps.seen[slot] | bit);
  }
  return is_new;
}

size_t places() {
  size_t reached = 0;
  for (const auto seen : steps.seen) reached += seen != 0 ? 1u : 0u;
  return reached;
}

extern "C" __attribute__((no_sanitize_coverage, no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc() {
  if (!steps.recording) return;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  const size_t slot = (here ^ steps.previous) % kSlots;
  steps.previous = here >> 1u;
  if (steps.count[slot] == 0) steps.touched[steps.touched_count++] = static_cast<uint32_t>(slot);
  if (steps.count[slot] < 255) steps.count[slot] = static_cast<uint8_t>(steps.count[slot] + 1);
}

}  // namespace spendsync::fuzz::coverage
