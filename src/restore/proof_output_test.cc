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

TEST(ChecksumOutput, BelievesTheProgramsOwnCountOverTheLinesThatWereUnderstood) {
  std::istringstream output(
      "pg_checksums: something new about block 3 of base/5/16384\n"
      "Checksum operation completed\nFiles scanned:   950\nBlocks scanned:  2901\nBad checksums:  2\n");
  const auto result = parse_checksum_output(output, "/s/data");
  EXPECT_EQ(result.pages, 2901u);
  EXPECT_EQ(result.failed, 2u);
  EXPECT_TRUE(result.first.empty());
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

TEST(AmcheckVerdict, CorruptionThatWasNotUnderstoodIsAFindingAllTheSame) {
  std::istringstream output("gist index \"shop.public.places\" is broken in a new way\n");
  const SourceDamage none{repository::ManifestSummary{}};
  const auto check = judge_amcheck(parse_amcheck_output(output, none), 2, none);
  EXPECT_EQ(check.state, ProofCheck::State::done);
  EXPECT_EQ(check.findings_total, 1u);
  ASSERT_EQ(check.findings.size(), 1u);
  EXPECT_THAT(check.findings.front().what, ::testing::HasSubstr("is broken in a new way"));
}

TEST(AmcheckVerdict, IsDoneOnlyWhereTheProgramCameToItsEnd) {
  const SourceDamage none{repository::ManifestSummary{}};
  const auto judge = [&](const std::string& text, int exit_status) {
    std::istringstream output(text);
    return judge_amcheck(parse_amcheck_output(output, none), exit_status, none);
  };
  const auto good = judge("412/412 relations (100%),  2901/2901 pages (100%)\n", 0);
  EXPECT_EQ(good.state, ProofCheck::State::done);
  EXPECT_EQ(good.checked, 412u);
  EXPECT_EQ(good.findings_total, 0u);
  const auto lost = judge("pg_amcheck: error: connection to server was lost\n", 1);
  EXPECT_EQ(lost.state, ProofCheck::State::not_done);
  EXPECT_EQ(lost.findings_total, 0u);
  EXPECT_EQ(lost.why, "it ended with status 1: pg_amcheck: error: connection to server was lost");
  const auto damaged =
      judge("pg_amcheck: error: query failed: ERROR:  invalid page in block 3 of relation base/5/1249\n", 1);
  EXPECT_EQ(damaged.state, ProofCheck::State::not_done);
  EXPECT_EQ(damaged.findings_total, 1u);
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

TEST(MissingSegments, NamesThePartWithoutWhichLaterOnesAreThere) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(missing_segments({"16384", "16384.1", "16384.2", "16384_fsm", "16384_vm", "PG_VERSION", "pg_filenode.map"},
                             {"16384"}),
            Names{});
  EXPECT_EQ(missing_segments({"16384", "16384.2", "16384.3"}, {"16384"}), Names{"16384.1"});
  EXPECT_EQ(missing_segments({"16385_fsm.1", "16385", "17"}, {"16385"}), Names{"16385_fsm"});
  EXPECT_EQ(missing_segments({"16386", "16386.10", "16386.1"}, {"16386"}), Names{"16386.2"});
  EXPECT_EQ(missing_segments({"t3_16390", "16387.x", "16388."}, {"16387", "16388"}), Names{});
}

// Replay of a drop removes parts in their order up to the first that the backup did not meet.
TEST(MissingSegments, PartsOfADroppedRelationAreNobodys) {
  EXPECT_EQ(missing_segments({"16384.10", "16384.11", "16385"}, {"16385"}), std::vector<std::string>{});
}

}  // namespace
}  // namespace spendsync::restore
