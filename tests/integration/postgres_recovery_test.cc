// Servers of our own: started, watched, recovered to every kind of target, stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process_identity.h"
#include "base/time.h"
#include "integration/postgres_plain_backup.h"
#include "postgres/recovery_progress.h"
#include "postgres/recovery_settings.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::RealServer;

constexpr seconds kTimeout{120};

Connection connect(const std::string& connection_string) {
  Connection::Settings settings;
  settings.connection_string = connection_string;
  settings.connect_timeout = seconds(60);
  return MUST(Connection::open(std::move(settings)));
}

/// A primary that archives by `cp`, backed up before four committed rows.
class RecoveryFromBackup : public ::testing::Test {
 protected:
  void prepare() {
    testing::RealServerSettings settings;
    settings.configuration = {{"archive_mode", "on"}, {"archive_timeout", "0"}, {"track_commit_timestamp", "on"}};
    primary_ = std::make_unique<RealServer>(settings);
    archive_ = primary_->make_directory("archive");
    auto conf = primary_->data_directory() + "/postgresql.conf";
    auto text = MUST(read_text_file(conf)) + configuration_line("archive_command", "cp %p " + archive_ + "/%f") +
                configuration_line("external_pid_file", primary_->directory() + "/external.pid") +
                configuration_line("data_directory", primary_->data_directory());  // as Debian has it
    MUST(replace_file(conf, as_bytes(text), 0600));
    primary_->start();
    primary_->psql("CREATE TABLE t (id int)");
    primary_->psql("INSERT INTO t VALUES (0)");
    backup_ = take_plain_backup(*primary_, primary_->make_directory("backup"));
    for (int id = 1; id <= 4; ++id) commit_row(id);
    primary_->psql("SELECT pg_create_restore_point('after four')");
    commit_row(5);
    auto newest = primary_->psql("SELECT pg_walfile_name(pg_switch_wal())");
    SystemClock clock;
    while (primary_->psql("SELECT last_archived_wal >= '" + newest + "' FROM pg_stat_archiver") != "t") {
      MUST(clock.sleep_for(std::chrono::milliseconds(50), {}));
    }
  }

  void commit_row(int id) {
    auto xid = primary_->psql("WITH i AS (INSERT INTO t VALUES (" + std::to_string(id) +
                              ") RETURNING 1) SELECT pg_current_xact_id() FROM i");
    xids_.push_back(xid);
    times_.push_back(
        MUST(parse_rfc3339(primary_->psql("SET TimeZone = 'UTC'; SELECT pg_xact_commit_timestamp('" + xid + "')"))));
    ends_.push_back(MUST(Lsn::parse(primary_->psql("SELECT pg_current_wal_insert_lsn()"))));
  }

  ServerProcess::Settings restore(const std::string& name, const RecoveryTarget& target) {
    auto directory = primary_->directory() + "/" + name;
    primary_->run({"/bin/cp", "-a", backup_.directory, directory});
    MUST(rewrite_auto_conf(directory, recovery_settings(target, "cp " + archive_ + "/%f %p")));
    MUST(replace_file(directory + "/recovery.signal", {}, 0600));
    ServerProcess::Settings settings;
    settings.bin_directory = primary_->bin_directory();
    settings.data_directory = directory;
    settings.socket_directory = primary_->directory() + "/s";
    settings.log_file = primary_->directory() + "/" + name + ".log";
    settings.settings = {{"archive_mode", "off"}};
    return settings;
  }

