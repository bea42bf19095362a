#include "repository/content_encoder.h"

#include "base/testing.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

Bytes decode(const std::vector<ContentEncoder::Frame>& frames) {
  auto decompressor = MUST(Decompressor::create());
  Bytes content;
  for (const auto& frame : frames) {
    Bytes raw(frame.raw.size());
    EXPECT_OK(decompressor.decode(static_cast<uint8_t>(frame.codec), frame.payload(), raw));
    content.insert(content.end(), raw.begin(), raw.end());
  }
  return content;
}

TEST(ContentEncoder, GivesTheSameFramesWhateverTheNumberOfThreads) {
  Bytes content = sample_content(3, 1'000'003);
  std::vector<ContentEncoder::Frame> single;
  for (unsigned threads : {1u, 2u, 5u, 100u}) {
    ContentEncoder encoder({.compression = {}, .frame_size = 64 << 10, .threads = threads}, content);
    auto frames = MUST(encoder.finish());
    ASSERT_EQ(frames.size(), 16u);
    EXPECT_EQ(decode(frames), content);
    if (single.empty()) {
      single = std::move(frames);
      continue;
    }
    for (size_t i = 0; i < single.size(); ++i) EXPECT_EQ(single[i].compressed, frames[i].compressed);
  }
}

TEST(ContentEncoder, EmptyContentIsOneEmptyFrame) {
  ContentEncoder encoder({.compression = {}, .threads = 2}, {});
  auto frames = MUST(encoder.finish());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].payload().empty());
}

TEST(ContentEncoder, ABadLevelIsAnErrorOfEveryThread) {
  Bytes content(3 << 20);
  ContentEncoder encoder({.compression = {Codec::zstd, 1000}, .threads = 3}, content);
  EXPECT_KIND(encoder.finish(), ErrorKind::invalid);
}

TEST(ContentEncoder, MayBeGivenUpUnfinished) {
  Bytes content(8 << 20);
  ContentEncoder encoder({.compression = {}, .threads = 2}, content);
}

}  // namespace
}  // namespace spendsync::repository
