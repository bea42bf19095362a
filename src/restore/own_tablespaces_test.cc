#include "restore/own_tablespaces.h"

#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

class OwnTablespace : public ::testing::Test {
 protected:
  OwnTablespace() {
    for (const char* name : {"/copy/pg_tblspc", "/server/pg_tblspc", "/here", "/there"}) {
      MUST(make_directories(directory_.path() + name, 0700));
    }
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  void link(const std::string& from, const std::string& to) const {
    ASSERT_EQ(::symlink(path(to).c_str(), path(from).c_str()), 0);
  }
  Result<bool> is_own(const std::string& location, const OriginalTablespaces& original) const {
    return is_own_tablespace(path("copy"), {16500, path("old"), path(location), true}, original);
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
  OriginalTablespaces elsewhere_{{path("old")}, path("server")};
};

TEST_F(OwnTablespace, IsWhereTheLinkOfItsOidLeads) {
  EXPECT_FALSE(MUST(is_own("here", elsewhere_))) << "no link";
  link("copy/pg_tblspc/16501", "here");
  EXPECT_FALSE(MUST(is_own("here", elsewhere_))) << "the link of another tablespace";
  link("copy/pg_tblspc/16500", "here");
  EXPECT_TRUE(MUST(is_own("here", elsewhere_)));
  EXPECT_TRUE(MUST(is_own("here", {{}, std::nullopt})));
  EXPECT_TRUE(MUST(is_own("here", {{path("old")}, path("nowhere")})));
  EXPECT_FALSE(MUST(is_own("there", elsewhere_)));
  link("way", "here");
  EXPECT_TRUE(MUST(is_own("way", elsewhere_))) << "the same directory by another path";
  EXPECT_FALSE(MUST(is_own("gone", elsewhere_)));
}

TEST_F(OwnTablespace, IsNeverADirectoryInside) {
  MUST(make_directories(path("copy/pg_tblspc/16500"), 0700));
  EXPECT_FALSE(MUST(is_own("copy/pg_tblspc/16500", elsewhere_)));
}

TEST_F(OwnTablespace, IsNeverOneOfTheOriginals) {
  link("copy/pg_tblspc/16500", "here");
  EXPECT_FALSE(MUST(is_own("here", {{path("old"), path("here")}, std::nullopt})));
  link("other-name", "here");
  EXPECT_FALSE(MUST(is_own("here", {{path("other-name")}, std::nullopt})));
  // Moved there, or made, after the backup; whatever its oid.
  link("server/pg_tblspc/17000", "other-name");
  EXPECT_FALSE(MUST(is_own("here", elsewhere_)));
}

TEST_F(OwnTablespace, IsNotKnownWhereTheOriginalsLinksCannotBeFollowed) {
  link("copy/pg_tblspc/16500", "here");
  link("server/pg_tblspc/16500", "server/pg_tblspc/16500");
  EXPECT_FALSE(is_own("here", elsewhere_).has_value());
}

}  // namespace
}  // namespace spendsync::restore
