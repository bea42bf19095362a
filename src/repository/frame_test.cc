#include "repository/frame.h"

#include "base/testing.h"
#include "crypto/sealed_stream.h"

namespace spendsync::repository {
namespace {

FrameRef frame(uint32_t pack, uint32_t number, uint64_t offset, uint32_t stored, uint32_t raw) {
  FrameRef ref;
  ref.pack = pack;
  ref.number = number;
  ref.offset = offset;
  ref.stored_size = stored;
  ref.raw_size = raw;
  return ref;
}

TEST(FrameRuns, MergesNeighboursOfOneSize) {
  FrameRuns runs;
  runs.add(frame(3, 7, 1000, 100, 4096));
  runs.add(frame(3, 8, 1000 + 28 + 100, 50, 4096));
  runs.add(frame(3, 9, 1000 + 28 + 100 + 28 + 50, 10, 17));
  ASSERT_EQ(runs.runs().size(), 1u);
  const auto& run = runs.runs().front();
  EXPECT_EQ(run.stored_sizes, (std::vector<uint32_t>{100, 50, 10}));
  EXPECT_EQ(run.raw_size, 4096u);
  EXPECT_EQ(run.last_raw_size, 17u);
  EXPECT_EQ(runs.length(), 4096u * 2 + 17);
  EXPECT_EQ(runs.frames(), 3u);
}

TEST(FrameRuns, StartsANewRunWhereAnythingBreaks) {
  auto first = frame(3, 7, 1000, 100, 4096);
  for (auto second : {frame(4, 8, 1128, 50, 4096), frame(3, 9, 1128, 50, 4096), frame(3, 8, 1129, 50, 4096),
                      frame(3, 8, 1128, 50, 4097)}) {
    FrameRuns runs;
    runs.add(first);
    runs.add(second);
    EXPECT_EQ(runs.runs().size(), 2u);
  }
  FrameRuns runs;  // after a shorter frame nothing may follow in its run
  runs.add(first);
  runs.add(frame(3, 8, 1128, 50, 10));
  runs.add(frame(3, 9, 1206, 50, 10));
  EXPECT_EQ(runs.runs().size(), 2u);
}

TEST(FrameRuns, JoinsThePartsOfSeveralWorkers) {
  FrameRuns whole;
  FrameRuns a;
  FrameRuns b;
  FrameRuns c;
  uint64_t offset = 96;
  for (uint32_t i = 0; i < 9; ++i) {
    auto ref = frame(1, i, offset, 200 + i, i == 8 ? 5 : 100);
    whole.add(ref);
    (i < 3 ? a : i < 8 ? b : c).add(ref);
    offset += 28 + 200 + i;
  }
  FrameRuns joined;
  joined.append(std::move(a));
  joined.append(std::move(b));
  joined.append(std::move(c));
  EXPECT_EQ(joined, whole);
  EXPECT_EQ(joined.runs().size(), 1u);
}

TEST(FrameRuns, SurviveEncoding) {
  FrameRuns runs;
  uint64_t offset = 96;
  for (uint32_t i = 0; i < 1000; ++i) {
    runs.add(frame(i / 300, i % 300, offset, 110'000 + i, 262'144));
    offset += 28 + 110'000 + i;
    if (i % 300 == 299) offset = 96;
  }
  FrameRun part = runs.runs().front();
  part.source = FrameSource::base;
  part.skip = 8192;
  part.length = 100'000;
  runs.add_run(part);
  Bytes bytes;
  encode_frame_runs(runs, bytes);
  EXPECT_LT(bytes.size(), (1000u + 300u) * 3 + 200);  // about three bytes a frame
  ByteReader reader(bytes);
  EXPECT_EQ(MUST(decode_frame_runs(reader)), runs);
  EXPECT_TRUE(reader.at_end());
}

TEST(FrameRuns, RefusesClaimsThatTheBytesCannotHold) {
  auto claim = [](std::initializer_list<uint64_t> numbers, uint8_t flags = 0) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.varint(1);
    writer.u8(flags);
    for (auto number : numbers) writer.varint(number);
    ByteReader reader(bytes);
    return decode_frame_runs(reader);
  };
  EXPECT_OK(claim({0, 0, 96, 10, 10, 1, 5}));
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1'000'000'000, 5}), ErrorKind::corrupt);      // frames
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1'000'000, 5}), ErrorKind::corrupt);          // frames within the limit
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 0, 5}), ErrorKind::corrupt);                  // none
  EXPECT_KIND(claim({0, 0, 96, 1u << 30, 1u << 30, 1, 5}), ErrorKind::corrupt);      // raw size
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1, 1u << 30}), ErrorKind::corrupt);           // stored size
  EXPECT_KIND(claim({0, 0, 96, 10, 11, 1, 5}), ErrorKind::corrupt);                  // last larger
  EXPECT_KIND(claim({0, 0, 96, 10, 0, 2, 5, 5}), ErrorKind::corrupt);                // last empty
  EXPECT_KIND(claim({uint64_t{1} << 40, 0, 96, 10, 10, 1, 5}), ErrorKind::corrupt);  // pack
  EXPECT_KIND(claim({0, 0, uint64_t{1} << 60, 10, 10, 1, 5}), ErrorKind::corrupt);   // offset
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1, 5}, 4), ErrorKind::corrupt);               // flags
  EXPECT_OK(claim({0, 0, 96, 10, 10, 1, 5, 3, 7}, 2));
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1, 5, 3, 8}, 2), ErrorKind::corrupt);  // part behind the end
  EXPECT_KIND(claim({0, 0, 96, 10, 10, 1, 5, 3, UINT64_MAX}, 2), ErrorKind::corrupt);
  Bytes many;
  ByteWriter(many).varint(1'000'000'000);
  ByteReader reader(many);
  EXPECT_KIND(decode_frame_runs(reader), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::repository
