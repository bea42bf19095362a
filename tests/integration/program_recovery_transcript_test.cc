// The transcript of a recovery in place, in docs/operations/restore.md and README.md. After a change of what the
// command prints run, as root,
//   SPENDSYNC_UPDATE_GENERATED=1 integration_program_test --gtest_filter='RecoveryTranscript.*'
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "integration/installation.h"
#include "integration/transcript.h"

namespace spendsync::testing {
namespace {

/// The plan's facts and the notes left out: a short page shows the course of it.
std::string without_plan(const std::string& printed) {
  const size_t facts = printed.find('\n') + 1;
  const size_t course = printed.find("saved the old server's");
  const size_t notes = printed.find("  note ");
  if (course == std::string::npos || notes == std::string::npos) return printed;
  return printed.substr(0, facts) + "  ...\n" + printed.substr(course, notes - course) + "  ...\n";
}

class RecoveryTranscript : public ::testing::Test {
 protected:
  RecoveryTranscript()
      : server_(RealServerSettings{.bin_directory = {}, .configuration = {{"fsync", "on"}}}),
        installation_((server_.start(), server_)) {}

  /// A disaster that leaves pg_wal: the newest commits are in it alone.
  void lose_the_database() {
    installation_.configure(fmt::format("files:\n  - {{ name: keys, paths: [{}] }}\n", etc_));
    server_.run({"/bin/sh", "-c", fmt::format("echo secret > {}/api-token", etc_)});
    server_.psql("create table orders as select generate_series(1, 100000) as id");
    installation_.must_run({"backup", "full"});
    server_.psql("insert into orders select generate_series(100001, 101000)");
    server_.stop("immediate");
    server_.run({"/bin/sh", "-c", fmt::format("rm -rf {}/base/* {}/api-token", server_.data_directory(), etc_)});
  }

  /// The paths of a real host for those of the test.
  std::string as_on_a_host(std::string text) const {
    replace_all(text, server_.data_directory(), "/var/lib/postgresql/15/main");
    replace_all(text, installation_.directory() + "/repository", "/var/lib/spendsync/backups");
    replace_all(text, etc_, "/etc/app");
    replace_all(text, server_.bin_directory(), "/usr/lib/postgresql/15/bin");
    replace_all(text, "cluster test", "cluster main");
    return text;
  }

  RealServer server_;
  Installation installation_;
  std::string etc_ = server_.make_directory("etc");
};

TEST_F(RecoveryTranscript, IsWhatTheProgramPrints) {
  if (geteuid() != 0) GTEST_SKIP() << "the page shows it as root";
  lose_the_database();
  const auto output = installation_.run_as_caller({"restore", "--latest", "--in-place", "--yes"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  server_.start();
  EXPECT_EQ(server_.psql("select count(*) from orders"), "101000");
  EXPECT_TRUE(exists(etc_ + "/api-token"));

  const auto printed = as_on_a_host(output.out);
  const auto check = [](const char* path, const std::string& lines) {
    TranscriptPage page(path);
    page.check("in-place", "```console\n$ sudo spendsync-backup restore --latest --in-place --yes\n" + lines + "```\n");
    page.finish();
  };
  check("docs/operations/restore.md", printed);
  check("README.md", without_plan(printed));
}

}  // namespace
}  // namespace spendsync::testing
