// WAL of a real server: what we find in it against pg_waldump, and what the slot delivers against the server's files.
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
#include "integration/real_server.h"
#include "postgres/replication_slot.h"
#include "postgres/wal/commit_scanner.h"
#include "postgres/wal/receiver.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/timeline_history.h"

namespace spendsync::postgres {
namespace {

using spendsync::testing::RealServer;
using spendsync::testing::RealServerSettings;

constexpr uint32_t kSegmentSize = 1u << 20;
constexpr const char* kSlot = "wal_test";

RealServerSettings server_settings(std::map<std::string, std::string> configuration = {}) {
  RealServerSettings settings;
  settings.wal_segment_size_mib = 1;
  settings.configuration = {{"max_prepared_transactions", "5"}, {"wal_keep_size", "1GB"}, {"max_wal_size", "64MB"}};
  for (auto& [name, value] : configuration) settings.configuration[name] = value;
  return settings;
}

Connection::Settings connection_settings(const RealServer& server) {
  Connection::Settings settings;
  settings.connection_string = server.connection_string();
  return settings;
}

int major_version(const RealServer& server) { return std::stoi(server.psql("SHOW server_version_num")) / 10000; }

/// One line a record: "lsn transaction event time".
std::vector<std::string> lines_of_waldump(const std::string& output) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < output.size()) {
    size_t end = output.find('\n', begin);
    std::string line = output.substr(begin, end - begin);
    begin = end == std::string::npos ? output.size() : end + 1;
    size_t description = line.find("desc: ");
    if (line.find("rmgr: Transaction") != 0 || description == std::string::npos) continue;
    std::string text = line.substr(description + 6);
    bool is_commit = text.starts_with("COMMIT");
    if (!is_commit && !text.starts_with("ABORT")) continue;
    bool is_prepared = text.starts_with("COMMIT_PREPARED") || text.starts_with("ABORT_PREPARED");
    auto after = [&](const std::string& from, std::string_view key) {
      size_t at = from.find(key) + key.size();
      at = from.find_first_not_of(' ', at);
      return from.substr(at, from.find_first_of(",;: ", at) - at);
    };
    std::string transaction = is_prepared ? after(text, "PREPARED ") : after(line, "tx:");
    size_t time = text.find("20");  // the year; ids in these tests are far from it
    Lsn lsn = MUST(Lsn::parse(after(line, "lsn: ")));
    Timestamp when = MUST(parse_rfc3339(text.substr(time, 26) + "Z"));
    lines.push_back(
        fmt::format("{} {} {} {}", lsn.to_string(), transaction, is_commit ? "commit" : "abort", format_utc(when)));
  }
  return lines;
}

