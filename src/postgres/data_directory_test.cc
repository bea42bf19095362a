#include "postgres/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/testing.h"

namespace spendsync::postgres {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ClassifyRelationFile, GoesByNameAndPlace) {
  auto role = [](std::string_view path) { return classify_relation_file(path).role; };
  for (const char* path : {"base/5/16384", "base/5/16384.1", "global/1262", "base/4294967295/1",
                           "pg_tblspc/16390/PG_15_202209061/5/16391", "pg_tblspc/16390/PG_15_202209061/5/16391.12"}) {
    EXPECT_EQ(role(path), FileRole::relation_main) << path;
  }
  for (const char* path : {"base/5/16384_fsm", "base/5/16384_vm.1", "base/5/16384_init", "global/1262_fsm",
                           "pg_tblspc/16390/PG_15_202209061/5/16391_vm"}) {
    EXPECT_EQ(role(path), FileRole::relation_other) << path;
  }
  for (const char* path : {"base/5/PG_VERSION",
                           "base/5/pg_filenode.map",
                           "base/5/pg_internal.init",
                           "global/pg_control",
                           "pg_xact/0000",
                           "pg_xact/1000",
                           "pg_multixact/offsets/0000",
                           "base/16384",
                           "16384",
                           "base/5/16384_x",
                           "base/5/016384",
                           "base/5/16384.0",
                           "base/5/16384.01",
                           "base/5/16384.",
                           "base/5/16384_fsm_vm",
                           "base/5/t3_16384",
                           "base/5/0",
                           "base/5/4294967296",
                           "base/x/16384",
                           "base/5/sub/16384",
                           "global/5/1262",
                           "base/5/16384.1.2",
                           "base//16384",
                           "pg_tblspc/16390/PG_15/5/16391",
                           "pg_tblspc/x/PG_15_1/5/16391",
                           "pg_wal/000000010000000000000001",
                           "",
                           "base/",
                           "base/5/",
                           "base/5/16384 ",
                           "base/5/16384\n",
                           "base/5/+1"}) {
    EXPECT_EQ(role(path), FileRole::other) << path;
  }
}

TEST(ClassifyRelationFile, ReadsTheSegment) {
  EXPECT_EQ(classify_relation_file("base/5/16384").segment, 0u);
  EXPECT_EQ(classify_relation_file("base/5/16384.7").segment, 7u);
  EXPECT_EQ(classify_relation_file("base/5/16384_fsm.31").segment, 31u);
}

/// A directory that looks like one of PostgreSQL 15 to the walk.
class DataDirectoryWalk : public ::testing::Test {
 protected:
  void SetUp() override {
    MUST(make_directories(root(), 0700));
    file("PG_VERSION", "15\n");
    write_control_file();
    for (const char* name : {"base/5", "pg_wal/archive_status", "pg_tblspc", "pg_xact", "pg_replslot/slot1"}) {
      directory(name);
    }
  }

