#include "restore/output_file.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace spendsync::restore {
namespace {

Bytes numbered(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + (i >> 12));
  return bytes;
}

class OutputFileTest : public ::testing::Test {
 protected:
  Fd create() { return MUST(open_file(path_, O_WRONLY | O_CREAT | O_EXCL)); }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/var/tmp", "ssb-output"));
  std::string path_ = directory_.path() + "/file";
};

TEST_F(OutputFileTest, HoldsEveryByteOfAlignedPiecesAndTheUnalignedEnd) {
  const auto content = numbered((3u << 20) + 4096 + 17);
  OutputFile file(create(), content.size());
  AlignedBuffer buffer;
  const size_t piece = 1u << 20;
  for (size_t at : {2 * piece, size_t{0}, 3 * piece, piece}) {  // as several workers finish: in no order
    auto part = ByteView(content).subspan(at, std::min(piece, content.size() - at));
    auto bytes = buffer.first(part.size());
    std::copy(part.begin(), part.end(), bytes.begin());
    ASSERT_OK(file.write(at, bytes, "file"));
  }
  ASSERT_OK(file.close());
  EXPECT_EQ(MUST(read_file(path_)), content);
}

TEST_F(OutputFileTest, TakesPiecesThatDoNotSuitDirectWrites) {
  const auto content = numbered((2u << 20) + 5);
  OutputFile file(create(), content.size());
  for (size_t at = 0; at < content.size(); at += 700'001) {
    ASSERT_OK(file.write(at, ByteView(content).subspan(at, std::min<size_t>(700'001, content.size() - at)), "file"));
  }
  ASSERT_OK(file.close());
  EXPECT_EQ(MUST(read_file(path_)), content);
}

TEST_F(OutputFileTest, LeavesSmallFilesToThePageCache) {
  OutputFile file(create(), 8192);
  EXPECT_FALSE(file.direct());
  ASSERT_OK(file.write(0, numbered(8192), "file"));
  ASSERT_OK(file.close());
  EXPECT_EQ(MUST(read_file(path_)), numbered(8192));
}

TEST_F(OutputFileTest, FailsWhereTheFileCannotBeWritten) {
  { Fd made = create(); }
  OutputFile file(MUST(open_file(path_, O_RDONLY)), 4096);
  auto failed = file.write(0, numbered(4096), "base/5/1259");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("base/5/1259"), std::string::npos);
}

TEST(AlignedBufferTest, GrowsAndStaysAligned) {
  AlignedBuffer buffer;
  for (size_t size : {1u, 5000u, 100u, 4u << 20}) {
    auto bytes = buffer.first(size);
    EXPECT_EQ(bytes.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 4096, 0u);
    bytes.back() = std::byte{1};
  }
}

}  // namespace
}  // namespace spendsync::restore
