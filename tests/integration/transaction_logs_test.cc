// Transaction-log backups of a real server: the slot, the proof that nothing is missing, and what happens when it is.
#include "backup/transaction_logs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

#include "base/testing.h"
#include "base/time.h"
#include "base/worker_group.h"
#include "crypto/key_file_wrapper.h"
#include "integration/real_server.h"
#include "postgres/wal/receiver.h"
#include "repository/backup_run.h"
#include "repository/catalog.h"
#include "storage/directory/directory_store.h"
#include "wal/push.h"
#include "wal/range.h"

namespace spendsync::backup {
namespace {

using spendsync::testing::RealServer;
using spendsync::testing::RealServerSettings;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr uint32_t kSegmentSize = 1u << 20;
constexpr const char* kSlot = "spendsync_backup_test";

class TransactionLogs : public ::testing::Test {
 protected:
  void begin(std::map<std::string, std::string> configuration = {}) {
    RealServerSettings settings;
    settings.wal_segment_size_mib = 1;
    settings.configuration = {{"track_commit_timestamp", "on"},
                              {"wal_keep_size", "1GB"},
                              {"max_wal_size", "64MB"},
                              {"max_slot_wal_keep_size", "512MB"}};
    for (auto& [name, value] : configuration) settings.configuration[name] = value;
    server_ = std::make_unique<RealServer>(settings);
    server_->start();
    server_->psql("CREATE TABLE ledger (id int)");
    open_repository();
  }

  void open_repository() {
    EXPECT_OK(replace_file(directory_.path() + "/key", Bytes(32, std::byte{9}), 0600));
    wrapper_ = MUST(crypto::KeyFileWrapper::open(directory_.path() + "/key", random_, clock_));
    store_ = MUST(storage::DirectoryStore::open({directory_.path() + "/repository", true}));
    auto control = connect();
    auto server = MUST(postgres::read_server_info(control));
    repository::ClusterIdentity identity{
        "test",           server.system_identifier, server.version / 10000,      server.catalog_version,
        server.page_size, server.wal_segment_size,  server.relation_segment_size};
    repository_ = MUST(repository::Repository::open_for_writing({"test", ""}, identity,
                                                                {*store_, {wrapper_.get()}, random_, clock_, log_}));
    archive_ = std::make_unique<repository::WalArchive>(*repository_, repository::WalArchive::Settings{});
  }

  postgres::Connection::Settings connection_settings() const {
    postgres::Connection::Settings settings;
    settings.connection_string = server_->connection_string();
    return settings;
  }
  postgres::Connection connect() const { return MUST(postgres::Connection::open(connection_settings())); }

  TransactionLogBackup::Settings settings() const {
    TransactionLogBackup::Settings settings;
    settings.connection = connection_settings();
    settings.slot = kSlot;
    settings.host = "test";
    settings.tool_version = "0";
    settings.delivery_timeout = std::chrono::seconds(2);
    settings.busy_timeout = std::chrono::seconds(1);
    return settings;
  }
  Result<TransactionLogBackup::Outcome> try_run(std::stop_token stop = {}) {
    return TransactionLogBackup(settings(), {*repository_, *archive_, clock_, log_, progress_}).run(stop);
  }
  TransactionLogBackup::Outcome run() { return MUST(try_run()); }

  /// Commits a row; its commit time as the server knows it.
  Timestamp insert(int id) {
    server_->psql(fmt::format("INSERT INTO ledger VALUES ({})", id));
    return MUST(parse_rfc3339(server_->psql(fmt::format(
        "SELECT to_char(pg_xact_commit_timestamp(xmin) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        " FROM ledger WHERE id = {}",
        id))));
  }
  void write_wal(int megabytes) {
    for (int i = 0; i < megabytes; ++i) {
      server_->psql("SELECT pg_logical_emit_message(true, 'x', repeat('y', 900000)); SELECT pg_switch_wal()");
    }
  }
  Bytes wal_file(const std::string& name) const {
    return MUST(read_file(server_->data_directory() + "/pg_wal/" + name));
  }

