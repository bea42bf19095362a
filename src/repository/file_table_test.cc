#include "repository/file_table.h"

#include "base/clock.h"
#include "base/testing.h"

namespace spendsync::repository {
namespace {

FileEntry sample_file(uint32_t number) {
  FileEntry entry;
  entry.set = number % 3;
  entry.path = "base/5/" + std::to_string(number);
  entry.uid = 26;
  entry.gid = 4'000'000'000;
  entry.owner = "postgres";
  entry.group = "ssl-cert";
  entry.mode = 04755;
  entry.mtime_ns = -1'500'000'000'123'456'789;
  entry.crc32c = 0xDEADBEEF;
  entry.attributes = {{"security.selinux", std::string("a\0b", 3)}, {"user.x", ""}};
  uint64_t offset = 96;
  for (uint32_t i = 0; i < 5; ++i) {
    FrameRef frame;
    frame.pack = number;
    frame.number = i;
    frame.offset = offset;
    frame.stored_size = 1000 + i;
    frame.raw_size = 8192;
    entry.content.add(frame);
    offset += 1028 + i;
  }
  entry.size = entry.content.length();
  entry.block_hashes = BlockHashes{number * 80, 5, 8192};
  entry.identity = FileIdentity{1000 + number, -1'500'000'000'123'456'788};
  entry.bad_blocks = {0, 3, 4};
  return entry;
}

std::vector<FileEntry> sample_entries() {
  std::vector<FileEntry> entries;
  for (uint32_t i = 0; i < 50; ++i) entries.push_back(sample_file(i));
  FileEntry directory;
  directory.kind = FileKind::directory;
  directory.path = "pg_wal";
  directory.mode = 0700;
  entries.push_back(directory);
  FileEntry link;
  link.kind = FileKind::symbolic_link;
  link.path = "odd name \n\xff\\=";
  link.link_target = "/etc/ssl/../x";
  entries.push_back(link);
  FileEntry hard;
  hard.kind = FileKind::hard_link;
  hard.path = "b";
  hard.link_target = "base/5/1";
  entries.push_back(hard);
  auto partly_read = sample_file(3);
  partly_read.path = "base/5/77";
  partly_read.crc_known = false;
  partly_read.crc32c = 0;
  entries.push_back(partly_read);
  FileEntry empty;
  empty.path = "empty";
  entries.push_back(empty);
  return entries;
}

Bytes encode_all(const std::vector<FileEntry>& entries) {
  Bytes bytes;
  for (const auto& entry : entries) MUST(encode_file_entry(entry, bytes));
  return bytes;
}

TEST(FileTable, ReturnsEveryFieldHoweverTheStreamIsCut) {
  auto entries = sample_entries();
  auto bytes = encode_all(entries);
  for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, bytes.size()}) {
    FileTableParser parser;
    std::vector<FileEntry> read;
    for (size_t from = 0; from < bytes.size(); from += piece) {
      ASSERT_OK(
          parser.feed(ByteView(bytes).subspan(from, std::min(piece, bytes.size() - from)), [&](const FileEntry& entry) {
            read.push_back(entry);
            return ok();
          }));
    }
    ASSERT_OK(parser.finish());
    EXPECT_EQ(parser.entries(), entries.size());
    EXPECT_EQ(read, entries);
  }
}

TEST(FileTable, NoticesAStreamThatEndsInsideARecord) {
  auto bytes = encode_all({sample_file(1)});
  FileTableParser parser;
  ASSERT_OK(parser.feed(ByteView(bytes).first(bytes.size() - 1), [](const FileEntry&) { return ok(); }));
  EXPECT_KIND(parser.finish(), ErrorKind::corrupt);
}

TEST(FileTable, PassesTheVisitorsErrorOn) {
  auto bytes = encode_all(sample_entries());
  FileTableParser parser;
  EXPECT_KIND(parser.feed(bytes, [](const FileEntry&) { return Result<void>(Error(ErrorKind::exhausted, "full")); }),
              ErrorKind::exhausted);
}

