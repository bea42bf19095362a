// What every store guarantees (storage/object_store.h), as tests. A store's own test instantiates the suite:
//   struct MyFactory { ObjectStore& store(); ... };   // default-constructible; one empty store a test
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, StoreContract, MyFactory);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <set>
#include <thread>

#include "base/testing.h"
#include "storage/object_store.h"

namespace spendsync::storage {

inline ObjectKey key_of(std::string_view text) { return MUST(ObjectKey::parse(text)); }

/// `size` bytes that differ from those of any other seed.
inline Bytes pattern(size_t size, uint8_t seed) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + (i >> 8) + seed * 97u) & 0xff);
  return bytes;
}

inline std::vector<std::string> listed(ObjectStore& store, std::string_view prefix, std::string_view start_after = {}) {
  std::vector<std::string> keys;
  auto done = store.list(prefix, start_after, [&](const ObjectInfo& info) -> Result<void> {
    keys.push_back(info.key.text());
    return ok();
  });
  EXPECT_OK(done);
  return keys;
}

template <class Factory>
class StoreContract : public testing::Test {
 protected:
  ObjectStore& store() { return factory_.store(); }
  void put(std::string_view key, std::string_view text = "x") {
    ASSERT_OK(store().put_if_absent(key_of(key), as_bytes(text)));
  }
  std::string text_of(std::string_view key) {
    auto bytes = MUST(store().get(key_of(key), 1u << 20));
    return std::string(as_text(bytes));
  }
  Factory factory_;
};

TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, ReturnsWhatWasPut) {
  auto bytes = pattern(100'000, 1);
  ASSERT_OK(this->store().put_if_absent(key_of("a/b/c"), bytes));
  EXPECT_EQ(MUST(this->store().get(key_of("a/b/c"), bytes.size())), bytes);
  auto info = MUST(this->store().stat(key_of("a/b/c")));
  EXPECT_EQ(info.key.text(), "a/b/c");
  EXPECT_EQ(info.size, bytes.size());
  EXPECT_GT(info.created.time_since_epoch().count(), 0);
}

TYPED_TEST_P(StoreContract, KeepsObjectsOfNoBytes) {
  ASSERT_OK(this->store().put_if_absent(key_of("empty"), {}));
  EXPECT_TRUE(MUST(this->store().get(key_of("empty"), 0)).empty());
  EXPECT_EQ(MUST(this->store().stat(key_of("empty"))).size, 0u);
  EXPECT_OK(this->store().get_range(key_of("empty"), 0, {}));
  auto upload = MUST(this->store().begin_upload(key_of("empty-too"), 0));
  ASSERT_OK(upload->finish());
  EXPECT_TRUE(MUST(this->store().get(key_of("empty-too"), 0)).empty());
}

TYPED_TEST_P(StoreContract, NeverChangesAnObjectThatIsThere) {
  this->put("a/b", "first");
  EXPECT_KIND(this->store().put_if_absent(key_of("a/b"), as_bytes("second")), ErrorKind::already_exists);
  EXPECT_EQ(this->text_of("a/b"), "first");
  auto upload = MUST(this->store().begin_upload(key_of("a/b"), 0));
  ASSERT_OK(upload->append(as_bytes("third")));
  EXPECT_KIND(upload->finish(), ErrorKind::already_exists);
  EXPECT_EQ(this->text_of("a/b"), "first");
}

TYPED_TEST_P(StoreContract, LetsExactlyOneOfManyCreatorsWin) {
  constexpr int kThreads = 8;
  for (int round = 0; round < 20; ++round) {
    auto key = key_of("race/" + std::to_string(round) + "/object");
    std::atomic<int> winner{-1};
    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    std::barrier start(kThreads);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          auto bytes = pattern(5000, static_cast<uint8_t>(i));
          start.arrive_and_wait();
          auto result = this->store().put_if_absent(key, bytes);
          if (result) {
            winner = i;
            ++winners;
          } else if (result.error().is(ErrorKind::already_exists)) {
            ++losers;
          }
        });
      }
    }
    ASSERT_EQ(winners, 1);
    ASSERT_EQ(losers, kThreads - 1);
    ASSERT_EQ(MUST(this->store().get(key, 5000)), pattern(5000, static_cast<uint8_t>(winner.load())));
  }
}

