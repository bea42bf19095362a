#include <gmock/gmock.h>

#include <sstream>

#include "restore/proof_checks.h"

namespace spendsync::restore {
namespace {

SourceDamage damage_of(const std::string& path, std::vector<uint32_t> blocks) {
  repository::ManifestSummary backup;
  backup.page_failure_files = {{path, std::move(blocks)}};
  return SourceDamage(backup);
}

TEST(ChecksumOutput, CountsPagesAndNamesTheBadOnes) {
  std::istringstream output(
      "pg_checksums: error: checksum verification failed in file \"/s/data/base/5/16384.1\", block 3: calculated "
      "checksum 1B2C but block contains 3D4E\n"
      "Checksum operation completed\nFiles scanned:   950\nBlocks scanned:  2901\nBad checksums:  1\n"
      "Data checksum version: 1\n");
  const auto result = parse_checksum_output(output, "/s/data");
  EXPECT_EQ(result.pages, 2901u);
  EXPECT_EQ(result.failed, 1u);
  ASSERT_EQ(result.first.size(), 1u);
  EXPECT_EQ(result.first.front().file, "base/5/16384.1");
  EXPECT_EQ(result.first.front().block, 3u);
}

TEST(ChecksumOutput, HasNoCountWhenTheProgramDidNotComeToItsEnd) {
  std::istringstream output("pg_checksums: error: cluster must be shut down\n");
  const auto result = parse_checksum_output(output, "/s/data");
  EXPECT_FALSE(result.pages.has_value());
  EXPECT_EQ(result.last_line, "pg_checksums: error: cluster must be shut down");
}

TEST(AmcheckOutput, TellsDatabaseRelationAndPlace) {
  std::istringstream output(
      "  0/412 relations (0%),     0/2901 pages (0%)\n"
      "heap table \"shop.public.orders\", block 7, offset 2, attribute 1:\n"
      "    attribute 1 has length 99999\n"
      "btree index \"shop.public.orders_pkey\":\n"
      "    ERROR:  item order invariant violated for index \"orders_pkey\"\n"
      "    DETAIL:  Lower index tid=(1,1) ...\n"
      "btree index \"shop.public.items_pkey\":\n"
      "    ERROR:  invalid page in block 0 of relation base/5/16384\n"
      "412/412 relations (100%),  2901/2901 pages (100%)\n");
  const auto result = parse_amcheck_output(output, damage_of("base/5/16384", {0}));
  EXPECT_EQ(result.check.checked, 412u);
  EXPECT_EQ(result.check.findings_total, 3u);
  EXPECT_EQ(result.check.in_source, 1u);
  ASSERT_EQ(result.check.findings.size(), 3u);
  const auto& heap = result.check.findings[0];
  EXPECT_EQ(heap.database, "shop");
  EXPECT_EQ(heap.relation, "public.orders");
  EXPECT_EQ(heap.what, "attribute 1 has length 99999 (block 7, offset 2, attribute 1)");
  EXPECT_FALSE(heap.in_source);
  const auto& index = result.check.findings[1];
  EXPECT_EQ(index.relation, "public.orders_pkey");
  EXPECT_EQ(index.what, "ERROR:  item order invariant violated for index \"orders_pkey\"");
  EXPECT_TRUE(result.check.findings[2].in_source);
}

TEST(SourceDamage, IsTheBlockThatWasRecordedAndNoOther) {
  const auto source = damage_of("base/5/16384.1", {3});
  EXPECT_TRUE(source.has_page("base/5/16384.1", 3));
  EXPECT_FALSE(source.has_page("base/5/16384.1", 4));
  EXPECT_FALSE(source.has_page("base/5/16384", 3));
  EXPECT_TRUE(source.has_relation("base/5/16384"));
  EXPECT_FALSE(source.has_relation("base/5/1638"));
  EXPECT_TRUE(source.is_told_in("invalid page in block 3 of relation base/5/16384"));
  EXPECT_FALSE(source.is_told_in("invalid page in block 3 of relation base/5/163840"));
}

}  // namespace
}  // namespace spendsync::restore
