#include "wal/rescue.h"

#include "wal/testing/test_wal.h"

namespace spendsync::wal {
namespace {

class RescueWal : public ::testing::Test {
 protected:
  void write(const std::string& name, ByteView content) {
    MUST(replace_file(directory_.path() + "/" + name, content, 0600));
  }
  std::string aside() const { return directory_.path() + "/aside"; }
  WalRescue rescue() { return MUST(rescue_wal(*wal_.archive, wal_.world.identity, {directory_.path(), aside()}, {})); }

  /// Segment 3 whole, segment 4 ending in the middle: what a killed server leaves.
  postgres::WalBuilder killed_server() {
    auto builder = SmallWal::builder();
    builder.commit(7, Timestamp(std::chrono::hours(480000)));
    builder.fill_segment();
    builder.commit(8, Timestamp(std::chrono::hours(480001)));
    return builder;
  }

  SmallWal wal_;
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "wal-rescue-"));
};

TEST_F(RescueWal, StoresWholeSegmentsAndTheLastOneAsPartial) {
  auto builder = killed_server();
  write("000000010000000000000003", builder.segment(3));
  write("000000010000000000000004", builder.segment(4));
  write("000000010000000000000005", builder.segment(3));             // recycled: not begun
  write("000000010000000000000006", Bytes(SmallWal::kSegmentSize));  // allocated ahead
  write("00000001.history.tmp", as_bytes("x"));
  auto rescued = rescue();
  EXPECT_EQ(rescued.stored, (std::vector<std::string>{"000000010000000000000003", "000000010000000000000004.partial"}));
  EXPECT_EQ(rescued.newest, (SegmentName{TimelineId{1}, 4}));
  EXPECT_TRUE(rescued.aside.empty());
  EXPECT_FALSE(exists(aside()));
  EXPECT_EQ(MUST(wal_.archive->get_segment({TimelineId{1}, 3})), builder.segment(3));
  EXPECT_EQ(MUST(wal_.archive->get_file("000000010000000000000004.partial")), builder.segment(4));
  EXPECT_FALSE(MUST(wal_.archive->exists({TimelineId{1}, 4})));

  auto again = rescue();
  EXPECT_TRUE(again.stored.empty());
  EXPECT_TRUE(again.aside.empty());
}

TEST_F(RescueWal, KeepsAsideWhatTheRepositoryHasWithOtherContent) {
  auto builder = killed_server();
  MUST(wal_.archive->put_file("000000010000000000000004.partial", builder.segment(4)));
  builder.commit(9, Timestamp(std::chrono::hours(480002)));  // the server was started once more
  write("000000010000000000000003", builder.segment(3));
  write("000000010000000000000004", builder.segment(4));
  auto rescued = rescue();
  ASSERT_EQ(rescued.aside.size(), 1u);
  EXPECT_EQ(rescued.aside.front().name, "000000010000000000000004");
  EXPECT_EQ(MUST(read_file(aside() + "/000000010000000000000004")), builder.segment(4));
  EXPECT_NE(MUST(wal_.archive->get_file("000000010000000000000004.partial")), builder.segment(4));
}

TEST_F(RescueWal, KeepsAsideAWholeSegmentThatAnotherServerWroteUnderThatName) {
  auto builder = killed_server();
  auto twin = SmallWal::builder();
  twin.commit(99, Timestamp(std::chrono::hours(480003)));
  twin.fill_segment();
  ASSERT_NE(twin.segment(3), builder.segment(3));
  MUST(wal_.archive->put_segment({TimelineId{1}, 3}, twin.segment(3), {}));
  write("000000010000000000000003", builder.segment(3));
  write("000000010000000000000004", builder.segment(4));
  auto rescued = rescue();
  ASSERT_EQ(rescued.aside.size(), 1u);
  EXPECT_EQ(rescued.aside.front().name, "000000010000000000000003");
  EXPECT_EQ(MUST(read_file(aside() + "/000000010000000000000003")), builder.segment(3));
  EXPECT_EQ(rescued.stored, (std::vector<std::string>{"000000010000000000000004.partial"}));
}

TEST_F(RescueWal, AcceptsTheTimelineOfTheServerThatIsRestored) {
  // An archive_command may not push this history: the repository holds WAL of timeline 1 behind its fork.
  wal_.put_any(TimelineId{1}, 2, 5);
  auto builder = SmallWal::builder();
  builder.set_timeline(TimelineId{2});
  builder.commit(7, Timestamp(std::chrono::hours(480000)));
  write("000000020000000000000003", builder.segment(3));
  write("00000002.history", as_bytes("1\t0/300028\tno recovery target specified\n"));
  auto rescued = rescue();
  EXPECT_EQ(rescued.stored, (std::vector<std::string>{"00000002.history", "000000020000000000000003.partial"}));
  EXPECT_TRUE(rescued.aside.empty());
}

TEST_F(RescueWal, AnEndOfATimelineThatAnyNewerOneBeginsWithIsNotKeptAside) {
  // Timeline 3 was meant to follow 2, and forked off timeline 1 before 2 began.
  auto builder = killed_server();
  auto third = builder;
  third.set_timeline(TimelineId{3});
  third.commit(9, Timestamp(std::chrono::hours(480002)));
  auto fork = builder.position().to_string();
  write("00000003.history", as_bytes("1\t0/680000\tx\n2\t" + fork + "\ty\n"));
  write("000000010000000000000003", builder.segment(3));
  write("000000010000000000000004", builder.segment(4));
  write("000000030000000000000004", third.segment(4));
  auto rescued = rescue();
  EXPECT_EQ(rescued.stored, (std::vector<std::string>{"00000003.history", "000000010000000000000003",
                                                      "000000030000000000000004.partial"}));
  EXPECT_TRUE(rescued.aside.empty());
}

}  // namespace
}  // namespace spendsync::wal
