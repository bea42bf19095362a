#include "backup/page_check.h"

#include <unistd.h>

#include "backup/testing/test_pages.h"
#include "base/testing.h"

namespace spendsync::backup {
namespace {

constexpr Lsn kStart{0x5000};

/// Sleeping is when the server finishes its write: tests put the repair here.
class ActingClock final : public Clock {
 public:
  Timestamp now() const override { return {}; }
  std::chrono::nanoseconds monotonic() const override { return {}; }
  Result<void> sleep_for(std::chrono::milliseconds, std::stop_token stop) const override {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    ++sleeps;
    if (on_sleep) on_sleep();
    return {};
  }
  std::function<void()> on_sleep;
  mutable int sleeps = 0;
};

class PageCheckTest : public ::testing::Test {
 protected:
  static TemporaryDirectory make_directory() { return MUST(TemporaryDirectory::create("/tmp", "page-check-test")); }
  void SetUp() override { fd_ = MUST(open_file(directory_.path() + "/16384", O_RDWR | O_CREAT)); }

  /// Checks the whole file as one run of pages; the bad blocks.
  std::vector<uint32_t> check(const Bytes& file, uint32_t first_block = 0, PageCheck::Settings settings = {}) {
    EXPECT_OK(write_at(fd_, 0, file, "file"));
    settings.page_size = kTestPageSize;
    settings.backup_start = kStart;
    PageCheck checker(settings, clock_);
    checker.begin_file();
    read_ = file;
    std::vector<uint32_t> bad;
    EXPECT_OK(checker.check({fd_, "16384", first_block}, 0, read_, bad, {}));
    return bad;
  }

  TemporaryDirectory directory_ = make_directory();
  Fd fd_;
  ActingClock clock_;
  Bytes read_;
};

TEST_F(PageCheckTest, AcceptsWholePagesAndNewOnesWithoutWaiting) {
  auto file = test_relation({.pages = 3, .lsn = Lsn{0x100}});
  file.resize(file.size() + kTestPageSize);  // a page of zeros
  EXPECT_TRUE(check(file).empty());
  EXPECT_EQ(clock_.sleeps, 0);
}

TEST_F(PageCheckTest, NamesDamagedBlocksOfTheFileAfterASecondLook) {
  auto file = test_relation({.pages = 4, .lsn = Lsn{0x100}});
  file[1 * kTestPageSize + 5000] ^= std::byte{1};
  file[3 * kTestPageSize + 100] ^= std::byte{0x80};
  EXPECT_EQ(check(file), (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(clock_.sleeps, 1);
}

TEST_F(PageCheckTest, CountsChecksumBlocksAcrossSegments) {
  auto file = test_relation({.pages = 2, .lsn = Lsn{0x100}, .first_block = 131072});
  EXPECT_TRUE(check(file, 131072).empty());
  EXPECT_EQ(check(file, 0), (std::vector<uint32_t>{0, 1})) << "pages of another place must not pass";
}

TEST_F(PageCheckTest, TakesThePageThatIsWholeAtTheSecondLook) {
  auto whole = test_relation({.pages = 2, .lsn = Lsn{0x100}});
  auto torn = whole;
  torn[kTestPageSize + 4096] ^= std::byte{0xff};
  clock_.on_sleep = [&] { EXPECT_OK(write_at(fd_, 0, whole, "file")); };
  EXPECT_TRUE(check(torn).empty());
  EXPECT_EQ(read_, whole);
}

TEST_F(PageCheckTest, BelievesATornPageThatReplayRewrites) {
  auto file = test_relation({.pages = 1, .lsn = Lsn{0x6000}});
  file[5000] ^= std::byte{1};
  PageCheck::Settings settings;
  settings.newest_lsn = [] { return Result<Lsn>(Lsn{0x7000}); };
  EXPECT_TRUE(check(file, 0, settings).empty());
}

TEST_F(PageCheckTest, ReportsAPageThatClaimsAChangeLaterThanAllWal) {
  auto file = test_relation({.pages = 2, .lsn = Lsn{0x100}});
  std::fill(file.begin() + kTestPageSize, file.end(), std::byte{0xa5});  // garbage, its LSN included
  PageCheck::Settings settings;
  settings.newest_lsn = [] { return Result<Lsn>(Lsn{0x7000}); };
  EXPECT_EQ(check(file, 0, settings), std::vector<uint32_t>{1});
}

TEST_F(PageCheckTest, ReportsAPageWhoseHeaderWasWipedOut) {
  auto file = test_relation({.pages = 2, .lsn = Lsn{0x100}});
  std::fill_n(file.begin(), 512, std::byte{0});
  EXPECT_EQ(check(file), std::vector<uint32_t>{0});
}

TEST_F(PageCheckTest, BelievesAPageThatIsTruncatedAwayMeanwhile) {
  auto file = test_relation({.pages = 2, .lsn = Lsn{0x100}});
  file[kTestPageSize + 9] ^= std::byte{1};
  clock_.on_sleep = [&] { ASSERT_EQ(ftruncate(fd_.get(), kTestPageSize), 0); };
  EXPECT_TRUE(check(file).empty());
}

TEST_F(PageCheckTest, LooksAtNothingWithoutChecksums) {
  Bytes garbage(2 * kTestPageSize, std::byte{0x5a});
  PageCheck::Settings settings;
  settings.enabled = false;
  EXPECT_TRUE(check(garbage, 0, settings).empty());
}

TEST_F(PageCheckTest, WaitsOnlySoOftenForOneFile) {
  Bytes garbage(kTestPageSize, std::byte{0x5a});
  garbage[0] = garbage[1] = garbage[2] = garbage[3] = garbage[4] = garbage[5] = std::byte{0};
  EXPECT_OK(write_at(fd_, 0, garbage, "file"));
  PageCheck::Settings settings;
  settings.backup_start = Lsn{~uint64_t{0}};
  settings.waits_max = 3;
  PageCheck checker(settings, clock_);
  std::vector<uint32_t> bad;
  for (int i = 0; i < 10; ++i) EXPECT_OK(checker.check({fd_, "16384", 0}, 0, garbage, bad, {}));
  EXPECT_EQ(clock_.sleeps, 3);
  EXPECT_EQ(bad.size(), 10u);
}

TEST_F(PageCheckTest, StopsWhileItWaits) {
  auto file = test_relation({.pages = 1, .lsn = Lsn{0x100}});
  file[5000] ^= std::byte{1};
  PageCheck::Settings settings;
  settings.backup_start = kStart;
  PageCheck checker(settings, clock_);
  std::stop_source stop;
  stop.request_stop();
  std::vector<uint32_t> bad;
  EXPECT_KIND(checker.check({fd_, "16384", 0}, 0, file, bad, stop.get_token()), ErrorKind::cancelled);
}

}  // namespace
}  // namespace spendsync::backup