  /// Every segment of the ranges is in the repository and is what the server wrote.
  void expect_stored(const std::vector<repository::WalRange>& ranges) {
    for (const SegmentRun& run : wal::segments_of(ranges, kSegmentSize)) {
      for (SegmentName name = run.first; name.number <= run.last.number; ++name.number) {
        EXPECT_EQ(MUST(archive_->get_segment(name)), wal_file(name.file_name(kSegmentSize))) << name.number;
      }
    }
  }
  std::optional<postgres::SlotState> slot() {
    auto control = connect();
    return MUST(postgres::find_slot(control, kSlot));
  }
  void promote_after_recovery() {
    server_->psql("ALTER SYSTEM SET restore_command = '/bin/false'");
    server_->stop();
    server_->run({"/usr/bin/touch", server_->data_directory() + "/recovery.signal"});
    server_->start();
    while (server_->psql("SELECT pg_is_in_recovery()") == "t") std::this_thread::yield();
  }

  std::unique_ptr<RealServer> server_;
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-logs"));
  SystemClock clock_;
  SystemRandom random_;
  Log log_{{LogLevel::error, Log::Format::console, 2}, clock_};
  SilentProgress progress_;
  std::unique_ptr<crypto::KeyFileWrapper> wrapper_;
  std::unique_ptr<storage::ObjectStore> store_;
  std::unique_ptr<repository::Repository> repository_;
  std::unique_ptr<repository::WalArchive> archive_;
};

TEST_F(TransactionLogs, EachRunGoesOnWhereTheLastOneEnded) {
  begin();
  insert(1);
  auto first = run();
  EXPECT_THAT(first.notices, Contains(AllOf(HasSubstr(kSlot), HasSubstr("drop"), HasSubstr("wal_level = minimal"))));
  ASSERT_EQ(first.record.ranges.size(), 1u);

  Timestamp first_time = insert(2);
  write_wal(3);
  Timestamp last_time = insert(3);
  auto second = run();
  EXPECT_TRUE(second.notices.empty());
  EXPECT_EQ(second.record.ranges[0].from, first.record.ranges[0].to);
  EXPECT_EQ(second.path, wal::DeliveryPath::streamed);
  EXPECT_GE(second.record.segments, 4u);
  EXPECT_EQ(second.segments_stored + 1, second.record.segments);  // it begins inside the last segment of the first
  ASSERT_TRUE(second.record.first_commit && second.record.last_commit);
  EXPECT_EQ(second.record.first_commit->time, first_time);
  EXPECT_EQ(second.record.last_commit->time, last_time);
  EXPECT_GE(second.record.covered_until, last_time);
  EXPECT_FALSE(second.record.gap);
  EXPECT_FALSE(second.needs_full);
  EXPECT_THAT(second.record.slot_state, HasSubstr("reserved"));
  expect_stored(second.record.ranges);
  auto stored = MUST(repository::get_log_record(*repository_, second.label));
  EXPECT_EQ(stored.ranges, second.record.ranges);
  EXPECT_EQ(stored.last_commit, second.record.last_commit);
}

TEST_F(TransactionLogs, AnIdleServerIsCoveredWithoutNewSegments) {
  begin();
  insert(1);
  run();
  run();  // what background processes may have written since
  auto idle = run();
  Lsn before{idle.record.ranges.back().to};
  auto again = run();
  EXPECT_EQ(again.record.ranges.back().to, before);
  EXPECT_EQ(again.record.ranges.back().from, before);
  EXPECT_EQ(again.segments_stored, 0u);
  EXPECT_GT(again.record.covered_until, idle.record.covered_until);
  EXPECT_FALSE(again.record.last_commit);
}

TEST_F(TransactionLogs, KeepsUpWithPgbench) {
  begin();
  server_->pgbench({"-i", "-q", "-s", "2"});
  run();
  std::jthread load([&] { server_->pgbench({"-c", "4", "-j", "2", "-T", "6"}); });
  std::vector<TransactionLogBackup::Outcome> outcomes;
  for (int i = 0; i < 3; ++i) outcomes.push_back(run());
  load.join();
  Timestamp last = insert(1);
  outcomes.push_back(run());
  for (size_t i = 1; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].record.ranges.front().from, outcomes[i - 1].record.ranges.back().to);
  }
  for (const auto& outcome : outcomes) expect_stored(outcome.record.ranges);
  EXPECT_EQ(outcomes.back().record.last_commit->time, last);
  EXPECT_GE(slot()->restart_lsn->value + kSegmentSize, outcomes.back().record.ranges.back().to.value);
}

