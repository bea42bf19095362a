#include "base/bounded_queue.h"

#include <memory>
#include <thread>

#include "base/testing.h"
#include "base/worker_group.h"

namespace spendsync {
namespace {

TEST(BoundedQueue, HandsItemsOverInOrder) {
  BoundedQueue<std::unique_ptr<int>> queue(3);
  for (int value : {1, 2, 3}) ASSERT_OK(queue.push(std::make_unique<int>(value), {}));
  for (int value : {1, 2, 3}) {
    auto item = MUST(queue.pop({}));
    EXPECT_EQ(**item, value);
  }
}

TEST(BoundedQueue, ClosingLetsConsumersDrainAndThenEnd) {
  BoundedQueue<int> queue(3);
  ASSERT_OK(queue.push(1, {}));
  queue.close();
  EXPECT_KIND(queue.push(2, {}), ErrorKind::cancelled);
  EXPECT_EQ(MUST(queue.pop({})), std::optional<int>(1));
  EXPECT_EQ(MUST(queue.pop({})), std::nullopt);
  EXPECT_EQ(MUST(queue.pop({})), std::nullopt);
}

TEST(BoundedQueue, StoppingWakesBothSides) {
  BoundedQueue<int> full(1);
  BoundedQueue<int> empty(1);
  ASSERT_OK(full.push(1, {}));
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_KIND(full.push(2, source.get_token()), ErrorKind::cancelled);
  EXPECT_KIND(empty.pop(source.get_token()), ErrorKind::cancelled);
}

TEST(BoundedQueue, ClosingWakesAWaitingProducer) {
  BoundedQueue<int> queue(1);
  ASSERT_OK(queue.push(1, {}));
  std::jthread closer([&] { queue.close(); });
  EXPECT_KIND(queue.push(2, {}), ErrorKind::cancelled);
}

TEST(BoundedQueue, NeverHoldsMoreThanItsCapacityAndLosesNothing) {
  constexpr size_t kCapacity = 4;
  constexpr int kItems = 2000;
  BoundedQueue<int> queue(kCapacity);
  std::atomic<int> pushed{0};
  std::atomic<int> popped{0};
  std::atomic<int64_t> sum{0};
  std::atomic<int> worst{0};
  WorkerGroup group({});
  for (int producer = 0; producer < 2; producer++) {
    group.spawn("producer", [&](std::stop_token stop) -> Result<void> {
      for (int value = 1; value <= kItems; value++) {
        TRY(queue.push(value, stop));
        pushed++;
      }
      return {};
    });
  }
  for (int consumer = 0; consumer < 2; consumer++) {
    group.spawn("consumer", [&](std::stop_token stop) -> Result<void> {
      for (int count = 0; count < kItems; count++) {
        // Counted before the item leaves, so that the difference never understates what is inside.
        int inside = pushed.load() - popped.load();
        if (inside > worst) worst = inside;
        auto item = TRY(queue.pop(stop));
        popped++;
        sum += *item;
      }
      return {};
    });
  }
  ASSERT_OK(group.join());
  EXPECT_EQ(sum, int64_t{2} * kItems * (kItems + 1) / 2);
  EXPECT_LE(worst, static_cast<int>(kCapacity) + 2);  // and what two consumers hold uncounted in their hands
}

}  // namespace
}  // namespace spendsync