TEST(FileTable, RefusesPathsThatLeadOutOfTheTarget) {
  for (std::string path :
       {std::string(), std::string("/etc/passwd"), std::string("../x"), std::string("a/../b"), std::string("a//b"),
        std::string("a/"), std::string("."), std::string("a/./b"), std::string("a\0b", 3), std::string(4097, 'a')}) {
    FileEntry entry;
    entry.path = path;
    Bytes bytes;
    EXPECT_KIND(encode_file_entry(entry, bytes), ErrorKind::invalid);
    EXPECT_TRUE(bytes.empty());
    // The same from a forged record, which no encoder of ours wrote.
    Bytes record;
    ByteWriter writer(record);
    writer.u8(1);
    writer.varint(0);
    writer.text(path);
    for (int i = 0; i < 2; ++i) writer.varint(0);
    writer.text("");
    writer.text("");
    for (int i = 0; i < 3; ++i) writer.varint(0);
    writer.u32(0);
    writer.text("");
    for (int i = 0; i < 4; ++i) writer.varint(0);
    EXPECT_KIND(decode_file_entry(record), ErrorKind::corrupt);
  }
  FileEntry hard;
  hard.kind = FileKind::hard_link;
  hard.path = "x";
  hard.link_target = "../../etc/passwd";
  Bytes bytes;
  EXPECT_KIND(encode_file_entry(hard, bytes), ErrorKind::invalid);
}

TEST(FileTable, RefusesContradictions) {
  Bytes bytes;
  auto wrong_size = sample_file(1);
  wrong_size.size += 1;
  EXPECT_KIND(encode_file_entry(wrong_size, bytes), ErrorKind::invalid);
  auto unknown_crc = sample_file(1);
  unknown_crc.crc32c = 1;
  unknown_crc.crc_known = false;
  EXPECT_KIND(encode_file_entry(unknown_crc, bytes), ErrorKind::invalid);
  auto unordered = sample_file(1);
  unordered.bad_blocks = {4, 4};
  EXPECT_KIND(encode_file_entry(unordered, bytes), ErrorKind::invalid);
  auto directory = sample_file(1);
  directory.kind = FileKind::directory;
  EXPECT_KIND(encode_file_entry(directory, bytes), ErrorKind::invalid);
  FileEntry link;
  link.kind = FileKind::symbolic_link;
  link.path = "x";
  EXPECT_KIND(encode_file_entry(link, bytes), ErrorKind::invalid);
  EXPECT_TRUE(bytes.empty());
}

TEST(FileTable, RefusesHugeClaimsWithoutAllocatingThem) {
  FileTableParser parser;
  Bytes huge;
  ByteWriter(huge).varint(uint64_t{1} << 40);
  EXPECT_KIND(parser.feed(huge, [](const FileEntry&) { return ok(); }), ErrorKind::corrupt);
  FileTableParser endless;
  Bytes ones(20, std::byte{0xff});
  EXPECT_KIND(endless.feed(ones, [](const FileEntry&) { return ok(); }), ErrorKind::corrupt);
}

TEST(FileTable, NeverTakesADamagedRecordForAnotherWithoutNoticingItsShape) {
  // Records are authenticated before they are parsed; this is about not crashing and not reading past the end.
  auto bytes = encode_all({sample_file(9)});
  SeededRandom random(3);
  for (int i = 0; i < 3000; ++i) {
    auto damaged = bytes;
    for (int flips = 0; flips < 3; ++flips) {
      auto bit = random.next_u64() % (damaged.size() * 8);
      damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
    auto decoded = decode_file_entry(ByteView(damaged).subspan(2));
    if (decoded) {
      EXPECT_EQ(decoded->size, decoded->content.length());
    }
  }
}

}  // namespace
}  // namespace spendsync::repository