TEST_F(TransactionLogs, CrossesAPromotion) {
  begin();
  insert(1);
  auto before = run();
  Timestamp on_the_old = insert(2);
  promote_after_recovery();
  Timestamp on_the_new = insert(3);
  auto after = run();
  ASSERT_EQ(after.record.ranges.size(), 2u);
  EXPECT_EQ(after.record.ranges[0].timeline, TimelineId{1});
  EXPECT_EQ(after.record.ranges[0].from, before.record.ranges[0].to);
  EXPECT_EQ(after.record.ranges[1].timeline, TimelineId{2});
  EXPECT_EQ(after.record.ranges[0].to, after.record.ranges[1].from);
  EXPECT_EQ(after.record.first_commit->time, on_the_old);
  EXPECT_EQ(after.record.last_commit->time, on_the_new);
  EXPECT_FALSE(after.record.gap);
  EXPECT_EQ(MUST(archive_->get_history(TimelineId{2})), as_text(wal_file("00000002.history")));
  insert(4);
  EXPECT_EQ(run().record.ranges.size(), 1u);
}

/// Recovery of a cold copy towards the newest timeline, up to a restore point before that timeline began. PostgreSQL
/// writes a history whose switch points do not ascend, in one segment or several apart.
class ForkBeforeTheParentBegan : public TransactionLogs {
 protected:
  std::string path(const std::string& name) const { return server_->directory() + "/" + name; }
  void make_cold_copy() {
    server_->stop();
    server_->run({"/bin/cp", "-a", server_->data_directory(), path("cold")});
    server_->start();
  }
  /// The cold copy in the server's place, recovered with the WAL in a directory.
  void recover(const std::string& wal, const std::string& target) {
    server_->run({"/bin/rm", "-rf", server_->data_directory()});
    server_->run({"/bin/cp", "-a", path("cold"), server_->data_directory()});
    server_->run({"/usr/bin/touch", server_->data_directory() + "/recovery.signal"});
    server_->run({"/bin/sh", "-c",
                  fmt::format("printf '%s\n' \"restore_command = 'cp {}/%f %p'\" \"recovery_target_timeline = latest\""
                              " \"recovery_target_action = promote\" \"{}\" >> {}/postgresql.auto.conf",
                              wal, target, server_->data_directory())});
    server_->start();
    while (server_->psql("SELECT pg_is_in_recovery()") == "t") std::this_thread::yield();
  }
  void is_followed(int segments_apart);
  /// Everything of the repository's WAL, as an archive that `cp` serves.
  std::string archive_as_directory() {
    auto directory = server_->make_directory("served");
    auto put = [&](const std::string& name, ByteView content) {
      MUST(replace_file(directory + "/" + name, content, 0644));
    };
    for (TimelineId timeline : MUST(archive_->timelines())) {
      for (const auto& range : MUST(archive_->segments(timeline))) {
        for (SegmentName name = range.first; name.number <= range.last.number; ++name.number) {
          put(name.file_name(kSegmentSize), MUST(archive_->get_segment(name)));
        }
      }
    }
    for (TimelineId timeline : MUST(archive_->histories())) {
      auto history = MUST(archive_->get_history(timeline));
      put(timeline.to_hex() + ".history", as_bytes(history));
    }
    return directory;
  }
};