TEST(WalOfARealServer, EveryCommitAgreesWithPgWaldump) {
  RealServer server(server_settings());
  server.start();
  if (major_version(server) != 15) GTEST_SKIP() << "only PostgreSQL 15 has its pg_waldump here";
  Lsn start =
      MUST(Lsn::parse(server.psql("SELECT pg_walfile_name(pg_switch_wal()); SELECT pg_current_wal_lsn()").substr(25)));
  server.pgbench({"-i", "-q", "-s", "2"});
  server.pgbench({"-c", "4", "-j", "2", "-t", "500"});
  server.psql("CREATE TABLE t (a int)");
  server.psql("BEGIN; INSERT INTO t SELECT 1; SAVEPOINT a; INSERT INTO t SELECT 2; PREPARE TRANSACTION 'one'");
  server.psql("COMMIT PREPARED 'one'");
  server.psql("BEGIN; CREATE TABLE u (a int); DROP TABLE t; PREPARE TRANSACTION 'two'");
  server.psql("COMMIT PREPARED 'two'");
  server.psql("BEGIN; INSERT INTO u SELECT 1; PREPARE TRANSACTION 'three'");
  server.psql("ROLLBACK PREPARED 'three'");
  server.psql("BEGIN; CREATE TABLE v (); ROLLBACK");
  server.psql("SELECT pg_logical_emit_message(true, 'x', repeat('y', 3000000))");
  server.psql("SELECT pg_create_restore_point('here')");
  server.psql("SELECT pg_switch_wal()");
  server.psql("INSERT INTO u SELECT 2");
  std::string current = server.psql("SELECT pg_current_wal_insert_lsn()");
  std::string wal = server.data_directory() + "/pg_wal";

  CommitScanner scanner({kSegmentSize, 15});
  std::vector<std::string> ours;
  bool saw_restore_point = false;
  uint64_t last = MUST(Lsn::parse(current)).value / kSegmentSize;
  auto identifier = MUST(SystemIdentifier::parse(server.psql("SELECT system_identifier FROM pg_control_system()")));
  for (uint64_t number = start.value / kSegmentSize; number <= last; ++number) {
    SegmentName name{TimelineId{1}, number};
    Bytes content = MUST(read_file(wal + "/" + name.file_name(kSegmentSize)));
    if (number < last) {
      EXPECT_OK(check_segment(content, {name, kSegmentSize, identifier, 15}));
    }
    ASSERT_OK(scanner.feed(name, content, [&](const WalEvent& event) -> Result<void> {
      bool is_end = event.kind == WalEvent::Kind::commit || event.kind == WalEvent::Kind::abort;
      saw_restore_point |= event.kind == WalEvent::Kind::restore_point && event.name == "here";
      if (is_end) {
        ours.push_back(fmt::format("{} {} {} {}", event.start.to_string(), event.transaction,
                                   event.kind == WalEvent::Kind::commit ? "commit" : "abort", format_utc(event.time)));
      }
      return {};
    }));
  }
  auto dumped =
      MUST(run_command(server.command({"/usr/bin/env", "TZ=UTC", spendsync::testing::client_directory() + "/pg_waldump",
                                       "-p", wal, "-s", start.to_string(), "-e", current, "-r", "Transaction"}),
                       {}, std::chrono::seconds(60)));
  auto theirs = lines_of_waldump(dumped.out);
  EXPECT_GT(theirs.size(), 2000u);
  EXPECT_EQ(ours, theirs);
  EXPECT_TRUE(saw_restore_point);
  EXPECT_GE(scanner.end_of_records(), MUST(Lsn::parse(current)));
}

// The oracle that every major has: the server's own record of commit times.
TEST(WalOfARealServer, EveryCommitHasTheTimeThatTheServerKnows) {
  RealServer server(server_settings({{"track_commit_timestamp", "on"}}));
  server.start();
  server.psql("SELECT pg_switch_wal()");
  Lsn start = MUST(Lsn::parse(server.psql("SELECT pg_current_wal_lsn()")));
  server.psql("CREATE TABLE t (a int)");
  uint64_t first = std::stoull(server.psql("INSERT INTO t SELECT 0 RETURNING xmin::text"));
  server.pgbench({"-i", "-q", "-s", "1"});
  server.pgbench({"-c", "4", "-t", "200"});
  server.psql("BEGIN; INSERT INTO t SELECT 1; SAVEPOINT a; INSERT INTO t SELECT 2; PREPARE TRANSACTION 'one'");
  server.psql("CREATE TABLE w (a int); BEGIN; CREATE TABLE u (a int); DROP TABLE w; PREPARE TRANSACTION 'two'");
  server.psql("COMMIT PREPARED 'two'");
  server.psql("BEGIN; CREATE TABLE v (); ROLLBACK");
  server.psql("COMMIT PREPARED 'one'");
  uint64_t last = std::stoull(server.psql("INSERT INTO t SELECT 0 RETURNING xmin::text"));
  std::string known = server.psql(
      fmt::format("SELECT string_agg(x || ' ' || to_char(pg_xact_commit_timestamp(x::text::xid) AT TIME ZONE 'UTC',"
                  " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), E'\\n' ORDER BY x)"
                  " FROM generate_series({}, {}) x WHERE pg_xact_commit_timestamp(x::text::xid) IS NOT NULL",
                  first, last));
  uint64_t end = MUST(Lsn::parse(server.psql("SELECT pg_current_wal_insert_lsn()"))).value;

  int major = major_version(server);
  auto identifier = MUST(SystemIdentifier::parse(server.psql("SELECT system_identifier FROM pg_control_system()")));
  CommitScanner scanner({kSegmentSize, major});
  std::map<uint64_t, Timestamp> ours;
  for (uint64_t number = start.value / kSegmentSize; number <= end / kSegmentSize; ++number) {
    SegmentName name{TimelineId{1}, number};
    Bytes content = MUST(read_file(server.data_directory() + "/pg_wal/" + name.file_name(kSegmentSize)));
    if (number < end / kSegmentSize) {
      EXPECT_OK(check_segment(content, {name, kSegmentSize, identifier, major}));
    }
    ASSERT_OK(scanner.feed(name, content, [&](const WalEvent& event) -> Result<void> {
      bool wanted = event.transaction >= first && event.transaction <= last;
      if (event.kind == WalEvent::Kind::commit && wanted) ours[event.transaction] = event.time;
      return {};
    }));
  }
  size_t top_transactions = 0;
  for (size_t begin = 0; begin < known.size();) {
    std::string line = known.substr(begin, known.find('\n', begin) - begin);
    begin += line.size() + 1;
    uint64_t transaction = std::stoull(line);
    Timestamp time = MUST(parse_rfc3339(line.substr(line.find(' ') + 1)));
    auto found = ours.find(transaction);
    if (found == ours.end()) continue;  // a subtransaction has its parent's record
    ++top_transactions;
    EXPECT_EQ(found->second, time) << transaction;
  }
  EXPECT_EQ(top_transactions, ours.size());
  EXPECT_GT(ours.size(), 800u);
  EXPECT_TRUE(ours.contains(last));
}

