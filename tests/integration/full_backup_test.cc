// `backup full` of a real server: what it holds, what it says about damage, and that it starts again by itself.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "backup/database_backup.h"
#include "base/process_identity.h"
#include "base/testing.h"
#include "crypto/key_file_wrapper.h"
#include "integration/real_server.h"
#include "repository/backup_reader.h"
#include "repository/backup_run.h"
#include "repository/catalog.h"
#include "storage/directory/directory_store.h"

namespace spendsync::backup {
namespace {

using repository::FileKind;
using testing::RealServer;
using testing::RealServerSettings;

constexpr std::chrono::seconds kTimeout{120};

class FullBackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MUST(make_directories(path("repository"), 0700));
    MUST(replace_file(path("key"), Bytes(32, std::byte{5}), 0600));
    store_ = MUST(storage::DirectoryStore::open({path("repository"), true}));
    wrapper_ = MUST(crypto::KeyFileWrapper::open(path("key"), random_, clock_));
    server_.start();
  }
  std::string path(const std::string& name) const { return server_.directory() + "/" + name; }
  std::string data(const std::string& name) const { return server_.data_directory() + "/" + name; }

  DatabaseBackup::Settings settings() const {
    DatabaseBackup::Settings settings;
    settings.connection.connection_string = server_.connection_string();
    settings.cluster = "spendsync";
    settings.slot = "spendsync_backup_spendsync";
    settings.workers = 2;
    settings.host = "test";
    settings.tool_version = "0";
    return settings;
  }
  repository::Collaborators collaborators() { return {*store_, {wrapper_.get()}, random_, clock_, log_}; }
  Result<DatabaseBackupReport> try_backup(DatabaseBackup::Settings settings, std::stop_token stop = {}) {
    DatabaseBackup backup(std::move(settings), {collaborators(), progress_});
    return backup.run(stop);
  }
  DatabaseBackupReport backup() { return MUST(try_backup(settings())); }

  std::unique_ptr<repository::Repository> open_repository() {
    return MUST(repository::Repository::open_for_reading({"spendsync", ""}, std::nullopt, collaborators()));
  }
  struct Held {
    repository::FileEntry entry;
    Bytes content;
  };
  using Content = std::map<std::pair<uint32_t, std::string>, Held>;
  /// Every entry with its content.
  Content read_back(const repository::Label& label) {
    auto repository = open_repository();
    auto reader = MUST(repository::BackupReader::open(*repository, label));
    auto frames = MUST(reader->frame_reader());
    Content found;
    EXPECT_OK(reader->for_each_file([&](const repository::FileEntry& entry) -> Result<void> {
      Held held{entry, {}};
      if (entry.kind == FileKind::file) {
        TRY(frames->read_file(entry, [&](uint64_t, ByteView bytes) -> Result<void> {
          held.content.insert(held.content.end(), bytes.begin(), bytes.end());
          return {};
        }));
      }
      EXPECT_TRUE(found.emplace(std::pair(entry.set, entry.path), std::move(held)).second) << entry.path << " twice";
      return {};
    }));
    return found;
  }
  /// Makes a data directory of set 0 with nothing but what the backup holds.
  std::string materialize(const repository::Label& label) {
    auto target = server_.make_directory("restored");
    for (const auto& [key, held] : read_back(label)) {
      if (key.first != 0) continue;
      auto to = target + "/" + key.second;
      if (held.entry.kind == FileKind::directory) MUST(make_directories(to, 0700));
    }
    for (const auto& [key, held] : read_back(label)) {
      if (key.first != 0 || held.entry.kind != FileKind::file) continue;
      MUST(replace_file(target + "/" + key.second, held.content, 0600));
    }
    auto repository = open_repository();
    auto manifest = MUST(repository::read_manifest(*repository, label));
    MUST(replace_file(target + "/backup_label", as_bytes(manifest.body.backup_label), 0600));
    if (geteuid() == 0) {
      MUST(run_checked({{"/bin/chown", "-R", "postgres", target}, {}, "", ""}, {}, kTimeout));
    }
    return target;
  }
  std::string relation(const std::string& name) const {
    return server_.psql("SELECT pg_relation_filepath('" + name + "')");
  }

  RealServer server_;
  SystemClock clock_;
  SystemRandom random_;
  Log log_{{LogLevel::error, Log::Format::console, 2}, clock_};
  SilentProgress progress_;
  std::unique_ptr<storage::DirectoryStore> store_;
  std::unique_ptr<crypto::KeyFileWrapper> wrapper_;
};

/// pgbench that writes until it is told to stop.
class Writers {
 public:
  explicit Writers(const RealServer& server)
      : server_(server), thread_([this](std::stop_token stop) {
          while (!stop.stop_requested()) server_.pgbench({"-n", "-c", "4", "-T", "1"});
        }) {}

