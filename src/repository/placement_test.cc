#include "repository/placement.h"

#include "base/testing.h"

namespace spendsync::repository {
namespace {

using Action = Placement::Action;

FileEntry file(std::string path) {
  FileEntry entry;
  entry.path = std::move(path);
  entry.mode = 0600;
  return entry;
}

ClusterPlacement placement() {
  ManifestSummary summary;
  summary.tablespaces = {{16500, "/mnt/fast"}, {16501, ""}};
  return ClusterPlacement(summary);
}

TEST(ClusterPlacement, RefusesPathsThatLeadElsewhere) {
  for (const char* path :
       {"", "/etc/passwd", "../x", "base/../../x", "base//x", "base/./x", "base/", "./x", "..", "."}) {
    SCOPED_TRACE(path);
    EXPECT_KIND(placement().place(file(path)), ErrorKind::corrupt);
  }
  EXPECT_KIND(placement().place(file(std::string("base/a\0b", 8))), ErrorKind::corrupt);
  EXPECT_KIND(placement().place(file("base/" + std::string(256, 'n'))), ErrorKind::corrupt);
  EXPECT_OK(placement().place(file("base/" + std::string(255, 'n'))));
  EXPECT_OK(placement().place(file("base/5/\xff..\xfe")));  // names need not be UTF-8
}

TEST(ClusterPlacement, SortsEntriesByWhatPostgresUsesThemFor) {
  EXPECT_EQ(MUST(placement().place(file("base/5/1"))).action, Action::file);
  EXPECT_EQ(MUST(placement().place(file("global/pg_control"))).action, Action::control_file);
  EXPECT_EQ(MUST(placement().place(file("pg_wal/000000010000000000000002"))).action, Action::wal);
  EXPECT_EQ(MUST(placement().place(file("pg_wal/00000002.history"))).action, Action::wal);
  EXPECT_EQ(MUST(placement().place(file("recovery.signal"))).action, Action::skip);
  EXPECT_EQ(MUST(placement().place(file(kWalPlanFile))).action, Action::skip);
  auto outside = MUST(placement().place(file("pg_tblspc/16500/PG_15_1/5/1")));
  EXPECT_EQ(outside.tablespace, 16500u);
  EXPECT_EQ(outside.path, "PG_15_1/5/1");
  auto in_place = MUST(placement().place(file("pg_tblspc/16501/PG_15_1/5/1")));
  EXPECT_EQ(in_place.tablespace, 0u);
  EXPECT_EQ(in_place.path, "pg_tblspc/16501/PG_15_1/5/1");
  for (const char* path :
       {"pg_tblspc/1/x", "pg_tblspc/016500/x", "pg_tblspc/16500x/y", "pg_tblspc/16500", "pg_tblspc/99999999999/x"}) {
    SCOPED_TRACE(path);
    EXPECT_KIND(placement().place(file(path)), ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace spendsync::repository