void ForkBeforeTheParentBegan::is_followed(int segments_apart) {
  begin();
  insert(1);
  run();
  make_cold_copy();
  insert(2);
  server_->psql("SELECT pg_create_restore_point('rp')");
  insert(3);
  write_wal(segments_apart);
  promote_after_recovery();
  insert(4);
  run();
  server_->stop();
  server_->run({"/bin/cp", "-a", server_->data_directory() + "/pg_wal", path("kept_wal")});

  recover(path("kept_wal"), "recovery_target_name = 'rp'");
  insert(5);
  const Bytes written = wal_file("00000003.history");
  const std::string text(as_text(written));
  auto history = MUST(postgres::parse_timeline_history(TimelineId{3}, text));
  ASSERT_FALSE(history.uses_every_ancestor()) << text;
  auto outcome = run();
  EXPECT_FALSE(outcome.record.gap) << *outcome.record.gap;
  EXPECT_THAT(outcome.notices, Contains(HasSubstr("this record begins there")));
  ASSERT_EQ(outcome.record.ranges.size(), 1u);
  EXPECT_EQ(outcome.record.ranges[0].timeline, TimelineId{3});
  EXPECT_EQ(outcome.record.ranges[0].from, history.entries.back().begin);
  expect_stored(outcome.record.ranges);
  EXPECT_EQ(MUST(archive_->get_history(TimelineId{3})), text);
  EXPECT_EQ(MUST(archive_->get_history(TimelineId{2})), as_text(MUST(read_file(path("kept_wal/00000002.history")))));
  insert(6);
  EXPECT_FALSE(run().record.gap);

  server_->stop();
  recover(archive_as_directory(), "");
  EXPECT_EQ(server_->psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM ledger"), "1,2,5,6");
}

TEST_F(ForkBeforeTheParentBegan, InOneSegmentIsFollowedByLogsAndRecovery) { is_followed(0); }
TEST_F(ForkBeforeTheParentBegan, SegmentsApartIsFollowedByLogsAndRecovery) { is_followed(4); }

TEST_F(TransactionLogs, ALostSlotLeavesARecordedGapAndDemandsAFull) {
  begin({{"wal_keep_size", "0"}, {"max_wal_size", "2MB"}, {"min_wal_size", "2MB"}, {"max_slot_wal_keep_size", "2MB"}});
  insert(1);
  auto before = run();
  write_wal(12);
  server_->psql("CHECKPOINT");
  ASSERT_TRUE(slot()->is_lost());
  Timestamp after_the_gap = insert(2);
  auto outcome = run();
  EXPECT_THAT(outcome.notices, Contains(HasSubstr("was lost")));
  ASSERT_TRUE(outcome.record.gap);
  EXPECT_TRUE(outcome.needs_full);
  EXPECT_GT(outcome.record.ranges[0].from, before.record.ranges[0].to);
  EXPECT_EQ(outcome.record.last_commit->time, after_the_gap);
  EXPECT_THAT(outcome.warnings, Contains(HasSubstr("backup full")));
  EXPECT_FALSE(slot()->is_lost());

  insert(3);
  auto next = run();
  EXPECT_FALSE(next.record.gap);
  EXPECT_TRUE(next.needs_full) << "until there is one";

  repository::BackupRun::Settings full;
  full.host = "test";
  full.must_be_restorable = false;
  auto backup = MUST(repository::BackupRun::begin(*repository_, full, {}));
  repository::ManifestSummary summary;
  summary.start = {TimelineId{1}, next.record.ranges[0].from};
  summary.stop = {TimelineId{1}, next.record.ranges[0].to};
  summary.major_version = 15;
  summary.page_size = 8192;
  ASSERT_OK(backup->commit(summary, {"label", ""}));
  insert(4);
  EXPECT_FALSE(run().needs_full);
}

TEST_F(TransactionLogs, TakesFromPgWalWhatALostSlotNoLongerGuards) {
  begin();
  insert(1);
  auto before = run();
  write_wal(3);
  server_->psql(fmt::format("SELECT pg_drop_replication_slot('{}')", kSlot));  // wal_keep_size still has it all
  auto outcome = run();
  EXPECT_FALSE(outcome.record.gap);
  EXPECT_EQ(outcome.record.ranges[0].from, before.record.ranges[0].to);
  expect_stored(outcome.record.ranges);
}

TEST_F(TransactionLogs, SegmentsMayComeFromArchiveCommandAsWell) {
  begin();
  run();
  write_wal(6);
  Lsn current = MUST(Lsn::parse(server_->psql("SELECT pg_current_wal_lsn()")));
  std::string wal = server_->data_directory() + "/pg_wal/";
  // Every second segment was pushed already; all of them are pushed once more while the slot streams.
  uint64_t last = current.value / kSegmentSize;
  auto push = [&](uint64_t number) {
    return wal::push_wal_file(*archive_, repository_->identity(),
                              {wal + SegmentName{TimelineId{1}, number}.file_name(kSegmentSize), {}});
  };
  for (uint64_t number = last - 5; number < last; number += 2) ASSERT_OK(push(number));
  WorkerGroup pusher{std::stop_token()};
  pusher.spawn("push", [&](std::stop_token) -> Result<void> {
    for (uint64_t number = last - 6; number < last; ++number) TRY(push(number));
    return {};
  });
  auto outcome = run();
  EXPECT_OK(pusher.join());
  EXPECT_FALSE(outcome.record.gap);
  expect_stored(outcome.record.ranges);
}

TEST_F(TransactionLogs, OtherBytesUnderASegmentsNameAreALoudConflict) {
  begin();
  run();
  write_wal(2);
  Lsn current = MUST(Lsn::parse(server_->psql("SELECT pg_current_wal_lsn()")));
  SegmentName name{TimelineId{1}, current.value / kSegmentSize - 1};
  Bytes other = wal_file(name.file_name(kSegmentSize));
  other[5000] ^= std::byte{1};
  ASSERT_OK(archive_->put_segment(name, other, {}));
  auto result = try_run();
  // Where it was found first decides the words: streamed over it, or read back.
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(ErrorKind::conflict) || result.error().is(ErrorKind::corrupt))
      << describe(result.error());
  EXPECT_TRUE(MUST(repository::Catalog::load(*repository_, {})).logs().size() == 1);
}