  std::string root() const { return temporary_.path() + "/data"; }
  void directory(const std::string& path) { MUST(make_directories(root() + "/" + path, 0700)); }
  void file(const std::string& path, const std::string& content = "x") {
    auto full = root() + "/" + path;
    MUST(make_directories(full.substr(0, full.rfind('/')), 0700));
    auto fd = MUST(open_file(full, O_WRONLY | O_CREAT | O_TRUNC));
    MUST(write_all(fd, as_bytes(content), full));
  }
  void link(const std::string& target, const std::string& path) {
    ASSERT_EQ(symlink(target.c_str(), (root() + "/" + path).c_str()), 0) << path;
  }
  void write_control_file() {
    Bytes bytes(8192);
    auto put = [&](size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
    put(8, 1300);
    put(12, 202209061);
    put(16, 1);
    put(216, 8192);
    put(220, 131072);
    put(228, 16u << 20);
    put(288, crc32c(0, ByteView(bytes).first(288)));
    file("global/pg_control", std::string(as_text(bytes)));
  }

  /// The walk's paths, each with '/' for a directory and " -> target" for a link.
  std::vector<std::string> walk() {
    std::vector<std::string> paths;
    auto result = walk_into(paths);
    EXPECT_OK(result);
    return paths;
  }
  Result<void> walk_into(std::vector<std::string>& paths) {
    auto data = TRY(DataDirectory::open(root()));
    DataDirectory::Visitor visitor;
    visitor.on_entry = [&](const DirectoryEntry& entry) -> Result<void> {
      const char* mark = entry.kind == EntryKind::directory ? "/" : "";
      paths.push_back(entry.path + mark + (entry.link_target.empty() ? "" : " -> " + entry.link_target));
      return {};
    };
    visitor.on_skipped = [&](const std::string& path, const std::string& why) { skipped_[path] = why; };
    return data.walk(visitor);
  }

  TemporaryDirectory temporary_ = MUST(TemporaryDirectory::create("/tmp", "walk-"));
  std::map<std::string, std::string> skipped_;
};

TEST_F(DataDirectoryWalk, EmitsDirectoriesBeforeTheirContentInTheOrderOfBytes) {
  file("base/5/112");
  file("base/5/16384");
  file("base/5/16384.1");
  file("base/5/PG_VERSION");
  file("pg_wal/000000010000000000000001");
  file("pg_xact/0000");
  EXPECT_THAT(walk(), ElementsAre("PG_VERSION", "base/", "base/5/", "base/5/112", "base/5/16384", "base/5/16384.1",
                                  "base/5/PG_VERSION", "global/", "pg_replslot/", "pg_tblspc/", "pg_wal/",
                                  "pg_wal/archive_status/", "pg_xact/", "pg_xact/0000"));
}

TEST_F(DataDirectoryWalk, LeavesOutWhatBasebackupLeavesOut) {
  for (const char* name : {"postgresql.auto.conf.tmp",
                           "current_logfiles.tmp",
                           "global/pg_internal.init",
                           "base/5/pg_internal.init",
                           "base/5/pg_internal.init.123",
                           "backup_label",
                           "tablespace_map",
                           "backup_manifest",
                           "postmaster.pid",
                           "postmaster.opts",
                           "backup_label.old",
                           "tablespace_map.old",
                           "base/pgsql_tmp/pgsql_tmp123.0",
                           "pgsql_tmp_x",
                           "base/5/t3_16384",
                           "base/5/t3_16384_fsm",
                           "base/5/t3_16384.1",
                           "pg_notify/0000",
                           "pg_serial/0000",
                           "pg_snapshots/x",
                           "pg_subtrans/0000",
                           "pg_dynshmem/x",
                           "pg_stat_tmp/x",
                           "pg_replslot/slot1/state"}) {
    file(name);
  }
  auto before = walk();
  EXPECT_THAT(before, ElementsAre("PG_VERSION", "base/", "base/5/", "global/", "pg_dynshmem/", "pg_notify/",
                                  "pg_replslot/", "pg_serial/", "pg_snapshots/", "pg_stat_tmp/", "pg_subtrans/",
                                  "pg_tblspc/", "pg_wal/", "pg_wal/archive_status/", "pg_xact/"));
}

TEST_F(DataDirectoryWalk, KeepsWhatOnlyLooksLikeThat) {
  for (const char* name : {"backup_label.old2", "base/5/t3_x", "base/5/tx_1", "t3_16384", "global/t3_16384",
                           "postgresql.auto.conf", "current_logfiles", "pg_stat/x", "base/5/xpgsql_tmp"}) {
    file(name);
    EXPECT_THAT(walk(), Contains(name));
  }
}

TEST_F(DataDirectoryWalk, KeepsOnlyTheInitForkOfUnloggedRelations) {
  for (const char* name : {"16384", "16384.1", "16384_fsm", "16384_vm", "16384_init", "16385", "16385_fsm", "163840"}) {
    file(std::string("base/5/") + name);
  }
  file("base/6/16384");  // the same number in another database is another relation
  EXPECT_THAT(walk(), ElementsAre("PG_VERSION", "base/", "base/5/", "base/5/163840", "base/5/16384_init",
                                  "base/5/16385", "base/5/16385_fsm", "base/6/", "base/6/16384", "global/",
                                  "pg_replslot/", "pg_tblspc/", "pg_wal/", "pg_wal/archive_status/", "pg_xact/"));
}

TEST_F(DataDirectoryWalk, TakesOnlyThisServersVersionDirectoryOfATablespace) {
  auto space = temporary_.path() + "/space";
  for (const char* name : {"/PG_15_202209061/5", "/PG_14_202107181/5", "/PG_15_202209060/5", "/other"}) {
    MUST(make_directories(space + name, 0700));
  }
  MUST(replace_file(space + "/PG_15_202209061/5/16391", as_bytes("x"), 0600));
  MUST(replace_file(space + "/PG_15_202209061/5/t1_16392", as_bytes("x"), 0600));
  link(space, "pg_tblspc/16390");
  directory("pg_tblspc/16395/PG_15_202209061/5");  // in place
  file("pg_tblspc/16395/PG_15_202209061/5/16396");
  file("pg_tblspc/notes");
  auto paths = walk();
  paths.erase(paths.begin(), std::find(paths.begin(), paths.end(), "pg_tblspc/"));
  EXPECT_THAT(paths,
              ElementsAre("pg_tblspc/", "pg_tblspc/16390 -> " + space, "pg_tblspc/16390/PG_15_202209061/",
                          "pg_tblspc/16390/PG_15_202209061/5/", "pg_tblspc/16390/PG_15_202209061/5/16391",
                          "pg_tblspc/16395/", "pg_tblspc/16395/PG_15_202209061/", "pg_tblspc/16395/PG_15_202209061/5/",
                          "pg_tblspc/16395/PG_15_202209061/5/16396", "pg_wal/", "pg_wal/archive_status/", "pg_xact/"));
  EXPECT_THAT(skipped_, Contains(::testing::Key("pg_tblspc/notes")));
  auto spaces = MUST(MUST(DataDirectory::open(root())).tablespaces());
  ASSERT_EQ(spaces.size(), 2u);
  EXPECT_EQ(spaces[0].oid, 16390u);
  EXPECT_EQ(spaces[0].location, space);
  EXPECT_EQ(spaces[1].location, "");
}

TEST_F(DataDirectoryWalk, TakesATablespaceInsideTheDataDirectoryOnce) {
  file("inside/PG_15_202209061/5/16391");
  link(root() + "/inside", "pg_tblspc/16390");
  auto paths = walk();
  EXPECT_THAT(paths, Contains("inside/"));
  EXPECT_THAT(paths, Not(Contains("inside/PG_15_202209061/")));
  EXPECT_THAT(paths, Contains("pg_tblspc/16390/PG_15_202209061/5/16391"));
}

TEST_F(DataDirectoryWalk, NamesATablespaceWhoseDiskIsMissing) {
  link("/nonexistent/space", "pg_tblspc/16390");
  std::vector<std::string> paths;
  auto result = walk_into(paths);
  EXPECT_KIND(result, ErrorKind::not_found);
  EXPECT_THAT(result.error().message(), HasSubstr("16390"));
}

TEST_F(DataDirectoryWalk, TurnsLinkedWalAndLogIntoPlainDirectories) {
  MUST(remove_tree(root() + "/pg_wal"));
  MUST(make_directories(temporary_.path() + "/wal", 0700));
  MUST(replace_file(temporary_.path() + "/wal/000000010000000000000001", as_bytes("x"), 0600));
  link(temporary_.path() + "/wal", "pg_wal");
  link(temporary_.path() + "/wal", "log");
  link("/somewhere", "pg_stat_tmp");
  auto paths = walk();
  EXPECT_THAT(paths, Contains("pg_wal/"));
  EXPECT_THAT(paths, Contains("pg_wal/archive_status/"));
  EXPECT_THAT(paths, Contains("log/"));
  EXPECT_THAT(paths, Contains("pg_stat_tmp/"));
  EXPECT_THAT(paths, Not(Contains("pg_wal/000000010000000000000001")));
}

TEST_F(DataDirectoryWalk, RefusesServerDataBehindALink) {
  MUST(remove_tree(root() + "/pg_xact"));
  MUST(make_directories(temporary_.path() + "/xact", 0700));
  link(temporary_.path() + "/xact", "pg_xact");
  std::vector<std::string> paths;
  auto result = walk_into(paths);
  EXPECT_KIND(result, ErrorKind::refused);
  EXPECT_THAT(result.error().message(), HasSubstr("pg_xact"));
}

TEST_F(DataDirectoryWalk, ReportsOtherLinksAndSpecialFilesWithoutOpeningThem) {
  link("/etc/hostname", "server.crt");
  ASSERT_EQ(mkfifo((root() + "/pipe").c_str(), 0600), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (root() + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  auto paths = walk();
  for (const char* name : {"server.crt", "pipe", "socket"}) {
    EXPECT_THAT(paths, Not(Contains(name)));
    EXPECT_THAT(skipped_, Contains(::testing::Key(name)));
  }
}

TEST_F(DataDirectoryWalk, KeepsNamesByteForByte) {
  std::vector<std::string> names{"a\nb", "\xff\xfe\x80", " lead", "trail ", "\"quoted\"", "caf\xC3\xA9"};
  for (const auto& name : names) file(name);
  auto paths = walk();
  for (const auto& name : names) EXPECT_THAT(paths, Contains(name));
}

TEST_F(DataDirectoryWalk, PassesOverWhatVanishesMeanwhile) {
  file("base/5/1");
  file("base/5/2");
  directory("base/7");
  auto data = MUST(DataDirectory::open(root()));
  std::vector<std::string> paths;
  DataDirectory::Visitor visitor;
  visitor.on_entry = [&](const DirectoryEntry& entry) -> Result<void> {
    paths.push_back(entry.path);
    if (entry.path == "base/5/1") {
      unlink((root() + "/base/5/2").c_str());
      MUST(remove_tree(root() + "/base/7"));
      MUST(remove_tree(root() + "/pg_xact"));
    }
    return {};
  };
  ASSERT_OK(data.walk(visitor));
  EXPECT_THAT(paths, Not(Contains("base/5/2")));
  EXPECT_THAT(paths, Not(Contains("base/7")));
  EXPECT_THAT(paths, Not(Contains("pg_xact")));
  EXPECT_THAT(paths, Contains("pg_tblspc"));
}

TEST_F(DataDirectoryWalk, StopsAtTheVisitorsError) {
  auto data = MUST(DataDirectory::open(root()));
  DataDirectory::Visitor visitor;
  visitor.on_entry = [](const DirectoryEntry&) -> Result<void> { return Error(ErrorKind::exhausted, "full"); };
  EXPECT_KIND(data.walk(visitor), ErrorKind::exhausted);
}

TEST_F(DataDirectoryWalk, ReportsRolesAndStatus) {
  file("base/5/16384.2", "12345");
  auto data = MUST(DataDirectory::open(root()));
  DataDirectory::Visitor visitor;
  bool seen = false;
  visitor.on_entry = [&](const DirectoryEntry& entry) -> Result<void> {
    if (entry.path != "base/5/16384.2") return {};
    seen = true;
    EXPECT_EQ(entry.role, FileRole::relation_main);
    EXPECT_EQ(entry.segment, 2u);
    EXPECT_EQ(entry.status.st_size, 5);
    return {};
  };
  ASSERT_OK(data.walk(visitor));
  EXPECT_TRUE(seen);
}

TEST_F(DataDirectoryWalk, OpensOnlyDataDirectories) {
  auto data = MUST(DataDirectory::open(root()));
  EXPECT_EQ(data.major_version(), 15);
  EXPECT_FALSE(data.group_access());
  ASSERT_EQ(chmod(root().c_str(), 0750), 0);
  EXPECT_TRUE(MUST(DataDirectory::open(root())).group_access());
  for (mode_t with_set_group_id : {02700u, 02750u}) {
    ASSERT_EQ(chmod(root().c_str(), with_set_group_id), 0);
    EXPECT_EQ(MUST(DataDirectory::open(root())).group_access(), with_set_group_id == 02750u);
  }
  ASSERT_EQ(chmod(root().c_str(), 0755), 0);
  EXPECT_KIND(DataDirectory::open(root()), ErrorKind::refused);
  ASSERT_EQ(chmod(root().c_str(), 0700), 0);
  file("PG_VERSION", "12\n");
  EXPECT_KIND(DataDirectory::open(root()), ErrorKind::unsupported);
  file("PG_VERSION", "fifteen\n");
  EXPECT_KIND(DataDirectory::open(root()), ErrorKind::refused);
  unlink((root() + "/PG_VERSION").c_str());
  EXPECT_KIND(DataDirectory::open(root()), ErrorKind::refused);
  EXPECT_KIND(DataDirectory::open(temporary_.path() + "/nothing"), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::postgres