  struct Recovered {
    std::string rows;
    RecoveryOutcome outcome;
    RecoveryProgress progress;
  };
  Recovered recover(const std::string& name, const RecoveryTarget& target) {
    auto settings = restore(name, target);
    auto server = MUST(ServerProcess::start(settings));
    MUST(server.wait_until_ready(kTimeout, {}));
    EXPECT_TRUE(MUST(is_running(settings.data_directory)));
    auto connection = connect(server.connection_string("postgres", "postgres"));
    Recovered result;
    SystemClock clock;
    while (true) {
      result.progress = MUST(read_recovery_progress(connection));
      if (!result.progress.in_recovery) break;
      MUST(clock.sleep_for(std::chrono::milliseconds(50), {}));
    }
    result.rows = MUST(connection.query_value("SELECT string_agg(id::text, ',' ORDER BY id) FROM public.t"));
    EXPECT_EQ(MUST(connection.query_value("SHOW data_directory")), settings.data_directory);
    EXPECT_OK(server.stop(ServerProcess::StopMode::fast, kTimeout));
    EXPECT_FALSE(MUST(is_running(settings.data_directory)));
    EXPECT_FALSE(exists(settings.data_directory + "/recovery.signal"));
    result.outcome = parse_recovery_log(MUST(server.log()));
    EXPECT_TRUE(result.outcome.complete);
    EXPECT_EQ(result.progress.timeline.value, 2u);
    EXPECT_EQ(result.outcome.new_timeline, TimelineId{2});
    EXPECT_EQ(result.outcome.redo_start, backup_.stopped.start.lsn);
    EXPECT_TRUE(result.outcome.consistent.has_value());
    return result;
  }

  RecoveryTarget target(RecoveryTarget::Kind kind) const {
    RecoveryTarget target;
    target.kind = kind;
    target.timeline = {1};
    return target;
  }

  std::unique_ptr<RealServer> primary_;
  std::string archive_;
  PlainBackup backup_;
  std::vector<std::string> xids_;  // of rows 1 to 5, by index 0 to 4
  std::vector<Timestamp> times_;
  std::vector<Lsn> ends_;
};

TEST_F(RecoveryFromBackup, StopsWhereEveryKindOfTargetSays) {
  if (testing::ran_as_server_user()) return;
  prepare();
  auto external_pid = MUST(read_text_file(primary_->directory() + "/external.pid"));

  auto by_time = target(RecoveryTarget::Kind::time);
  by_time.time = times_[2];
  auto at_time = recover("time", by_time);
  EXPECT_EQ(at_time.rows, "0,1,2,3");
  EXPECT_EQ(at_time.outcome.stop, RecoveryOutcome::Stop::before_transaction);
  EXPECT_TRUE(at_time.outcome.stop_at_commit);
  EXPECT_EQ(std::to_string(at_time.outcome.transaction), xids_[3]);
  EXPECT_EQ(at_time.outcome.stop_time, times_[3]);
  EXPECT_EQ(at_time.outcome.last_transaction, times_[2]);
  EXPECT_EQ(at_time.progress.last_commit, times_[2]);

  by_time.inclusive = false;
  EXPECT_EQ(recover("before-time", by_time).rows, "0,1,2");

  auto by_transaction = target(RecoveryTarget::Kind::transaction);
  by_transaction.transaction = xids_[1];
  auto at_transaction = recover("xid", by_transaction);
  EXPECT_EQ(at_transaction.rows, "0,1,2");
  EXPECT_EQ(at_transaction.outcome.stop, RecoveryOutcome::Stop::after_transaction);
  EXPECT_EQ(std::to_string(at_transaction.outcome.transaction), xids_[1]);
  EXPECT_EQ(at_transaction.outcome.stop_time, times_[1]);

  auto by_lsn = target(RecoveryTarget::Kind::lsn);
  by_lsn.lsn = ends_[1];
  auto at_lsn = recover("lsn", by_lsn);
  EXPECT_EQ(at_lsn.rows, "0,1,2");
  EXPECT_EQ(at_lsn.outcome.stop, RecoveryOutcome::Stop::after_lsn);
  ASSERT_TRUE(at_lsn.outcome.stop_lsn.has_value());
  EXPECT_GE(*at_lsn.outcome.stop_lsn, ends_[1]);
  by_lsn.inclusive = false;
  EXPECT_EQ(recover("before-lsn", by_lsn).outcome.stop, RecoveryOutcome::Stop::before_lsn);

  auto by_name = target(RecoveryTarget::Kind::name);
  by_name.name = "after four";
  auto at_name = recover("name", by_name);
  EXPECT_EQ(at_name.rows, "0,1,2,3,4");
  EXPECT_EQ(at_name.outcome.stop, RecoveryOutcome::Stop::restore_point);
  EXPECT_EQ(at_name.outcome.restore_point, "after four");

  auto immediate = recover("immediate", target(RecoveryTarget::Kind::immediate));
  EXPECT_EQ(immediate.rows, "0");
  EXPECT_EQ(immediate.outcome.stop, RecoveryOutcome::Stop::consistency);

  auto end = recover("end", target(RecoveryTarget::Kind::end_of_wal));
  EXPECT_EQ(end.rows, "0,1,2,3,4,5");
  EXPECT_EQ(end.outcome.stop, RecoveryOutcome::Stop::none);
  EXPECT_EQ(end.outcome.last_transaction, times_[4]);
  EXPECT_TRUE(end.outcome.redo_done.has_value());

  EXPECT_EQ(primary_->psql("SELECT count(*) FROM t"), "6") << "the primary ran on all the while";
  EXPECT_EQ(MUST(read_text_file(primary_->directory() + "/external.pid")), external_pid);
}