TEST_F(TransactionLogs, FallsBackToTheSlotWhenOurArchiveCommandFails) {
  begin({{"archive_mode", "on"}, {"archive_command", "/bin/false # spendsync-backup wal push %p"}});
  insert(1);
  auto outcome = run();
  EXPECT_EQ(outcome.path, wal::DeliveryPath::streamed);
  EXPECT_THAT(outcome.warnings, Contains(AllOf(HasSubstr("archive_command"), HasSubstr("pg_stat_archiver"))));
  expect_stored(outcome.record.ranges);
}

TEST_F(TransactionLogs, WaitsForOurArchiveCommandAndThenMovesTheSlot) {
  begin({{"archive_mode", "on"}, {"archive_command", "true # wal push"}});
  std::string wal = server_->data_directory() + "/pg_wal/";
  {
    auto control = connect();
    MUST(postgres::create_slot(control, kSlot));
  }
  insert(1);
  write_wal(3);
  // What archive_command would do, a moment late.
  WorkerGroup archiver{std::stop_token()};
  archiver.spawn("archiver", [&](std::stop_token stop) -> Result<void> {
    while (!stop.stop_requested()) {
      auto names = TRY(list_directory(wal + "archive_status"));
      for (const std::string& name : names) {
        if (!name.ends_with(".done")) continue;
        TRY(wal::push_wal_file(*archive_, repository_->identity(), {wal + name.substr(0, name.size() - 5), {}}));
      }
      std::this_thread::yield();
    }
    return {};
  });
  auto outcome = run();
  archiver.request_stop();
  EXPECT_OK(archiver.join());
  EXPECT_EQ(outcome.path, wal::DeliveryPath::archive_command);
  EXPECT_EQ(outcome.segments_stored, 0u);
  expect_stored(outcome.record.ranges);
  // Nobody streamed from the slot, and still it holds back nothing that is stored.
  Lsn end = outcome.record.ranges.back().to;
  EXPECT_GE(slot()->restart_lsn->value, end.value);
}

