#include "storage/testing/memory_store.h"

#include "storage/testing/faulty_store.h"
#include "storage/testing/store_contract.h"

namespace spendsync::storage {
namespace {

struct MemoryFactory {
  MemoryStore memory;
  ObjectStore& store() { return memory; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryFactory);

/// Without faults the wrapper must be a store like any other.
struct FaultlessFactory {
  MemoryStore memory;
  SystemClock clock;
  FaultyStore wrapper{memory, clock};
  ObjectStore& store() { return wrapper; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Faultless, StoreContract, FaultlessFactory);

TEST(MemoryStore, DatesObjectsByItsClockAndLetsTestsDamageThem) {
  ManualClock clock(Timestamp(std::chrono::seconds(1'700'000'000)));
  MemoryStore store(clock);
  ASSERT_OK(store.put_if_absent(key_of("a"), as_bytes("good")));
  EXPECT_EQ(MUST(store.stat(key_of("a"))).created, clock.now());
  store.overwrite(key_of("a"), to_bytes("bad"));
  EXPECT_EQ(as_text(MUST(store.get(key_of("a"), 10))), "bad");
  EXPECT_THAT(store.keys(), testing::ElementsAre(key_of("a")));
}

}  // namespace
}  // namespace spendsync::storage
