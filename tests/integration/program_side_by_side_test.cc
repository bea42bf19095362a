// Runs of this program that meet at one slot, and a slot that points behind timeline switches.
#include <gmock/gmock.h>

#include "base/clock.h"
#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class SideBySide : public ::testing::Test {
 protected:
  SideBySide() : installation_((server_.start(), server_)) {}

  bool slot_is_active() const {
    return server_.psql("select coalesce(bool_or(active), false) from pg_replication_slots") == "t";
  }
  void wait_until_slot_is_active(ChildProcess& run) const {
    SystemClock clock;
    while (!slot_is_active()) {
      ASSERT_FALSE(run.poll()) << "it ended before it had streamed anything";
      MUST(clock.sleep_for(std::chrono::milliseconds(20), {}));
    }
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(SideBySide, AFullWaitsForALogBackupThatIsSlowButGetsOn) {
  installation_.must_run({"backup", "full"});
  server_.psql("create table noise (bytes bytea)");
  server_.psql("alter table noise alter bytes set storage external");
  server_.psql(
      "insert into noise select decode(string_agg(md5(random()::text || h), ''), 'hex') from generate_series(1, 2000)"
      " g, generate_series(1, 1000) h group by g");
  // More than `busy_timeout` (5 s), which is for a holder that is not ours.
  auto command = installation_.command({"backup", "transaction_logs", "--throttle", "4 MiB/s"});
  command.output_file = installation_.directory() + "/logs.log";
  auto logs = MUST(ChildProcess::start(command));
  wait_until_slot_is_active(logs);
  const auto full = installation_.run({"backup", "full"});
  EXPECT_EQ(full.exit_status, 0) << full.out << full.err;
  EXPECT_THAT(full.out + full.err, HasSubstr("another run of this program streams from slot"));
  EXPECT_EQ(MUST(logs.wait({}, std::chrono::seconds(120))), 0) << MUST(read_text_file(command.output_file));
  const auto list = installation_.must_summarize({"list"});
  EXPECT_EQ(MUST(list.array_of("backups"))->size(), 3u);
}

TEST_F(SideBySide, SeveralTimelinesInOneSegmentDoNotStopBackups) {
  installation_.must_run({"backup", "full"});
  server_.psql("create table kept as select 1 as n");
  installation_.must_run({"backup", "transaction_logs"});
  server_.stop();
  for (int i = 0; i < 4; ++i) installation_.must_run({"restore", "--latest", "--in-place", "--yes"});
  server_.start();
  EXPECT_EQ(server_.psql("select timeline_id from pg_control_checkpoint()"), "5");
  const auto logs = installation_.run({"backup", "transaction_logs"});
  EXPECT_EQ(logs.exit_status, 0) << logs.out << logs.err;
  const auto full = installation_.run({"backup", "full"});
  EXPECT_EQ(full.exit_status, 0) << full.out << full.err;
  server_.psql("insert into kept values (2)");
  installation_.must_run({"backup", "incremental"});
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "--latest", "--target", installation_.directory() + "/restored"});
}

}  // namespace
}  // namespace spendsync::testing
