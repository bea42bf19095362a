#include "storage/testing/faulty_store.h"

#include "storage/testing/memory_store.h"
#include "storage/testing/store_contract.h"

namespace spendsync::storage {
namespace {

using Effect = StoreFault::Effect;

class FaultyStoreTest : public testing::Test {
 protected:
  ManualClock clock_{Timestamp(std::chrono::seconds(1'700'000'000))};
  MemoryStore inner_;
  FaultyStore store_{inner_, clock_};
};

TEST_F(FaultyStoreTest, FailsTheNthCallOnly) {
  store_.add({.operation = StoreOperation::put, .nth = 2, .effect = Effect::fail_before, .kind = ErrorKind::denied});
  EXPECT_OK(store_.put_if_absent(key_of("1"), {}));
  EXPECT_KIND(store_.put_if_absent(key_of("2"), {}), ErrorKind::denied);
  EXPECT_OK(store_.put_if_absent(key_of("3"), {}));
  EXPECT_THAT(listed(inner_, ""), testing::ElementsAre("1", "3"));
  EXPECT_EQ(store_.calls(StoreOperation::put), 3u);
}

TEST_F(FaultyStoreTest, CountsAllOperationsTogetherForAny) {
  store_.add({.operation = StoreOperation::any, .nth = 2, .persistent = true});
  EXPECT_OK(store_.put_if_absent(key_of("1"), {}));
  EXPECT_KIND(store_.get(key_of("1"), 10), ErrorKind::transient);
  EXPECT_KIND(store_.stat(key_of("1")), ErrorKind::transient);
  EXPECT_KIND(store_.remove(key_of("1")), ErrorKind::transient);
  store_.reset();
  EXPECT_OK(store_.stat(key_of("1")));
}

TEST_F(FaultyStoreTest, LosesTheReplyOfWhatItDid) {
  store_.add({.operation = StoreOperation::put, .effect = Effect::fail_after});
  EXPECT_KIND(store_.put_if_absent(key_of("1"), as_bytes("done")), ErrorKind::transient);
  EXPECT_EQ(as_text(MUST(inner_.get(key_of("1"), 10))), "done");
}

TEST_F(FaultyStoreTest, TearsWhatIsWrittenReadAndListed) {
  store_.add({.operation = StoreOperation::put, .effect = Effect::tear, .keep = 3});
  EXPECT_KIND(store_.put_if_absent(key_of("1"), as_bytes("abcdef")), ErrorKind::transient);
  EXPECT_EQ(as_text(MUST(inner_.get(key_of("1"), 10))), "abc");
  ASSERT_OK(inner_.put_if_absent(key_of("2"), as_bytes("abcdef")));
  store_.add({.operation = StoreOperation::get, .effect = Effect::tear, .keep = 2});
  EXPECT_EQ(as_text(MUST(store_.get(key_of("2"), 10))), "ab");
  store_.add({.operation = StoreOperation::get_range, .effect = Effect::tear, .keep = 1});
  Bytes out(3);
  ASSERT_OK(store_.get_range(key_of("2"), 0, out));
  EXPECT_EQ(as_text(out), std::string_view("a\0\0", 3));
  store_.add({.operation = StoreOperation::list, .effect = Effect::tear, .keep = 1});
  int visited = 0;
  EXPECT_KIND(store_.list("", "",
                          [&](const ObjectInfo&) {
                            ++visited;
                            return ok();
                          }),
              ErrorKind::transient);
  EXPECT_EQ(visited, 1);
}

TEST_F(FaultyStoreTest, FlipsOneBit) {
  ASSERT_OK(inner_.put_if_absent(key_of("1"), as_bytes("aaaa")));
  store_.add({.operation = StoreOperation::get, .effect = Effect::flip_bit, .bit = 9});
  EXPECT_EQ(as_text(MUST(store_.get(key_of("1"), 10))), "acaa");
  store_.add({.operation = StoreOperation::append, .effect = Effect::flip_bit, .bit = 1});
  auto upload = MUST(store_.begin_upload(key_of("2"), 0));
  ASSERT_OK(upload->append(as_bytes("aa")));
  ASSERT_OK(upload->finish());
  EXPECT_EQ(as_text(MUST(inner_.get(key_of("2"), 10))), "ca");
}

TEST_F(FaultyStoreTest, WaitsOnTheClock) {
  store_.add({.operation = StoreOperation::stat, .effect = Effect::delay, .delay = std::chrono::milliseconds(1500)});
  auto before = clock_.now();
  EXPECT_KIND(store_.stat(key_of("1")), ErrorKind::not_found);
  EXPECT_EQ(clock_.now() - before, std::chrono::milliseconds(1500));
}

}  // namespace
}  // namespace spendsync::storage
