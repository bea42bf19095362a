#include "storage/throttled/throttled_store.h"

#include "base/testing.h"
#include "storage/testing/memory_store.h"
#include "storage/testing/store_contract.h"

namespace spendsync::storage {
namespace {

/// Fast enough to change nothing but the clock.
struct ThrottledFactory {
  MemoryStore memory;
  SystemClock clock;
  ThrottledStore wrapper{{1ull << 40, 1ull << 40}, memory, clock, {}};
  ObjectStore& store() { return wrapper; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Throttled, StoreContract, ThrottledFactory);

class ThrottledStoreTest : public testing::Test {
 protected:
  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - begun_);
  }
  ManualClock clock_{Timestamp(std::chrono::seconds(1'700'000'000))};
  std::chrono::nanoseconds begun_ = clock_.monotonic();
  MemoryStore memory_;
};

TEST_F(ThrottledStoreTest, SendsNoFasterThanTold) {
  ThrottledStore store({.upload_bytes_per_second = 1000}, memory_, clock_, {});
  ASSERT_OK(store.put_if_absent(key_of("a"), pattern(2250, 1)));  // 250 are the burst
  EXPECT_EQ(elapsed(), std::chrono::seconds(2));
  auto upload = MUST(store.begin_upload(key_of("b"), 0));
  for (int piece = 0; piece < 3; ++piece) ASSERT_OK(upload->append(pattern(1000, 2)));
  ASSERT_OK(upload->finish());
  EXPECT_EQ(elapsed(), std::chrono::seconds(5));
  EXPECT_EQ(MUST(memory_.stat(key_of("b"))).size, 3000u);
  MUST(store.get(key_of("a"), 10'000));
  EXPECT_EQ(elapsed(), std::chrono::seconds(5)) << "reading was not limited";
}

TEST_F(ThrottledStoreTest, FetchesNoFasterThanTold) {
  ThrottledStore store({.download_bytes_per_second = 1000}, memory_, clock_, {});
  ASSERT_OK(store.put_if_absent(key_of("a"), pattern(5250, 1)));
  EXPECT_EQ(elapsed(), std::chrono::seconds(0));
  Bytes out(1250);
  for (int i = 0; i < 4; ++i) ASSERT_OK(store.get_range(key_of("a"), 0, out));
  EXPECT_EQ(elapsed(), std::chrono::milliseconds(4750));
  MUST(store.get(key_of("a"), 10'000));
  EXPECT_EQ(elapsed(), std::chrono::seconds(10));
}

TEST_F(ThrottledStoreTest, StopsWaitingWhenAsked) {
  std::stop_source stop;
  SystemClock system;
  ThrottledStore store({.upload_bytes_per_second = 1}, memory_, system, stop.get_token());
  stop.request_stop();
  EXPECT_KIND(store.put_if_absent(key_of("a"), pattern(1000, 1)), ErrorKind::cancelled);
  EXPECT_KIND(memory_.stat(key_of("a")), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::storage