 private:
  const RealServer& server_;
  std::jthread thread_;
};

TEST_F(FullBackupTest, StartsAgainByItselfFromWhatItHoldsWhileTheServerWasWriting) {
  server_.pgbench({"-i", "-s", "3", "-q"});
  DatabaseBackupReport report;
  {
    Writers writers(server_);
    report = backup();
  }
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.page_failures, 0u);
  EXPECT_LT(report.start.lsn, report.stop.lsn);
  EXPECT_GE(report.wal_segments, 1u);

  auto target = materialize(report.label);
  auto options = "-c unix_socket_directories=" + server_.directory() + " -c port=5433 -c archive_mode=off";
  server_.run(
      {server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", target, "-o", options, "-l", path("restored.log")});
  auto query = [&](const std::string& sql) {
    auto text = server_.run({"psql", "-X", "-A", "-t", "-q", "-h", server_.directory(), "-p", "5433", "-U", "postgres",
                             "-c", sql, "postgres"});
    text.pop_back();
    return text;
  };
  auto balances = query(
      "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),"
      " (SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)");
  EXPECT_EQ(query("SELECT count(*) FROM pgbench_accounts"), "300000");
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-D", target, "-m", "fast"});
  auto first = balances.substr(0, balances.find('|'));
  EXPECT_EQ(balances, first + "|" + first + "|" + first + "|" + first);
  if (server_.clients_match()) server_.run({"pg_checksums", "--check", "-D", target});
}

TEST_F(FullBackupTest, HoldsQuietFilesByteForByteAndTheWalFromStartToStop) {
  server_.psql("CREATE TABLE quiet AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 50000) g");
  server_.psql("CREATE INDEX quiet_id ON quiet (id)");
  server_.psql("VACUUM quiet");
  server_.psql("CHECKPOINT");
  auto report = backup();
  auto held = read_back(report.label);
  for (const char* name : {"quiet", "quiet_id"}) {
    auto file = relation(name);
    auto& copy = held.at({0, file});
    EXPECT_TRUE(copy.content == MUST(read_file(data(file)))) << name;
    ASSERT_TRUE(copy.entry.block_hashes.has_value()) << name;
    EXPECT_EQ(copy.entry.block_hashes->count, copy.content.size() / 8192);
    EXPECT_FALSE(copy.entry.owner.empty());
    EXPECT_EQ(copy.entry.mode, 0600u);
  }
  EXPECT_TRUE(held.contains({0, "global/pg_control"}));
  EXPECT_TRUE(held.contains({0, "PG_VERSION"}));
  EXPECT_FALSE(held.contains({0, "postmaster.pid"}));
  uint64_t wal = 0;
  for (const auto& [key, copy] : held) wal += key.second.starts_with("pg_wal/0") ? 1u : 0u;
  EXPECT_EQ(wal, report.wal_segments);
  auto first = SegmentName::containing(report.start.timeline, report.start.lsn, 16u << 20);
  EXPECT_EQ(held.at({0, "pg_wal/" + first.file_name(16u << 20)}).content.size(), 16u << 20);
  auto repository = open_repository();
  auto summary = MUST(repository::read_manifest(*repository, report.label)).summary;
  EXPECT_EQ(summary.start, report.start);
  EXPECT_EQ(summary.server_settings.at("max_connections"), "100");
  EXPECT_TRUE(summary.data_checksums);
  repository::WalArchive archive(*repository, {});
  EXPECT_TRUE(MUST(archive.exists(first)));
}

TEST_F(FullBackupTest, ReportsADamagedPageByFileAndBlockAndBacksItUp) {
  server_.psql("CREATE TABLE quiet AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 50000) g");
  server_.psql("VACUUM quiet");
  auto file = relation("quiet");
  server_.stop();
  Fd fd = MUST(open_file(data(file), O_RDWR));
  MUST(write_at(fd, 7 * 8192 + 4000, as_bytes("damage"), file));
  server_.start();
  auto report = backup();
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.page_failures, 1u);
  ASSERT_EQ(report.page_failure_files.size(), 1u);
  EXPECT_EQ(report.page_failure_files[0], (repository::PageFailures{file, {7}}));
  auto held = read_back(report.label);
  EXPECT_EQ(held.at({0, file}).entry.bad_blocks, std::vector<uint32_t>{7});
  EXPECT_TRUE(held.at({0, file}).content == MUST(read_file(data(file))));
}

