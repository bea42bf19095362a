// The first command of all that writes is archive_command, while the server shuts down and answers nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class FirstPush : public ::testing::Test {
 protected:
  // Kept over the shutdown, which removes what no archive_command waits for.
  FirstPush()
      : server_(RealServerSettings{.bin_directory = {}, .configuration = {{"wal_keep_size", "1GB"}}}),
        installation_((server_.start(), server_)) {
    segment_ = server_.psql("create table t (id int); select pg_walfile_name(pg_switch_wal())");
    server_.stop();
  }
  CommandOutput push_in(const RealServer& server) const {
    auto command = installation_.command({"wal", "push", server_.data_directory() + "/pg_wal/" + segment_});
    command.working_directory = server.data_directory();
    return MUST(run_command(command, {}, std::chrono::seconds(120)));
  }

  RealServer server_;
  Installation installation_;
  std::string segment_;
};

TEST_F(FirstPush, NeedsNoServerInTheDataDirectory) {
  const auto pushed = push_in(server_);
  EXPECT_EQ(pushed.exit_status, 0) << pushed.err;
  // What was recorded is what the server says of itself: a backup goes on in that repository.
  server_.start();
  installation_.must_run({"backup", "full"});
  installation_.must_run({"verify", "--all"});
}

TEST_F(FirstPush, BelievesNoOtherServersDataDirectory) {
  RealServer other;
  const auto pushed = push_in(other);
  EXPECT_NE(pushed.exit_status, 0);
  EXPECT_THAT(pushed.err, HasSubstr("SSB-1301"));
  server_.start();
  installation_.must_run({"wal", "push", server_.data_directory() + "/pg_wal/" + segment_});
}

}  // namespace
}  // namespace spendsync::testing
