// Control files as freshly made by initdb of each layout: what pg_controldata printed for them is what is expected.
#include "postgres/control_file.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync::postgres {
namespace {

constexpr const char* kVersion13 =
    "8b30614d2a41046b14050000a1620a0c01000000000000002b41046b00000000283e810100000000283e8101000000000100"
    "0000010000000100000000000000e501000000000000483400000100000000000000de010000010000000100000001000000"
    "000000002b41046b0000000000000000000000000000000000000000e8030000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000010000000000000064000000080000000a0000000000000040000000"
    "00000000080000000000000087d63241002000000000020000200000000000014000000020000000cc070000000800000100"
    "0000010000000c18050a8f39d24c43628977c36d7ae7fb843fc17b964dd2060e1a74fd506d242e783b0200000000";

constexpr const char* kVersion15 =
    "65331b713241046b1405000025770d0c01000000000000003341046b00000000b029750100000000b0297501000000000100"
    "0000010000000100000000000000d402000000000000053500000100000000000000cc020000010000000100000001000000"
    "000000003341046b0000000000000000000000000000000000000000e8030000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000010000000000000064000000080000000a0000000000000040000000"
    "00000000080000000000000087d63241002000000000020000200000000000014000000020000000cc070000000800000100"
    "000001000000e5dae05a2bf5c7315ea5b1fb8c4a1a08b23011e96660c10db3c23b99a0d2926c0263ed6100000000";

constexpr const char* kVersion17 =
    "3f23dd9d3041046ba40600008979100c01000000000000003141046b00000000d818720100000000d8187201000000000100"
    "0000010000000100000001000000e202000000000000b93400000100000000000000da020000010000000100000001000000"
    "000000003141046b0000000000000000000000000000000000000000e8030000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000010000000000000064000000080000000a0000000000000040000000"
    "00000000080000000000000087d63241002000000000020000200000000000014000000020000000cc070000000800000100"
    "00000100000010f72dc2a4c29b9553e5b05d24ae16bc494f9eb756eee7f33e2ae3e33b88ae6b3b88567100000000";

constexpr const char* kVersion18 =
    "55d3167e3141046b080700003300120c01000000000000003241046b0000000090b274010000000090b27401000000000100"
    "0000010000000100000001000000f002000000000000c33400000100000000000000e8020000010000000100000001000000"
    "000000003241046b0000000000000000000000000000000000000000e8030000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000010000000000000064000000080000000a0000000000000040000000"
    "00000000080000000000000087d63241002000000000020000200000000000014000000020000000cc070000000800000100"
    "0000010000000156fc8629c8ee8e05b20ed336f4458cd16c0e20887d0b070b001b9b8e34faf993000000655610a2";

/// The file is 8 KiB; the rest is zeros.
Bytes file_of(const char* hex) {
  auto bytes = MUST(from_hex(hex));
  bytes.resize(8192);
  return bytes;
}

struct Expected {
  const char* hex;
  uint64_t system_identifier;
  uint32_t control_version;
  uint32_t catalog_version;
  const char* checkpoint;
};

class ControlFileLayout : public ::testing::TestWithParam<Expected> {};

TEST_P(ControlFileLayout, IsReadAsPgControldataReadsIt) {
  auto control = MUST(parse_control_file(file_of(GetParam().hex)));
  EXPECT_EQ(control.system_identifier.value, GetParam().system_identifier);
  EXPECT_EQ(control.control_version, GetParam().control_version);
  EXPECT_EQ(control.catalog_version, GetParam().catalog_version);
  EXPECT_EQ(control.checkpoint.to_string(), GetParam().checkpoint);
  EXPECT_EQ(control.redo.to_string(), GetParam().checkpoint);
  EXPECT_EQ(control.timeline.value, 1u);
  EXPECT_EQ(describe_state(control.state), "shut down");
  EXPECT_FALSE(control.is_running_state());
  EXPECT_TRUE(control.full_page_writes);
  EXPECT_EQ(control.minimum_recovery_point.value, 0u);
  EXPECT_EQ(control.wal_level, 1u);
  EXPECT_EQ(control.max_connections, 100u);
  EXPECT_EQ(control.max_worker_processes, 8u);
  EXPECT_EQ(control.max_wal_senders, 10u);
  EXPECT_EQ(control.max_prepared_transactions, 0u);
  EXPECT_EQ(control.max_locks_per_transaction, 64u);
  EXPECT_EQ(control.page_size, 8192u);
  EXPECT_EQ(control.relation_segment_blocks, 131072u);
  EXPECT_EQ(control.wal_segment_size, 16u << 20);
  EXPECT_EQ(control.data_checksum_version, 1u);
}

INSTANTIATE_TEST_SUITE_P(Versions, ControlFileLayout,
                         ::testing::Values(Expected{kVersion13, 7711360111907778699, 1300, 202007201, "0/1813E28"},
                                           Expected{kVersion15, 7711360146866910053, 1300, 202209061, "0/17529B0"},
                                           Expected{kVersion17, 7711360139027882815, 1700, 202406281, "0/17218D8"},
                                           Expected{kVersion18, 7711360142789759829, 1800, 202506291, "0/174B290"}));

TEST(ControlFile, ReadsTheTimeOfTheCheckpoint) {
  auto control = MUST(parse_control_file(file_of(kVersion15)));
  EXPECT_EQ(format_utc(control.checkpoint_time), "2026-11-23T13:35:47Z");
}

TEST(ControlFile, NoticesEveryFlippedByte) {
  auto good = file_of(kVersion15);
  for (size_t i = 0; i < 292; ++i) {
    auto bad = good;
    bad[i] ^= std::byte{0x10};
    EXPECT_FALSE(parse_control_file(bad).has_value()) << "byte " << i;
  }
}

TEST(ControlFile, RefusesShortFilesAndUnknownVersions) {
  auto bytes = file_of(kVersion15);
  EXPECT_KIND(parse_control_file(ByteView(bytes).first(100)), ErrorKind::corrupt);
  EXPECT_KIND(parse_control_file({}), ErrorKind::corrupt);
  bytes[8] = std::byte{0x01};
  EXPECT_KIND(parse_control_file(bytes), ErrorKind::unsupported);
}

TEST(ControlFile, IsReadFromTheDataDirectoryWithItsBytes) {
  auto directory = MUST(TemporaryDirectory::create("/tmp", "control-"));
  MUST(make_directories(directory.path() + "/global", 0700));
  EXPECT_KIND(read_control_file(directory.path()), ErrorKind::not_found);
  auto bytes = file_of(kVersion18);
  MUST(replace_file(directory.path() + "/global/pg_control", bytes, 0600));
  auto read = MUST(read_control_file(directory.path()));
  EXPECT_EQ(read.bytes, bytes);
  EXPECT_EQ(read.control.control_version, 1800u);
  bytes[100] ^= std::byte{1};
  MUST(replace_file(directory.path() + "/global/pg_control", bytes, 0600));
  EXPECT_KIND(read_control_file(directory.path()), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