/// What a receiver delivered.
struct Delivered {
  std::map<std::string, Bytes> segments;
  std::map<std::string, Bytes> partials;
  std::map<uint32_t, std::string> histories;
  std::vector<std::string> order;

  WalReceiver::Handlers handlers() {
    WalReceiver::Handlers handlers;
    handlers.on_segment = [this](SegmentName name, ByteView content) -> Result<void> {
      segments[name.file_name(kSegmentSize)] = Bytes(content.begin(), content.end());
      order.push_back(name.file_name(kSegmentSize));
      return {};
    };
    handlers.on_partial = [this](SegmentName name, ByteView content) -> Result<void> {
      partials[name.file_name(kSegmentSize)] = Bytes(content.begin(), content.end());
      order.push_back(name.file_name(kSegmentSize) + ".partial");
      return {};
    };
    handlers.on_history = [this](TimelineId timeline, const std::string& content) -> Result<void> {
      histories[timeline.value] = content;
      order.push_back(timeline.to_hex() + ".history");
      return {};
    };
    return handlers;
  }
};

class WalReceiverOnAServer : public ::testing::Test {
 protected:
  void begin(std::map<std::string, std::string> configuration = {}) {
    server_ = std::make_unique<RealServer>(server_settings(std::move(configuration)));
    server_->start();
    control_ = std::make_unique<Connection>(MUST(Connection::open(connection_settings(*server_))));
    SlotState slot = MUST(create_slot(*control_, kSlot));
    start_ = {TimelineId{1}, Lsn{slot.restart_lsn->value / kSegmentSize * kSegmentSize}};
  }
  void reconnect() { control_ = std::make_unique<Connection>(MUST(Connection::open(connection_settings(*server_)))); }
  Lsn switch_wal() { return MUST(Lsn::parse(MUST(control_->query_value("SELECT pg_switch_wal()::text")))); }
  WalReceiver::Settings settings(Lsn stop_at) {
    WalReceiver::Settings settings;
    settings.connection = connection_settings(*server_);
    settings.slot = kSlot;
    settings.start = start_;
    settings.stop_at = stop_at;
    settings.segment_size = kSegmentSize;
    settings.status_interval = std::chrono::milliseconds(100);
    return settings;
  }
  Bytes wal_file(const std::string& name) { return MUST(read_file(server_->data_directory() + "/pg_wal/" + name)); }
  Lsn restart_lsn() { return *MUST(find_slot(*control_, kSlot))->restart_lsn; }
  /// The server notices a little later that a client has gone.
  void wait_until_slot_is_free() {
    while (MUST(find_slot(*control_, kSlot))->active) std::this_thread::yield();
  }