TEST_F(TransactionLogs, ABusySlotIsAConflictThatNamesTheProcess) {
  begin();
  run();
  WorkerGroup holder{std::stop_token()};
  postgres::WalReceiver::Settings receiver;
  receiver.connection = connection_settings();
  receiver.slot = kSlot;
  receiver.segment_size = kSegmentSize;
  receiver.start = {TimelineId{1}, Lsn{slot()->restart_lsn->value / kSegmentSize * kSegmentSize}};
  receiver.stop_at = Lsn{UINT64_MAX};
  postgres::WalReceiver::Handlers handlers;
  handlers.on_segment = [](SegmentName, ByteView) { return ok(); };
  holder.spawn("holder", [&](std::stop_token stop) -> Result<void> {
    TRY(postgres::WalReceiver::run(receiver, handlers, stop));
    return {};
  });
  while (!slot()->active) std::this_thread::yield();
  insert(1);
  auto busy = try_run();
  EXPECT_KIND(busy, ErrorKind::conflict);
  EXPECT_THAT(busy.error().message(), HasSubstr(std::to_string(slot()->active_pid.value_or(-1))));
  holder.request_stop();
  EXPECT_KIND(holder.join(), ErrorKind::cancelled);
  // A slot that was busy a moment ago is no obstacle.
  EXPECT_OK(try_run());
}

TEST_F(TransactionLogs, WaitsForTheAgentThatHoldsTheSlot) {
  begin();
  run();
  WorkerGroup agent{std::stop_token()};
  postgres::WalReceiver::Settings receiver;
  receiver.connection = connection_settings();
  receiver.connection.application_name = wal::WalDelivery::Settings{}.agent_application_name;
  receiver.slot = kSlot;
  receiver.segment_size = kSegmentSize;
  receiver.start = {TimelineId{1}, Lsn{slot()->restart_lsn->value / kSegmentSize * kSegmentSize}};
  receiver.stop_at = Lsn{UINT64_MAX};
  postgres::WalReceiver::Handlers handlers;
  handlers.on_segment = [&](SegmentName name, ByteView content) -> Result<void> {
    TRY(archive_->put_segment(name, content, {}));
    return {};
  };
  agent.spawn("agent", [&](std::stop_token stop) -> Result<void> {
    TRY(postgres::WalReceiver::run(receiver, handlers, stop));
    return {};
  });
  while (!slot()->active) std::this_thread::yield();
  Timestamp time = insert(1);
  auto outcome = run();
  EXPECT_EQ(outcome.path, wal::DeliveryPath::agent);
  EXPECT_EQ(outcome.record.last_commit->time, time);
  EXPECT_TRUE(slot()->active);
  agent.request_stop();
  EXPECT_KIND(agent.join(), ErrorKind::cancelled);
}

TEST_F(TransactionLogs, AStoppedRunListsNothingAndTheNextOneConverges) {
  begin();
  auto before = run();
  write_wal(20);
  std::stop_source stop;
  std::jthread later([&] {
    while (progress_.done_items() < 3) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_KIND(try_run(stop.get_token()), ErrorKind::cancelled);
  EXPECT_EQ(MUST(repository::Catalog::load(*repository_, {})).logs().size(), 1u);
  auto outcome = run();
  EXPECT_EQ(outcome.record.ranges[0].from, before.record.ranges[0].to);
  expect_stored(outcome.record.ranges);
}

TEST_F(TransactionLogs, RefusesAnotherCluster) {
  begin();
  repository::ClusterIdentity other = repository_->identity();
  other.cluster = "other";
  other.system_identifier = SystemIdentifier{1};
  auto foreign = MUST(repository::Repository::open_for_writing({"other", ""}, other,
                                                               {*store_, {wrapper_.get()}, random_, clock_, log_}));
  repository::WalArchive archive(*foreign, {});
  auto result = TransactionLogBackup(settings(), {*foreign, archive, clock_, log_, progress_}).run({});
  EXPECT_KIND(result, ErrorKind::refused);
  EXPECT_FALSE(slot()) << "nothing was changed";
}

TEST_F(TransactionLogs, SaysWhatALimitlessSlotMayCost) {
  begin({{"max_slot_wal_keep_size", "-1"}});
  auto outcome = run();
  EXPECT_THAT(outcome.warnings, Contains(HasSubstr("max_slot_wal_keep_size is unlimited")));
  ASSERT_TRUE(outcome.retention);
  EXPECT_TRUE(outcome.retention->pg_wal_free_bytes);
  server_->psql("ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'");
  server_->psql("SELECT pg_reload_conf()");
  while (server_->psql("SHOW max_slot_wal_keep_size") != "32MB") std::this_thread::yield();
  EXPECT_THAT(run().warnings, Contains(HasSubstr("less than max_wal_size")));
}

}  // namespace
}  // namespace spendsync::backup