TEST_F(FullBackupTest, CapturesTheFilesBesideTheDatabase) {
  MUST(make_directories(path("etc/keys"), 0755));
  MUST(replace_file(path("etc/app.conf"), as_bytes("a = 1\n"), 0644));
  MUST(replace_file(path("etc/keys/api.key"), as_bytes("secret"), 0600));
  ASSERT_EQ(symlink("app.conf", path("etc/link").c_str()), 0);
  auto with_files = settings();
  with_files.file_sets = {{"configuration", {path("etc")}}, {"api_keys", {path("etc/keys")}}};
  with_files.left_out = {{path("key"), "the repository's key"}};
  auto report = MUST(try_backup(with_files));
  EXPECT_TRUE(report.complete());
  ASSERT_EQ(report.captured_sets.size(), 2u);
  EXPECT_EQ(report.captured_sets[0].files, 1u);
  EXPECT_EQ(report.captured_sets[1].bytes, 6u);
  auto held = read_back(report.label);
  auto relative = [&](const std::string& name) { return path(name).substr(1); };
  EXPECT_EQ(as_text(held.at({1, relative("etc/app.conf")}).content), "a = 1\n");
  EXPECT_EQ(held.at({1, relative("etc/app.conf")}).entry.mode, 0644u);
  EXPECT_EQ(held.at({1, relative("etc/link")}).entry.link_target, "app.conf");
  EXPECT_EQ(as_text(held.at({2, relative("etc/keys/api.key")}).content), "secret");
}

TEST_F(FullBackupTest, RefusesAMissingCapturedPathBeforeAnythingIsMadeOrListsTheBackupAsIncomplete) {
  auto missing = settings();
  missing.file_sets = {{"configuration", {path("nowhere")}}};
  auto refused = try_backup(missing);
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_NE(refused.error().message().find(path("nowhere")), std::string::npos);
  EXPECT_TRUE(MUST(list_directory(path("repository"))).empty());
  EXPECT_EQ(server_.psql("SELECT count(*) FROM pg_replication_slots"), "0");

  missing.skip_unreadable = true;
  auto report = MUST(try_backup(missing));
  ASSERT_EQ(report.incomplete.size(), 1u);
  EXPECT_NE(report.incomplete[0].find(path("nowhere")), std::string::npos);
  auto repository = open_repository();
  EXPECT_EQ(MUST(repository::read_manifest(*repository, report.label)).summary.incomplete, report.incomplete);
}

/// Asks to stop as soon as a phase begins.
class StoppingProgress final : public Progress {
 public:
  explicit StoppingProgress(std::string phase) : phase_(std::move(phase)) {}
  void begin_phase(std::string name, uint64_t, uint64_t) override {
    if (name == phase_) stop.request_stop();
  }
  std::stop_source stop;

 private:
  std::string phase_;
};

TEST_F(FullBackupTest, StopsInEveryPhaseAndListsNothing) {
  for (const char* phase :
       {"checking", "waiting for the checkpoint", "copying files", "copying WAL", "delivering WAL", "finishing"}) {
    StoppingProgress progress(phase);
    DatabaseBackup backup(settings(), {collaborators(), progress});
    EXPECT_KIND(backup.run(progress.stop.get_token()), ErrorKind::cancelled);
    EXPECT_TRUE(progress.stop.stop_requested()) << phase;
  }
  auto repository = open_repository();
  EXPECT_TRUE(MUST(repository::Catalog::load(*repository, {})).backups().empty());
  EXPECT_EQ(server_.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'spendsync%'"), "0");
  EXPECT_TRUE(backup().complete()) << "the same command again converges";
}

TEST_F(FullBackupTest, RefusesAnotherClustersRepository) {
  backup();
  RealServer other;
  other.start();
  auto wrong = settings();
  wrong.connection.connection_string = other.connection_string();
  EXPECT_KIND(try_backup(wrong), ErrorKind::refused);
}

TEST_F(FullBackupTest, NeedsNoSuperuserAndNamesTheRightThatIsMissing) {
  server_.psql("CREATE ROLE backup LOGIN");
  auto by_role = settings();
  by_role.connection.connection_string = "host=" + server_.directory() + " port=5432 user=backup dbname=postgres";
  server_.psql("GRANT pg_read_all_settings TO backup");
  auto denied = try_backup(by_role);
  EXPECT_KIND(denied, ErrorKind::denied);
  EXPECT_NE(denied.error().hint().find("replication"), std::string::npos) << describe(denied.error());
  server_.psql("ALTER ROLE backup REPLICATION");
  denied = try_backup(by_role);
  EXPECT_KIND(denied, ErrorKind::denied);
  const bool renamed = server_.major_version() >= 15;
  const std::string start = renamed ? "pg_backup_start" : "pg_start_backup";
  EXPECT_NE(denied.error().hint().find(start), std::string::npos) << describe(denied.error());
  server_.psql(renamed ? "GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean) TO backup"
                       : "GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean), "
                         "pg_stop_backup(boolean, boolean) TO backup");
  EXPECT_OK(try_backup(by_role));
}

}  // namespace
}  // namespace spendsync::backup
