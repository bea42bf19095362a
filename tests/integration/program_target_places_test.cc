// Nothing that restores writes into a repository or into a server's files, whatever the option is called.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class ProgramTargetPlaces : public ::testing::Test {
 protected:
  ProgramTargetPlaces() : installation_((server_.start(), server_)) {
    server_.psql("create tablespace fast location '" + fast_ + "'");
    server_.psql("create table t tablespace fast as select generate_series(1, 2000) as n");
    installation_.must_run({"backup", "full"});
  }
  std::string below(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string today() const { return TimeZone::utc().day_of(SystemClock().now()); }
  std::string listing() const {
    return server_.run(
        {"/usr/bin/find", installation_.repository_path(), server_.data_directory(), fast_, "-type", "d"});
  }
  void expect_refused(std::vector<std::string> words, const std::string& why) const {
    SCOPED_TRACE(fmt::format("{}", words.back()));
    const auto before = listing();
    const auto output = installation_.run(words);
    EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
    EXPECT_THAT(output.err, HasSubstr(why));
    EXPECT_EQ(listing(), before);
  }

  RealServer server_;
  std::string fast_ = server_.make_directory("fast");
  Installation installation_;
};

TEST_F(ProgramTargetPlaces, AreNeverInTheRepositoryNorInAServersFiles) {
  server_.run({"/bin/ln", "-s", installation_.repository_path(), below("way")});
  const std::vector<std::pair<std::string, std::string>> places{
      {installation_.repository_path() + "/new", "lies in the repository"},
      {below("way") + "/new", "lies in the repository"},
      {server_.data_directory() + "/new", "is a data directory of PostgreSQL"},
      {fast_ + "/new", "a tablespace of PostgreSQL has its files"}};
  for (const auto& [place, why] : places) {
    expect_refused({"restore", "full", today(), "--no-start", "--target", place}, why);
    expect_refused(
        {"restore", "full", today(), "--no-start", "--target", below("copy"), "--tablespace", fast_ + "=" + place},
        why);
    expect_refused({"export", "full", today(), "--format", "directory", "--output", place}, why);
    expect_refused({"export", "full", today(), "--format", "tar", "--output", place}, why);
    expect_refused(
        {"export", "full", today(), "--format", "tar", "--output", below("x.tar"), "--work-directory", place}, why);
    expect_refused({"verify", "full", today(), "--restore", "--work-directory", place}, why);
  }
}

TEST_F(ProgramTargetPlaces, NeverHoldTheRepository) {
  installation_.must_run({"restore", "full", today(), "--no-start", "--target", below("copy")});
  const auto repository = installation_.repository_path();
  server_.run({"/bin/mv", repository, below("copy") + "/repository"});
  installation_.reconfigure(repository, below("copy") + "/repository");
  const auto output =
      installation_.run({"restore", "full", today(), "--no-start", "--delta", "--target", below("copy")});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("holds the repository"));
  EXPECT_TRUE(exists(below("copy") + "/global/pg_control"));
}

}  // namespace
}  // namespace spendsync::testing
