#include "restore/data_restore.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/testing.h"
#include "restore/testing/synthetic_backup.h"

namespace spendsync::restore {
namespace {

using repository::FileEntry;
using repository::FileKind;
using testing::HasSubstr;

class DataRestoreTest : public ::testing::Test {
 protected:
  std::string target() const { return directory_.path() + "/target"; }

  Result<DataStats> restore(const repository::Label& label, Scope scope = Scope::everything) {
    auto& repository = repository_.repository();
    repository::WalArchive archive(repository, {});
    auto reader = TRY(repository::BackupReader::open(repository, label));
    ResolvedTarget resolved(reader->summary());
    resolved.recovery.kind = postgres::RecoveryTarget::Kind::immediate;
    resolved.recovery.timeline = TimelineId{1};
    resolved.needed_until = reader->summary().stop.lsn;
    resolved.limit = Lsn{3u << 24};
    auto coverage = TRY(wal::WalCoverage::load(archive, repository.identity(), {}));
    auto plan =
        TRY(make_plan(repository, coverage, resolved, {RestorePaths::of(target()), scope, Ending::before_recovery}));
    auto claimed =
        TRY(TargetDirectory::claim({plan.paths, plan.resume_id, plan.restores_database(), false}, repository_.log, {}));
    SilentProgress progress;
    auto stats = TRY(
        DataRestore(*reader, archive, plan, claimed, {.workers = 3, .auto_conf = {{"archive_mode", "off"}}}, progress)
            .run({}));
    TRY(claimed.finish());
    return stats;
  }
  std::string text(const std::string& path) { return MUST(read_text_file(target() + path, 64u << 20)); }
  struct stat status(const std::string& path) {
    struct stat result {};
    EXPECT_EQ(::lstat((target() + path).c_str(), &result), 0) << path;
    return result;
  }
  /// A cluster with one more entry: what a hostile file table might hold.
  Result<DataStats> restore_with(FileEntry entry, std::string_view content = "x") {
    MUST(remove_tree(target()));
    SyntheticBackup backup(repository_);
    backup.cluster();
    if (entry.kind == FileKind::file) {
      backup.file(std::move(entry), as_bytes(content));
    } else {
      backup.add(std::move(entry));
    }
    return restore(backup.commit());
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "data-restore-"));
  repository::OpenWorld repository_;
};

TEST_F(DataRestoreTest, WritesEveryByteModeAndTime) {
  SyntheticBackup backup(repository_);
  backup.cluster();
  Bytes big(9u << 20);
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<std::byte>((i * 7 + i / 8192) & 0xff);
  backup.file(SyntheticBackup::entry_of("base/5/16384", 0600), big);
  backup.file("base/5/16385", "").file("base/5/16386", "small", 0640);
  auto stats = MUST(restore(backup.commit(), Scope::database));
  EXPECT_EQ(MUST(read_file(target() + "/base/5/16384")), big);
  EXPECT_EQ(text("/base/5/16385"), "");
  EXPECT_EQ(text("/base/5/16386"), "small");
  EXPECT_EQ(status("/base/5/16386").st_mode & 07777u, 0640u);
  EXPECT_EQ(status("/base/5/16384").st_mtim.tv_sec, 1'710'000'000);
  EXPECT_EQ(status("/base/5/16384").st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(status("").st_mode & 07777u, 0700u);
  EXPECT_EQ(MUST(read_file(target() + "/global/pg_control")), synthetic_control_file());
  EXPECT_FALSE(exists(target() + "/global/pg_control.restoring"));
  EXPECT_FALSE(exists(target() + "/" + repository::kUnfinishedMarker));
  EXPECT_EQ(text("/backup_label"), "START WAL LOCATION: 0/2000028\n");
  EXPECT_FALSE(exists(target() + "/tablespace_map"));
  EXPECT_TRUE(exists(target() + "/recovery.signal"));
  EXPECT_THAT(text("/postgresql.auto.conf"), HasSubstr("archive_mode = 'off'"));
  EXPECT_TRUE(exists(target() + "/pg_wal/archive_status"));
  EXPECT_EQ(status("/pg_wal/000000010000000000000002").st_size, 16 << 20);
  EXPECT_TRUE(stats.made.empty());
}

TEST_F(DataRestoreTest, FilesMayComeBeforeTheirDirectories) {
  SyntheticBackup backup(repository_);
  backup.file("base/1/2/3/file", "content").directory("base/1");
  backup.cluster();
  ASSERT_OK(restore(backup.commit()));
  EXPECT_EQ(text("/base/1/2/3/file"), "content");
}

TEST_F(DataRestoreTest, LeavesNoControlFileWhenAnythingFails) {
  SyntheticBackup backup(repository_);
  backup.cluster();
  auto entry = SyntheticBackup::entry_of("base/5/16384", 0600);
  backup.file(entry, as_bytes("sixteen thousand"));
  auto label = backup.commit();
  // Damage every pack of data in turn: one of them holds the file.
  bool damaged = false;
  for (const auto& key : repository_.memory.keys()) {
    if (key.text().find("/packs/") == std::string::npos) continue;
    auto bytes = MUST(repository_.memory.get(key, 64u << 20));
    auto changed = bytes;
    changed[150] ^= std::byte{4};
    repository_.memory.overwrite(key, changed);
    auto result = restore(label);
    if (!result) {
      damaged = true;
      EXPECT_KIND(result, ErrorKind::corrupt);
      EXPECT_FALSE(exists(target() + "/global/pg_control"));
      EXPECT_TRUE(exists(target() + "/" + repository::kUnfinishedMarker));
    }
    repository_.memory.overwrite(key, bytes);
    if (result) MUST(remove_tree(target()));
    MUST(remove_tree(target() + ".files"));
  }
  EXPECT_TRUE(damaged);
  // Whole again: the same restore takes its own place up again.
  ASSERT_OK(restore(label));
  EXPECT_EQ(text("/base/5/16384"), "sixteen thousand");
}

TEST_F(DataRestoreTest, PutsTablespacesBesideTheTargetAndRewritesTheirMap) {
  SyntheticBackup backup(repository_);
  backup.cluster();
  backup.summary().tablespaces = {{16500, "/mnt/fast"}, {16501, ""}};
  backup.tablespace_map() = "16500 /mnt/fast\n";
  auto link = SyntheticBackup::entry_of("pg_tblspc/16500", 0777);
  link.kind = FileKind::symbolic_link;
  link.link_target = "/mnt/fast";
  backup.add(link);
  backup.directory("pg_tblspc/16500/PG_15_202209061").file("pg_tblspc/16500/PG_15_202209061/5/16600", "outside");
  backup.file("pg_tblspc/16501/PG_15_202209061/5/16601", "in place");
  ASSERT_OK(restore(backup.commit()));
  auto place = target() + "-tablespaces/16500";
  EXPECT_EQ(MUST(read_text_file(place + "/PG_15_202209061/5/16600")), "outside");
  EXPECT_EQ(text("/tablespace_map"), "16500 " + place + "\n");
  char link_text[4096] = {};
  ASSERT_GT(::readlink((target() + "/pg_tblspc/16500").c_str(), link_text, sizeof link_text - 1), 0);
  EXPECT_EQ(link_text, place);
  EXPECT_EQ(text("/pg_tblspc/16501/PG_15_202209061/5/16601"), "in place");
  EXPECT_FALSE(exists("/mnt/fast"));
}

TEST_F(DataRestoreTest, DropsWhatAnEarlierLifeLeft) {
  SyntheticBackup backup(repository_);
  backup.cluster().file("standby.signal", "").file("postmaster.pid", "1").file("backup_manifest", "old");
  backup.file("postgresql.auto.conf", "primary_conninfo = 'x'\nrestore_command = 'y'\nwork_mem = '8MB'\n");
  ASSERT_OK(restore(backup.commit()));
  EXPECT_FALSE(exists(target() + "/standby.signal"));
  EXPECT_FALSE(exists(target() + "/postmaster.pid"));
  EXPECT_THAT(text("/backup_manifest"), HasSubstr("PostgreSQL-Backup-Manifest-Version"));
  EXPECT_THAT(text("/postgresql.auto.conf"), HasSubstr("work_mem = '8MB'"));
  EXPECT_THAT(text("/postgresql.auto.conf"), testing::Not(HasSubstr("primary_conninfo")));
}

TEST_F(DataRestoreTest, ListsInTheManifestWhatPgVerifybackupLooksAt) {
  SyntheticBackup backup(repository_);
  backup.cluster().file("base/5/1", "12345");
  ASSERT_OK(restore(backup.commit()));
  auto manifest = MUST(Json::parse(text("/backup_manifest")));
  std::map<std::string, uint64_t> sizes;
  const auto* files = MUST(manifest.array_of("Files"));
  for (const auto& file : *files) sizes[MUST(file.text("Path"))] = MUST(file.unsigned_integer("Size"));
  EXPECT_EQ(sizes.at("base/5/1"), 5u);
  EXPECT_EQ(sizes.at("global/pg_control"), 8192u);
  EXPECT_TRUE(sizes.contains("backup_label"));
  EXPECT_TRUE(sizes.contains(repository::kWalPlanFile));
  EXPECT_FALSE(sizes.contains("pg_wal/000000010000000000000002"));
  const auto* ranges = MUST(manifest.array_of("WAL-Ranges"));
  ASSERT_EQ(ranges->size(), 1u);
  EXPECT_EQ(MUST((*ranges)[0].text("Start-LSN")), "0/2000028");
  EXPECT_EQ(MUST((*ranges)[0].text("End-LSN")), "0/2000100");
}

TEST_F(DataRestoreTest, FetchesTheBackupsWalWhereThePacksHaveNone) {
  SyntheticBackup backup(repository_);
  backup.directory("global").file("PG_VERSION", "15\n");
  backup.file(SyntheticBackup::entry_of("global/pg_control", 0600), synthetic_control_file());
  auto label = backup.commit();
  auto missing = restore(label);
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_FALSE(exists(target() + "/global/pg_control"));
  Bytes segment(16u << 20, std::byte{5});
  MUST(repository::WalArchive(repository_.repository(), {}).put_segment({TimelineId{1}, 2}, segment, {}));
  ASSERT_OK(restore(label));
  EXPECT_EQ(MUST(read_file(target() + "/pg_wal/000000010000000000000002")), segment);
}

// ---- configuration that lies elsewhere

TEST_F(DataRestoreTest, TakesConfigurationFromTheCapturedFiles) {
  SyntheticBackup backup(repository_);
  backup.directory("global")
      .file("PG_VERSION", "15\n")
      .file(SyntheticBackup::entry_of("global/pg_control", 0600), synthetic_control_file());
  backup.file(SyntheticBackup::entry_of("pg_wal/000000010000000000000002", 0600), Bytes(16u << 20));
  backup.summary().server_settings["config_file"] = "/etc/postgresql/15/main/postgresql.conf";
  backup.summary().server_settings["hba_file"] = "/etc/postgresql/15/main/pg_hba.conf";
  backup.summary().captured_sets = {{1, "configuration", {"/etc/postgresql"}, 3, 10}};
  auto captured = [&](const std::string& path, std::string_view content) {
    auto entry = SyntheticBackup::entry_of(path, 0644);
    entry.set = 1;
    backup.file(entry, as_bytes(content));
  };
  captured("etc/postgresql/15/main/postgresql.conf",
           "data_directory = '/var/lib/postgresql/15/main'\nport = 5433\ninclude_dir = 'conf.d'\nssl_cert_file = "
           "'/no/such'\n");
  captured("etc/postgresql/15/main/pg_hba.conf", "local all all peer\n");
  captured("etc/postgresql/15/main/conf.d/10-memory.conf", "work_mem = 9MB\n");
  auto stats = MUST(restore(backup.commit()));
  auto conf = text("/postgresql.conf");
  EXPECT_THAT(conf, HasSubstr("#data_directory = '/var/lib/postgresql/15/main'"));
  EXPECT_THAT(conf, HasSubstr("\nport = 5433\n"));
  EXPECT_THAT(conf, HasSubstr("\nwork_mem = 9MB\n"));
  EXPECT_THAT(conf, HasSubstr("#ssl_cert_file"));
  EXPECT_THAT(text("/pg_hba.conf"), HasSubstr("local all all peer"));
  ASSERT_EQ(stats.made.size(), 2u);
  EXPECT_EQ(stats.made[0].origin, "the captured /etc/postgresql/15/main/postgresql.conf");
  EXPECT_EQ(MUST(read_text_file(target() + ".files/configuration/etc/postgresql/15/main/conf.d/10-memory.conf")),
            "work_mem = 9MB\n");
}

TEST_F(DataRestoreTest, MakesAMinimalConfigurationWhereNoneWasCaptured) {
  SyntheticBackup backup(repository_);
  backup.directory("global")
      .file("PG_VERSION", "15\n")
      .file(SyntheticBackup::entry_of("global/pg_control", 0600), synthetic_control_file());
  backup.file(SyntheticBackup::entry_of("pg_wal/000000010000000000000002", 0600), Bytes(16u << 20));
  backup.summary().server_settings["config_file"] = "/etc/postgresql/15/main/postgresql.conf";
  backup.summary().server_settings["max_connections"] = "321";
  backup.summary().server_settings["data_directory"] = "/var/lib/postgresql/15/main";
  auto stats = MUST(restore(backup.commit()));
  EXPECT_THAT(text("/postgresql.conf"), HasSubstr("max_connections = '321'"));
  EXPECT_THAT(text("/postgresql.conf"), testing::Not(HasSubstr("data_directory")));
  EXPECT_THAT(text("/pg_hba.conf"), HasSubstr("local all all peer"));
  EXPECT_EQ(stats.made.size(), 2u);
}

// ---- captured files

TEST_F(DataRestoreTest, RestoresCapturedFilesWithModeTimeAndLinks) {
  SyntheticBackup backup(repository_);
  backup.cluster();
  backup.summary().captured_sets = {{1, "keys", {"/etc/keys"}, 2, 10}};
  auto entry = [&](const std::string& path, uint32_t mode, FileKind kind) {
    auto made = SyntheticBackup::entry_of(path, mode);
    made.set = 1;
    made.kind = kind;
    return made;
  };
  backup.add(entry("etc/keys", 0550, FileKind::directory));
  backup.file(entry("etc/keys/api", 0440, FileKind::file), as_bytes("secret"));
  backup.file(entry("etc/keys/tool", 04755, FileKind::file), as_bytes("tool"));
  backup.add(entry("etc/keys/shared", 01777, FileKind::directory));
  backup.add(entry("etc/keys/group", 02750, FileKind::directory));
  auto link = entry("etc/keys/outside", 0777, FileKind::symbolic_link);
  link.link_target = "/etc/passwd";
  backup.add(link);
  auto twin = entry("etc/keys/twin", 0440, FileKind::hard_link);
  twin.link_target = "etc/keys/api";
  backup.add(twin);
  auto stats = MUST(restore(backup.commit(), Scope::files));
  EXPECT_FALSE(exists(target()));
  auto base = std::string(".files/keys/etc/keys");
  EXPECT_EQ(text(base + "/api"), "secret");
  EXPECT_EQ(status(base).st_mode & 07777u, 0550u);
  EXPECT_EQ(status(base).st_mtim.tv_sec, 1'710'000'000);
  EXPECT_EQ(status(base + "/api").st_mode & 07777u, 0440u);
  EXPECT_EQ(status(base + "/tool").st_mode & 07777u, 04755u);
  EXPECT_EQ(status(base + "/shared").st_mode & 07777u, 01777u);
  EXPECT_EQ(status(base + "/group").st_mode & 07777u, 02750u);
  EXPECT_EQ(stats.captured.special_bits, 0u);
  EXPECT_TRUE(S_ISLNK(status(base + "/outside").st_mode));
  EXPECT_EQ(status(base + "/twin").st_ino, status(base + "/api").st_ino);
  EXPECT_EQ(stats.captured.files, 2u);
  ASSERT_EQ(::chmod((target() + base).c_str(), 0700), 0);  // so that the test can clean up
}

// ---- hostile file tables. The decoder refuses most of them already; what it lets pass is refused here

TEST_F(DataRestoreTest, SpecialBitsOfTheDataDirectoryAreLeftOutAndCounted) {
  SyntheticBackup backup(repository_);
  backup.cluster().directory("log", 02750).directory("pg_stat", 01700);
  backup.file("base/5/1", "x", 06700);
  auto stats = MUST(restore(backup.commit()));
  EXPECT_EQ(stats.special_bits, 3u);
  EXPECT_EQ(status("/log").st_mode & 07777u, 0700u);
  EXPECT_EQ(status("/pg_stat").st_mode & 07777u, 0700u);
  EXPECT_EQ(status("/base/5/1").st_mode & 07777u, 0700u);
}

TEST_F(DataRestoreTest, RefusesLinksInTheDataDirectory) {
  auto link = SyntheticBackup::entry_of("base/5/1", 0777);
  link.kind = FileKind::symbolic_link;
  link.link_target = "/etc";
  EXPECT_KIND(restore_with(link), ErrorKind::corrupt);
  link.path = "pg_tblspc/16500";  // a tablespace that the manifest does not know
  EXPECT_KIND(restore_with(link), ErrorKind::corrupt);
  link.path = "pg_tblspc/x";
  EXPECT_KIND(restore_with(link), ErrorKind::corrupt);
  auto hard = SyntheticBackup::entry_of("base/5/2", 0600);
  hard.kind = FileKind::hard_link;
  hard.link_target = "PG_VERSION";
  EXPECT_KIND(restore_with(hard), ErrorKind::corrupt);
}

TEST_F(DataRestoreTest, RefusesAPathNamedTwice) {
  auto twice = restore_with(SyntheticBackup::entry_of("PG_VERSION", 0600));
  EXPECT_KIND(twice, ErrorKind::corrupt);
  EXPECT_THAT(twice.error().message(), HasSubstr("twice"));
  EXPECT_KIND(restore_with(SyntheticBackup::entry_of("global/pg_control", 0600), as_text(synthetic_control_file())),
              ErrorKind::corrupt);
  EXPECT_KIND(restore_with(SyntheticBackup::entry_of("PG_VERSION/below", 0600)), ErrorKind::corrupt);
  EXPECT_KIND(restore_with(SyntheticBackup::entry_of("backup_label", 0600)), ErrorKind::corrupt);
}

TEST_F(DataRestoreTest, RefusesWalThatIsNone) {
  EXPECT_KIND(restore_with(SyntheticBackup::entry_of("pg_wal/RECOVERYXLOG", 0600)), ErrorKind::corrupt);
  EXPECT_KIND(restore_with(SyntheticBackup::entry_of("pg_wal/archive_status/000000010000000000000002.ready", 0600)),
              ErrorKind::corrupt);
}

TEST_F(DataRestoreTest, RefusesTheControlFileOfAnotherCluster) {
  SyntheticBackup backup(repository_);
  backup.directory("global").file("PG_VERSION", "15\n");
  auto control = synthetic_control_file();
  control[0] ^= std::byte{1};
  uint32_t crc = crc32c(0, ByteView(control).first(288));
  std::memcpy(control.data() + 288, &crc, sizeof crc);
  backup.file(SyntheticBackup::entry_of("global/pg_control", 0600), control);
  auto other = restore(backup.commit());
  EXPECT_KIND(other, ErrorKind::corrupt);
  EXPECT_THAT(other.error().message(), HasSubstr("pg_control is of cluster"));
}

TEST_F(DataRestoreTest, RefusesABackupWithoutAControlFile) {
  SyntheticBackup backup(repository_);
  backup.directory("global").file("PG_VERSION", "15\n");
  EXPECT_KIND(restore(backup.commit()), ErrorKind::corrupt);
}

TEST_F(DataRestoreTest, NeverFollowsALinkOfACapturedSet) {
  SyntheticBackup backup(repository_);
  backup.cluster();
  backup.summary().captured_sets = {{1, "keys", {"/etc/keys"}, 1, 1}};
  auto outside = directory_.path() + "/outside";
  MUST(make_directories(outside, 0700));
  auto link = SyntheticBackup::entry_of("etc/keys", 0777);
  link.set = 1;
  link.kind = FileKind::symbolic_link;
  link.link_target = outside;
  backup.add(link);
  auto child = SyntheticBackup::entry_of("etc/keys/owned", 0600);
  child.set = 1;
  backup.file(child, as_bytes("evil"));
  EXPECT_KIND(restore(backup.commit(), Scope::files), ErrorKind::corrupt);
  EXPECT_TRUE(MUST(list_directory(outside)).empty());
}

TEST_F(DataRestoreTest, RefusesSetsThatTheManifestDoesNotNameOrNamesBadly) {
  auto entry = SyntheticBackup::entry_of("etc/keys", 0600);
  entry.set = 7;
  SyntheticBackup backup(repository_);
  backup.cluster();
  backup.summary().captured_sets = {{1, "keys", {"/etc/keys"}, 1, 1}};
  backup.file(entry, as_bytes("x"));
  EXPECT_KIND(restore(backup.commit()), ErrorKind::corrupt);
  MUST(remove_tree(target()));
  MUST(remove_tree(target() + ".files"));
  for (const char* name : {"../up", "a/b", ".", ""}) {
    SyntheticBackup named(repository_);
    named.cluster();
    named.summary().captured_sets = {{1, name, {"/etc/keys"}, 0, 0}};
    SCOPED_TRACE(name);
    EXPECT_KIND(restore(named.commit()), ErrorKind::corrupt);
    MUST(remove_tree(target()));
    MUST(remove_tree(target() + ".files"));
  }
}

}  // namespace
}  // namespace spendsync::restore