TYPED_TEST_P(StoreContract, JoinsThePiecesOfAnUpload) {
  auto bytes = pattern(3'000'001, 7);
  auto upload = MUST(this->store().begin_upload(key_of("packs/1"), bytes.size()));
  for (size_t from = 0; from < bytes.size(); from += 700'000) {
    auto piece = ByteView(bytes).subspan(from, std::min<size_t>(700'000, bytes.size() - from));
    ASSERT_OK(upload->append(piece));
  }
  EXPECT_KIND(this->store().stat(key_of("packs/1")), ErrorKind::not_found);
  EXPECT_TRUE(listed(this->store(), "").empty());
  ASSERT_OK(upload->finish());
  EXPECT_EQ(MUST(this->store().get(key_of("packs/1"), bytes.size())), bytes);
}

TYPED_TEST_P(StoreContract, LeavesNothingOfAnAbandonedUpload) {
  {
    auto upload = MUST(this->store().begin_upload(key_of("packs/2"), 100));
    ASSERT_OK(upload->append(as_bytes("half of it")));
  }
  EXPECT_KIND(this->store().get(key_of("packs/2"), 100), ErrorKind::not_found);
  EXPECT_TRUE(listed(this->store(), "").empty());
  EXPECT_TRUE(MUST(this->store().list_level("")).empty());
  this->put("packs/2", "whole");
  EXPECT_EQ(this->text_of("packs/2"), "whole");
}

TYPED_TEST_P(StoreContract, RefusesToGoOnAfterFinish) {
  auto upload = MUST(this->store().begin_upload(key_of("packs/3"), 0));
  ASSERT_OK(upload->append(as_bytes("all")));
  ASSERT_OK(upload->finish());
  EXPECT_KIND(upload->append(as_bytes("more")), ErrorKind::internal);
  EXPECT_KIND(upload->finish(), ErrorKind::internal);
  EXPECT_EQ(this->text_of("packs/3"), "all");
}

TYPED_TEST_P(StoreContract, ReadsRanges) {
  auto bytes = pattern(10'000, 3);
  ASSERT_OK(this->store().put_if_absent(key_of("o"), bytes));
  for (auto [offset, size] : {std::pair<size_t, size_t>{0, 1}, {0, 10'000}, {9'999, 1}, {1234, 5678}, {10'000, 0}}) {
    Bytes out(size);
    ASSERT_OK(this->store().get_range(key_of("o"), offset, out));
    EXPECT_EQ(out, Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                         bytes.begin() + static_cast<std::ptrdiff_t>(offset + size)));
  }
}

TYPED_TEST_P(StoreContract, CallsARangeBeyondTheEndCorrupt) {
  ASSERT_OK(this->store().put_if_absent(key_of("o"), pattern(100, 3)));
  Bytes out(10);
  EXPECT_KIND(this->store().get_range(key_of("o"), 91, out), ErrorKind::corrupt);
  EXPECT_KIND(this->store().get_range(key_of("o"), 100, out), ErrorKind::corrupt);
  EXPECT_KIND(this->store().get_range(key_of("o"), 101, {}), ErrorKind::corrupt);
  EXPECT_KIND(this->store().get_range(key_of("o"), UINT64_MAX, out), ErrorKind::corrupt);
  EXPECT_KIND(this->store().get_range(key_of("o"), UINT64_MAX - 4, out), ErrorKind::corrupt);
}

TYPED_TEST_P(StoreContract, RefusesToReadMoreThanTheCallerExpects) {
  ASSERT_OK(this->store().put_if_absent(key_of("o"), pattern(100, 3)));
  const auto larger = this->store().get(key_of("o"), 99);
  EXPECT_KIND(larger, ErrorKind::corrupt);  // the object's fault, not this host's
  EXPECT_EQ(MUST(this->store().get(key_of("o"), 100)).size(), 100u);
}

TYPED_TEST_P(StoreContract, SaysNotFoundForWhatIsAbsent) {
  this->put("a/b");
  Bytes out(1);
  for (const char* absent : {"a", "b", "a/b/c", "a/bb", "x/y/z"}) {
    EXPECT_KIND(this->store().get(key_of(absent), 100), ErrorKind::not_found);
    EXPECT_KIND(this->store().get_range(key_of(absent), 0, out), ErrorKind::not_found);
    EXPECT_KIND(this->store().stat(key_of(absent)), ErrorKind::not_found);
  }
}

TYPED_TEST_P(StoreContract, ListsInByteOrderOfWholeKeys) {
  // '-' and '.' sort before '/', '0' and letters after it; upper case before lower case.
  std::vector<std::string> keys{"a-b",   "a.b/x", "a/x", "a/x.y", "a/x/1",   "a0",     "aa/b",        "B/c",
                                "a/x-1", "a_b",   "z",   "A",     "a.b.c/1", "a/x0/2", "a-b.part/0-1"};
  keys.erase(std::find(keys.begin(), keys.end(), "a/x"));  // a key is never another one's folder
  for (const auto& key : keys) this->put(key);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(listed(this->store(), ""), keys);
}

TYPED_TEST_P(StoreContract, ListsByPlainStringPrefix) {
  for (const char* key :
       {"wal/00000001/0A", "wal/00000001/0B", "wal/00000001/0B.part/0-1", "wal/00000002/0A", "walk"}) {
    this->put(key);
  }
  EXPECT_THAT(listed(this->store(), "wal/00000001/0B"),
              testing::ElementsAre("wal/00000001/0B", "wal/00000001/0B.part/0-1"));
  EXPECT_THAT(listed(this->store(), "wal/00000001/0B."), testing::ElementsAre("wal/00000001/0B.part/0-1"));
  EXPECT_THAT(listed(this->store(), "wal/0000000"), testing::SizeIs(4));
  EXPECT_THAT(listed(this->store(), "wal"), testing::SizeIs(5));
  EXPECT_THAT(listed(this->store(), "wal/"), testing::SizeIs(4));
  EXPECT_THAT(listed(this->store(), "wal/00000003/"), testing::IsEmpty());
  EXPECT_THAT(listed(this->store(), "wal/00000001/0A/"), testing::IsEmpty());
  EXPECT_THAT(listed(this->store(), "../"), testing::IsEmpty());
  EXPECT_THAT(listed(this->store(), "/"), testing::IsEmpty());
}

TYPED_TEST_P(StoreContract, ListsOnlyKeysAfterTheGivenOne) {
  std::vector<std::string> keys{"a-b", "a/1", "a/2/x", "a/2/y", "a/3", "a0", "b/1"};
  for (const auto& key : keys) this->put(key);
  std::vector<std::string> starts = keys;
  for (const char* between : {"", "a", "a/", "a/2", "a/2/", "a/2/xx", "a/2/z", "a.", "b", "b/1/2", "zzz"}) {
    starts.emplace_back(between);
  }
  for (const auto& start : starts) {
    std::vector<std::string> expected;
    for (const auto& key : keys) {
      if (key > start) expected.push_back(key);
    }
    EXPECT_EQ(listed(this->store(), "", start), expected) << "after '" << start << "'";
  }
  EXPECT_THAT(listed(this->store(), "a/", "a/2/x"), testing::ElementsAre("a/2/y", "a/3"));
}

TYPED_TEST_P(StoreContract, ListsSizesAndEndsWhereTheVisitorSays) {
  this->put("a", "1");
  this->put("b", "22");
  this->put("c", "333");
  std::vector<uint64_t> sizes;
  auto stopped = this->store().list("", "", [&](const ObjectInfo& info) -> Result<void> {
    sizes.push_back(info.size);
    if (info.size == 2) return Error(ErrorKind::cancelled, "enough");
    return ok();
  });
  EXPECT_KIND(stopped, ErrorKind::cancelled);
  EXPECT_THAT(sizes, testing::ElementsAre(1, 2));
}

TYPED_TEST_P(StoreContract, LetsTheVisitorUseTheStore) {
  this->put("a", "1");
  this->put("b", "2");
  std::string seen;
  ASSERT_OK(this->store().list("", "", [&](const ObjectInfo& info) -> Result<void> {
    auto bytes = TRY(this->store().get(info.key, 10));
    seen += as_text(bytes);
    return this->store().remove(info.key);
  }));
  EXPECT_EQ(seen, "12");
  EXPECT_TRUE(listed(this->store(), "").empty());
}

TYPED_TEST_P(StoreContract, ListsOneLevel) {
  for (const char* key : {"c/7/backups/L-full/manifest", "c/7/backups/L-full/started", "c/7/identity", "c/7/wal/1/A"}) {
    this->put(key);
  }
  this->put("repository");
  EXPECT_THAT(MUST(this->store().list_level("")), testing::ElementsAre("c/", "repository"));
  EXPECT_THAT(MUST(this->store().list_level("c/7/")), testing::ElementsAre("backups/", "identity", "wal/"));
  EXPECT_THAT(MUST(this->store().list_level("c/7/backups/")), testing::ElementsAre("L-full/"));
  EXPECT_THAT(MUST(this->store().list_level("c/8/")), testing::IsEmpty());
  EXPECT_THAT(MUST(this->store().list_level("repository/")), testing::IsEmpty());
  EXPECT_KIND(this->store().list_level("c/7"), ErrorKind::invalid);
}

TYPED_TEST_P(StoreContract, RemovesAndForgetsEmptyFolders) {
  this->put("a/b/c/d", "1");
  this->put("a/x", "2");
  ASSERT_OK(this->store().remove(key_of("a/b/c/d")));
  EXPECT_KIND(this->store().stat(key_of("a/b/c/d")), ErrorKind::not_found);
  EXPECT_THAT(listed(this->store(), ""), testing::ElementsAre("a/x"));
  EXPECT_THAT(MUST(this->store().list_level("a/")), testing::ElementsAre("x"));
  this->put("a/b", "now an object");  // the folder is really gone
  EXPECT_EQ(this->text_of("a/b"), "now an object");
}

TYPED_TEST_P(StoreContract, RemovesWhatIsNotThere) {
  EXPECT_OK(this->store().remove(key_of("never/was")));
  this->put("a/b");
  EXPECT_OK(this->store().remove(key_of("a/c")));
  EXPECT_OK(this->store().remove(key_of("a/b/c")));
  EXPECT_OK(this->store().remove(key_of("a")));
  EXPECT_THAT(listed(this->store(), ""), testing::ElementsAre("a/b"));
  ASSERT_OK(this->store().remove(key_of("a/b")));
  EXPECT_OK(this->store().remove(key_of("a/b")));
  this->put("a/b", "again");
  EXPECT_EQ(this->text_of("a/b"), "again");
}

TYPED_TEST_P(StoreContract, ListsAllThatWasThereWhileOthersPut) {
  std::set<std::string> before;
  for (int i = 0; i < 100; ++i) before.insert("d/" + std::to_string(i % 7) + "/old-" + std::to_string(i));
  for (const auto& key : before) this->put(key);
  std::atomic<bool> failed{false};
  std::jthread writer([&](std::stop_token stop) {
    for (int i = 0; i < 2000 && !stop.stop_requested(); ++i) {
      auto key = key_of("d/" + std::to_string(i % 9) + "/new-" + std::to_string(i));
      if (!this->store().put_if_absent(key, as_bytes("n"))) failed = true;
      if (i % 2 == 0 && !this->store().remove(key)) failed = true;
    }
  });
  for (int round = 0; round < 15; ++round) {
    auto keys = listed(this->store(), "d/");
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
    std::set<std::string> seen(keys.begin(), keys.end());
    EXPECT_EQ(seen.size(), keys.size()) << "a key was listed twice";
    for (const auto& key : before) EXPECT_TRUE(seen.contains(key)) << key;
  }
  writer.request_stop();
  writer.join();
  EXPECT_FALSE(failed);
}

TYPED_TEST_P(StoreContract, SurvivesCreatorsAndRemoversOfOneFolder) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 60;
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRounds; ++i) {
          auto key = key_of("deep/folder/that/vanishes/" + std::to_string(t));
          auto bytes = pattern(100, static_cast<uint8_t>(t));
          if (!this->store().put_if_absent(key, bytes)) ++failures;
          auto back = this->store().get(key, 100);
          if (!back || *back != bytes) ++failures;
          if (!this->store().remove(key)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(listed(this->store(), "").empty());
  EXPECT_TRUE(MUST(this->store().list_level("")).empty());
}

TYPED_TEST_P(StoreContract, SaysWhereItIs) {
  EXPECT_FALSE(this->store().description().empty());
  EXPECT_OK(this->store().free_space());
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, ReturnsWhatWasPut, KeepsObjectsOfNoBytes, NeverChangesAnObjectThatIsThere,
                            LetsExactlyOneOfManyCreatorsWin, JoinsThePiecesOfAnUpload, LeavesNothingOfAnAbandonedUpload,
                            RefusesToGoOnAfterFinish, ReadsRanges, CallsARangeBeyondTheEndCorrupt,
                            RefusesToReadMoreThanTheCallerExpects, SaysNotFoundForWhatIsAbsent,
                            ListsInByteOrderOfWholeKeys, ListsByPlainStringPrefix, ListsOnlyKeysAfterTheGivenOne,
                            ListsSizesAndEndsWhereTheVisitorSays, LetsTheVisitorUseTheStore, ListsOneLevel,
                            RemovesAndForgetsEmptyFolders, RemovesWhatIsNotThere, ListsAllThatWasThereWhileOthersPut,
                            SurvivesCreatorsAndRemoversOfOneFolder, SaysWhereItIs);

}  // namespace spendsync::storage