TEST_F(RecoveryFromBackup, TellsWhyItCouldNotReachItsTarget) {
  if (testing::ran_as_server_user()) return;
  prepare();
  auto by_time = target(RecoveryTarget::Kind::time);
  by_time.time = times_[4] + seconds(3600);
  auto settings = restore("future", by_time);
  auto server = MUST(ServerProcess::start(settings));
  auto waited = server.wait_until_ready(kTimeout, {});
  if (waited) {  // it was consistent, and so answering, before it found the end
    SystemClock clock;
    while (!server.poll()) MUST(clock.sleep_for(std::chrono::milliseconds(50), {}));
    waited = server.wait_until_ready(kTimeout, {});
  }
  EXPECT_KIND(waited, ErrorKind::internal);
  EXPECT_THAT(waited.error().message(), HasSubstr("recovery ended before configured recovery target was reached"));
  auto outcome = parse_recovery_log(MUST(server.log()));
  EXPECT_TRUE(outcome.target_not_reached);
  EXPECT_FALSE(outcome.complete);
  EXPECT_EQ(outcome.last_transaction, times_[4]) << "the nearest moment that can be reached";
}

// ---- servers ----

class OwnServer : public ::testing::Test {
 protected:
  void prepare() {
    directory_ = std::make_unique<TemporaryDirectory>(MUST(TemporaryDirectory::create("/tmp", "own-")));
    NewClusterSettings cluster;
    cluster.bin_directory = testing::client_directory();
    cluster.data_directory = directory_->path() + "/data";
    cluster.superuser = MUST(find_user(geteuid())).name;
    cluster.wal_segment_size_mib = 1;
    MUST(create_cluster(cluster, {}));
    settings_.bin_directory = cluster.bin_directory;
    settings_.data_directory = cluster.data_directory;
    settings_.socket_directory = directory_->path() + "/s";
    settings_.log_file = directory_->path() + "/log";
    settings_.settings = {{"fsync", "off"}};
  }
  std::unique_ptr<TemporaryDirectory> directory_;
  ServerProcess::Settings settings_;
};

