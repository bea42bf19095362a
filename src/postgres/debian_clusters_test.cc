#include "postgres/debian_clusters.h"

#include "base/testing.h"

namespace spendsync::postgres {
namespace {

TEST(DebianClusters, AreReadWhetherNumbersAreTextOrNot) {
  const auto clusters = MUST(parse_debian_clusters(R"([
    {"version":"16","cluster":"main","port":5433,"running":"1","pgdata":"/d16","configdir":"/c16","socketdir":"/s",
     "owneruid":101,"config":{"port":"5433"}},
    {"version":15,"cluster":"main","port":"5432","running":0,"pgdata":"/d15","configdir":"/c15","socketdir":"/s",
     "owneruid":"101"}])"));
  ASSERT_EQ(clusters.size(), 2u);
  EXPECT_EQ(clusters[0].title(), "15/main");
  EXPECT_FALSE(clusters[0].running);
  EXPECT_EQ(clusters[0].port, 5432);
  EXPECT_EQ(clusters[1].title(), "16/main");
  EXPECT_TRUE(clusters[1].running);
  EXPECT_EQ(clusters[1].data_directory, "/d16");
  EXPECT_EQ(clusters[1].owner, 101u);
}

TEST(DebianClusters, NoneIsAnEmptyList) { EXPECT_TRUE(MUST(parse_debian_clusters("[]")).empty()); }

TEST(DebianClusters, OtherTextIsCorrupt) {
  EXPECT_KIND(parse_debian_clusters("Ver Cluster Port"), ErrorKind::corrupt);
  EXPECT_KIND(parse_debian_clusters("{}"), ErrorKind::corrupt);
  EXPECT_KIND(parse_debian_clusters(R"([{"version":15}])"), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
