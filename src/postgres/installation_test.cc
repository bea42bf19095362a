#include "postgres/installation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::postgres {
namespace {

using ::testing::HasSubstr;

class Installation : public ::testing::Test {
 protected:
  /// A directory with a `postgres` that prints this.
  std::string directory_printing(const std::string& version) {
    MUST(replace_file(directory_.path() + "/postgres", as_bytes("#!/bin/sh\necho '" + version + "'\n"), 0755));
    return directory_.path();
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "bin-"));
};

TEST_F(Installation, IsTheConfiguredDirectoryWhenItsVersionAgrees) {
  auto directory = directory_printing("postgres (PostgreSQL) 17.5 (Debian 17.5-1)");
  EXPECT_EQ(MUST(find_bin_directory(17, directory)), directory);
  auto other = find_bin_directory(15, directory);
  EXPECT_KIND(other, ErrorKind::not_found);
  EXPECT_THAT(other.error().message(), HasSubstr("PostgreSQL 17, needed is 15"));
  EXPECT_THAT(other.error().hint(), HasSubstr("postgresql-15"));
}

TEST_F(Installation, NamesWhatIsWrongWithTheConfiguredDirectory) {
  EXPECT_KIND(find_bin_directory(15, directory_.path()), ErrorKind::not_found);
  EXPECT_KIND(find_bin_directory(15, directory_printing("something else 15")), ErrorKind::not_found);
}

TEST_F(Installation, SaysWhereItLookedForAVersionThatIsNotThere) {
  auto missing = find_bin_directory(99, "");
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_THAT(missing.error().message(), HasSubstr("/usr/lib/postgresql/99/bin"));
}

}  // namespace
}  // namespace spendsync::postgres