TEST_F(OwnServer, IsMadeStartedAskedAndStopped) {
  if (testing::ran_as_server_user()) return;
  prepare();
  EXPECT_FALSE(MUST(is_running(settings_.data_directory)));
  int waits = 0;
  {
    auto server = MUST(ServerProcess::start(settings_));
    MUST(server.wait_until_ready(kTimeout, {}, [&] { ++waits; }));
    auto connection = connect(server.connection_string());
    auto info = MUST(read_server_info(connection));
    EXPECT_TRUE(info.data_checksums);
    EXPECT_EQ(info.wal_segment_size, 1u << 20);
    EXPECT_EQ(info.data_directory, settings_.data_directory);
    EXPECT_EQ(MUST(connection.query_value("SHOW listen_addresses")), "");
    struct stat status {};
    ASSERT_EQ(stat(settings_.socket_directory.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    EXPECT_KIND(ServerProcess::start(settings_), ErrorKind::conflict);
    EXPECT_TRUE(MUST(is_running(settings_.data_directory)));
    EXPECT_EQ(server.poll(), std::nullopt);
    EXPECT_OK(server.stop(ServerProcess::StopMode::fast, kTimeout));
    EXPECT_EQ(server.poll(), 0);
    EXPECT_OK(server.stop(ServerProcess::StopMode::fast, kTimeout));
    EXPECT_FALSE(MUST(is_running(settings_.data_directory)));
  }
  {
    auto server = MUST(ServerProcess::start(settings_));
    MUST(server.wait_until_ready(kTimeout, {}));
  }
  EXPECT_FALSE(MUST(is_running(settings_.data_directory))) << "the destructor stops it";
}

TEST_F(OwnServer, QuotesTheLogWhenItDoesNotStart) {
  if (testing::ran_as_server_user()) return;
  prepare();
  settings_.settings["shared_buffers"] = "nonsense";
  auto server = MUST(ServerProcess::start(settings_));
  auto waited = server.wait_until_ready(kTimeout, {});
  EXPECT_KIND(waited, ErrorKind::internal);
  EXPECT_THAT(waited.error().message(), HasSubstr("shared_buffers"));
  EXPECT_THAT(waited.error().hint(), HasSubstr(settings_.log_file));
}

TEST_F(OwnServer, StopsWaitingWhenAsked) {
  if (testing::ran_as_server_user()) return;
  prepare();
  auto server = MUST(ServerProcess::start(settings_));
  std::stop_source source;
  source.request_stop();
  auto waited = server.wait_until_ready(kTimeout, source.get_token());
  EXPECT_KIND(waited, ErrorKind::cancelled);
}

TEST_F(OwnServer, RunsOnWhenReleased) {
  if (testing::ran_as_server_user()) return;
  prepare();
  pid_t pid = 0;
  {
    auto server = MUST(ServerProcess::start(settings_));
    MUST(server.wait_until_ready(kTimeout, {}));
    pid = server.pid();
    server.release();
  }
  EXPECT_TRUE(MUST(is_running(settings_.data_directory)));
  kill(pid, SIGQUIT);
  SystemClock clock;
  while (MUST(is_running(settings_.data_directory))) MUST(clock.sleep_for(std::chrono::milliseconds(50), {}));
}

TEST_F(OwnServer, CountsAsRunningWhileABackendOutlivesItsPostmaster) {
  if (testing::ran_as_server_user()) return;
  prepare();
  auto server = MUST(ServerProcess::start(settings_));
  MUST(server.wait_until_ready(kTimeout, {}));
  auto connection = connect(server.connection_string());
  auto backend = static_cast<pid_t>(std::stoi(MUST(connection.query_value("SELECT pg_backend_pid()"))));
  ASSERT_EQ(kill(backend, SIGSTOP), 0);
  ASSERT_EQ(kill(server.pid(), SIGKILL), 0);
  SystemClock clock;
  while (!server.poll()) MUST(clock.sleep_for(std::chrono::milliseconds(20), {}));
  EXPECT_TRUE(MUST(is_running(settings_.data_directory)));
  ASSERT_EQ(kill(backend, SIGKILL), 0);
  for (int i = 0; i < 1000 && MUST(is_running(settings_.data_directory)); ++i) {
    MUST(clock.sleep_for(std::chrono::milliseconds(20), {}));
  }
  EXPECT_FALSE(MUST(is_running(settings_.data_directory)));
  EXPECT_TRUE(exists(settings_.data_directory + "/postmaster.pid")) << "stale, and told so";
}

TEST(OwnServerAsRoot, IsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root is refused";
  ServerProcess::Settings settings;
  settings.data_directory = "/nonexistent";
  auto refused = ServerProcess::start(settings);
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_THAT(refused.error().hint(), HasSubstr("owner of the data directory"));
}

}  // namespace
}  // namespace spendsync::postgres
