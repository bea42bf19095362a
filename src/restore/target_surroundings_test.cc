#include "restore/target_surroundings.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

class SurroundingsTest : public ::testing::Test {
 protected:
  SurroundingsTest() {
    for (const char* name : {"/repository/cluster", "/free", "/data/global", "/data/pg_wal", "/fast/PG_15_202209061/5"})
      MUST(make_directories(directory_.path() + name, 0700));
    MUST(replace_file(path("data/PG_VERSION"), as_bytes("15\n"), 0600));
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  Result<void> check(const std::string& place) const { return check_surroundings(path(place), path("repository")); }
  void expect_refused(const std::string& place, const std::string& why) const {
    SCOPED_TRACE(place);
    auto checked = check(place);
    EXPECT_KIND(checked, ErrorKind::refused);
    if (checked) return;
    EXPECT_THAT(checked.error().message(), HasSubstr(why));
    EXPECT_FALSE(exists(path(place) + "/new"));
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "around-"));
};

TEST_F(SurroundingsTest, AnyOtherPlaceIsFree) {
  for (const char* place : {"free", "free/new", "not/there/yet", "repository-copy", "data.copy", "fast-copy"}) {
    EXPECT_OK(check(place));
  }
  EXPECT_OK(check("data"));  // a data directory itself is judged by who would rewrite it
  EXPECT_OK(check_surroundings(path("free"), path("no-repository")));
  EXPECT_OK(check_surroundings(path("free"), "s3://bucket/prefix"));
}

TEST_F(SurroundingsTest, NothingIsWrittenIntoTheRepository) {
  for (const char* place : {"repository", "repository/new", "repository/cluster", "repository/cluster/not/there"}) {
    expect_refused(place, "lies in the repository");
  }
}

TEST_F(SurroundingsTest, NothingIsWrittenIntoADataDirectoryOrATablespace) {
  expect_refused("data/copy", "is a data directory of PostgreSQL");
  expect_refused("data/pg_wal", "is a data directory of PostgreSQL");
  expect_refused("data/pg_wal/not/there", "is a data directory of PostgreSQL");
  expect_refused("fast/copy", "where a tablespace of PostgreSQL has its files");
  expect_refused("fast/PG_15_202209061/5", "where a tablespace of PostgreSQL has its files");
}

TEST_F(SurroundingsTest, LinksHideNothing) {
  for (const char* name : {"repository", "data", "fast"}) {
    ASSERT_EQ(::symlink(path(name).c_str(), path(std::string("to-") + name).c_str()), 0);
  }
  expect_refused("to-repository/new", "lies in the repository");
  expect_refused("to-data/pg_wal/new", "is a data directory of PostgreSQL");
  expect_refused("to-fast/new", "where a tablespace of PostgreSQL has its files");
  auto linked = check_surroundings(path("repository/new"), path("to-repository"));
  EXPECT_KIND(linked, ErrorKind::refused);
}

TEST_F(SurroundingsTest, BindMountsHideNothing) {
  MUST(make_directories(path("mounted"), 0700));
  if (::mount(path("repository").c_str(), path("mounted").c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "only root can mount";
  }
  expect_refused("mounted/new", "lies in the repository");
  auto holds = check_surroundings(path("repository"), path("mounted/cluster"));
  EXPECT_KIND(holds, ErrorKind::refused);
  ASSERT_EQ(::umount2(path("mounted").c_str(), MNT_DETACH), 0);
}

TEST_F(SurroundingsTest, WhatHoldsTheRepositoryIsNoTarget) {
  auto checked = check_surroundings(path("data"), path("data/pg_wal"));
  EXPECT_KIND(checked, ErrorKind::refused);
  if (checked) return;
  EXPECT_THAT(checked.error().message(), HasSubstr("holds the repository"));
  ASSERT_EQ(::symlink(path("data").c_str(), path("way").c_str()), 0);
  EXPECT_KIND(check_surroundings(path("data"), path("way/pg_wal")), ErrorKind::refused);
}

}  // namespace
}  // namespace spendsync::restore