  std::unique_ptr<RealServer> server_;
  std::unique_ptr<Connection> control_;
  WalPosition start_;
};

TEST_F(WalReceiverOnAServer, DeliversTheServersSegmentsUnderLoad) {
  begin();
  server_->pgbench({"-i", "-q", "-s", "1"});
  Delivered delivered;
  std::jthread load([&] { server_->pgbench({"-c", "4", "-T", "4"}); });
  auto first = WalReceiver::run(settings(Lsn{start_.lsn.value + 6 * kSegmentSize}), delivered.handlers(), {});
  ASSERT_OK(first);
  EXPECT_EQ(first->segments, 6u);
  load.join();
  start_ = first->end;
  Lsn stop = switch_wal();
  wait_until_slot_is_free();
  auto second = WalReceiver::run(settings(stop), delivered.handlers(), {});
  ASSERT_OK(second);
  EXPECT_EQ(second->end.lsn.value, (stop.value + kSegmentSize - 1) / kSegmentSize * kSegmentSize);
  EXPECT_EQ(delivered.segments.size(), first->segments + second->segments);
  for (const auto& [name, content] : delivered.segments) EXPECT_EQ(content, wal_file(name)) << name;
  EXPECT_EQ(restart_lsn(), second->end.lsn);  // the server may forget all of it
}

TEST_F(WalReceiverOnAServer, ReportsOnlyWhatIsDurable) {
  begin();
  server_->pgbench({"-i", "-q", "-s", "1"});
  Lsn stop = switch_wal();
  ASSERT_GT(stop.value, start_.lsn.value + 4 * kSegmentSize);
  Delivered delivered;
  auto handlers = delivered.handlers();
  Lsn durable{start_.lsn.value + kSegmentSize};
  int asked = 0;
  Lsn seen_by_server;
  handlers.durable_until = [&]() -> Result<Lsn> {
    if (++asked == 40) seen_by_server = restart_lsn();
    return asked < 60 ? durable : Lsn{UINT64_MAX};
  };
  ASSERT_OK(WalReceiver::run(settings(stop), handlers, {}));
  EXPECT_LE(seen_by_server, durable);
  EXPECT_EQ(restart_lsn().value, (stop.value + kSegmentSize - 1) / kSegmentSize * kSegmentSize);
}

TEST_F(WalReceiverOnAServer, AFailingHandlerLeavesTheSlotWhereItWas) {
  begin();
  server_->pgbench({"-i", "-q", "-s", "1"});
  Lsn stop = switch_wal();
  Delivered delivered;
  auto handlers = delivered.handlers();
  int calls = 0;
  handlers.on_segment = [&](SegmentName, ByteView) -> Result<void> {
    if (++calls < 3) return {};
    return Error(ErrorKind::exhausted, "the repository is full");
  };
  EXPECT_KIND(WalReceiver::run(settings(stop), handlers, {}), ErrorKind::exhausted);
  EXPECT_LE(restart_lsn().value, start_.lsn.value + 2 * kSegmentSize);
  wait_until_slot_is_free();
  ASSERT_OK(WalReceiver::run(settings(stop), delivered.handlers(), {}));
}

TEST_F(WalReceiverOnAServer, NamesTheProcessThatUsesTheSlot) {
  begin();
  WorkerGroup holder{std::stop_token()};
  Delivered nothing;
  auto forever = settings(Lsn{UINT64_MAX});
  auto handlers = nothing.handlers();
  holder.spawn("holder", [&](std::stop_token stop) -> Result<void> {
    TRY(WalReceiver::run(forever, handlers, stop));
    return {};
  });
  while (!MUST(find_slot(*control_, kSlot))->active) std::this_thread::yield();
  std::string pid = server_->psql("SELECT active_pid FROM pg_replication_slots");
  Delivered delivered;
  auto busy = WalReceiver::run(settings(Lsn{UINT64_MAX}), delivered.handlers(), {});
  EXPECT_KIND(busy, ErrorKind::conflict);
  EXPECT_THAT(busy.error().message(), ::testing::HasSubstr(pid));
  holder.request_stop();
  EXPECT_KIND(holder.join(), ErrorKind::cancelled);
}

TEST_F(WalReceiverOnAServer, SaysWhenTheServerHasRemovedTheWal) {
  begin({{"wal_keep_size", "0"}, {"max_wal_size", "2MB"}, {"min_wal_size", "2MB"}});
  WalPosition old = start_;
  MUST(drop_slot(*control_, kSlot));
  for (int i = 0; i < 8; ++i)
    server_->psql("SELECT pg_logical_emit_message(true, 'x', repeat('y', 900000)); SELECT pg_switch_wal()");
  server_->psql("CHECKPOINT");
  MUST(create_slot(*control_, kSlot));
  start_ = old;
  Delivered delivered;
  EXPECT_KIND(WalReceiver::run(settings(switch_wal()), delivered.handlers(), {}), ErrorKind::not_found);
}

TEST_F(WalReceiverOnAServer, FollowsTheServerOntoItsNextTimeline) {
  begin();
  server_->pgbench({"-i", "-q", "-s", "1"});
  server_->psql("ALTER SYSTEM SET restore_command = '/bin/false'");
  server_->stop();
  server_->run({"/usr/bin/touch", server_->data_directory() + "/recovery.signal"});
  server_->start();
  while (server_->psql("SELECT pg_is_in_recovery()") == "t") std::this_thread::yield();
  reconnect();
  server_->psql("CREATE TABLE on_the_new_timeline (a int)");
  Lsn stop = switch_wal();
  Delivered delivered;
  auto result = WalReceiver::run(settings(stop), delivered.handlers(), {});
  ASSERT_OK(result);
  EXPECT_EQ(result->end.timeline, TimelineId{2});
  ASSERT_EQ(delivered.histories.size(), 1u);
  EXPECT_EQ(delivered.histories[2], as_text(wal_file("00000002.history")));
  auto history = MUST(parse_timeline_history(TimelineId{2}, delivered.histories[2]));
  Lsn fork = *history.entries[0].end;
  SegmentName last_old = SegmentName::containing(TimelineId{1}, fork, kSegmentSize);
  ASSERT_EQ(delivered.partials.size(), 1u);
  const Bytes& partial = delivered.partials[last_old.file_name(kSegmentSize)];
  EXPECT_EQ(partial.size(), fork.value % kSegmentSize);
  // The new timeline's segment begins with the same bytes, and is whole.
  std::string continued = SegmentName{TimelineId{2}, last_old.number}.file_name(kSegmentSize);
  ASSERT_TRUE(delivered.segments.contains(continued));
  EXPECT_EQ(delivered.segments[continued], wal_file(continued));
  EXPECT_TRUE(std::equal(partial.begin(), partial.end(), delivered.segments[continued].begin()));
  // The history comes before the first segment of its timeline.
  auto at = [&](const std::string& name) { return std::ranges::find(delivered.order, name) - delivered.order.begin(); };
  EXPECT_LT(at("00000002.history"), at(continued));
  EXPECT_LT(at(last_old.file_name(kSegmentSize) + ".partial"), at(continued));
}

TEST_F(WalReceiverOnAServer, StopsWhenAsked) {
  begin();
  std::stop_source stop;
  Delivered delivered;
  std::jthread later([&] {
    while (!server_ || server_->psql("SELECT active FROM pg_replication_slots") != "t") std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_KIND(WalReceiver::run(settings(Lsn{UINT64_MAX}), delivered.handlers(), stop.get_token()),
              ErrorKind::cancelled);
}

}  // namespace
}  // namespace spendsync::postgres
