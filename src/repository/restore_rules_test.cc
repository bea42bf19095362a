#include "repository/restore_rules.h"

#include "base/testing.h"
#include "repository/backup_run.h"
#include "repository/catalog.h"
#include "repository/testing/sample_repository.h"
#include "repository/verify_objects.h"

namespace spendsync::repository {
namespace {

using ::testing::HasSubstr;

FileEntry entry_of(std::string path, FileKind kind = FileKind::file, uint32_t set = 0) {
  FileEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  entry.set = set;
  entry.mode = kind == FileKind::directory ? 0700 : 0600;
  if (kind == FileKind::symbolic_link) entry.link_target = "/mnt/fast";
  return entry;
}

/// A backup that breaks one rule, and what the refusal names.
struct Broken {
  std::vector<FileEntry> entries;
  std::function<void(ManifestSummary&, BackupRun::ServerFiles&)> change;
  std::string named;
};

std::vector<Broken> broken_backups() {
  auto nothing = [](ManifestSummary&, BackupRun::ServerFiles&) {};
  auto control = entry_of("global/pg_control");
  return {
      {{control, entry_of("pg_tblspc/16500", FileKind::symbolic_link)}, nothing, "pg_tblspc/16500"},
      {{control, entry_of("pg_tblspc/16500/PG_15_1/5/1")}, nothing, "pg_tblspc/16500/PG_15_1/5/1"},
      {{control, entry_of("pg_tblspc/16500", FileKind::directory)},
       [](ManifestSummary& summary, auto& files) {
         summary.tablespaces = {{16501, "/mnt/fast"}};
         files.tablespace_map = "16501 /mnt/fast\n";
       },
       "pg_tblspc/16500"},
      {{control, entry_of("base/5/link", FileKind::symbolic_link)}, nothing, "base/5/link"},
      {{control, entry_of("pg_wal/RECOVERYXLOG")}, nothing, "pg_wal/RECOVERYXLOG"},
      {{control, entry_of("etc/keys", FileKind::file, 7)}, nothing, "etc/keys"},
      {{control},
       [](ManifestSummary& summary, auto&) {
         summary.captured_sets = {{1, "../up", {"/etc"}, 0, 0}};
       },
       "up"},
      {{control}, [](auto&, auto& files) { files.backup_label.clear(); }, "backup_label"},
      {{control}, [](auto&, auto& files) { files.tablespace_map = "16500 /mnt/fast\n"; }, "tablespace_map"},
      {{control, control}, nothing, "pg_control"},
      {{}, nothing, "pg_control"},
  };
}

Result<ManifestSummary> commit(Repository& repository, const Broken& broken, bool must_be_restorable) {
  BackupRun::Settings settings;
  settings.must_be_restorable = must_be_restorable;
  auto run = TRY(BackupRun::begin(repository, settings, {}));
  for (const auto& entry : broken.entries) TRY(run->add_file(entry));
  ManifestSummary summary;
  summary.page_size = 8192;
  summary.major_version = 15;
  BackupRun::ServerFiles files{"label", ""};
  broken.change(summary, files);
  return run->commit(std::move(summary), std::move(files));
}

TEST(RestoreRules, WhatARestoreWouldRefuseIsNotListed) {
  SampleWorld world;
  auto repository = world.open();
  for (const auto& broken : broken_backups()) {
    SCOPED_TRACE(broken.named);
    auto committed = commit(*repository, broken, true);
    EXPECT_KIND(committed, ErrorKind::refused);
    EXPECT_THAT(committed.error().message(), HasSubstr(broken.named));
  }
  EXPECT_TRUE(MUST(Catalog::load(*repository, {})).backups().empty());
}

TEST(RestoreRules, WhatARestoreWouldRefuseIsAFindingOfVerify) {
  SampleWorld world;
  auto repository = world.open();
  for (const auto& broken : broken_backups()) {
    SCOPED_TRACE(broken.named);
    auto label = MUST(commit(*repository, broken, false)).label;
    auto report = MUST(verify_backup(*repository, label, {}, {}));
    ASSERT_FALSE(report.findings.empty());
    EXPECT_THAT(report.findings.front().what, HasSubstr(broken.named));
  }
}

TEST(RestoreRules, SpecialBitsAndTablespacesThatTheManifestNamesAreNoReason) {
  SampleWorld world;
  auto repository = world.open();
  auto log = entry_of("log", FileKind::directory);
  log.mode = 02750;
  Broken whole{{entry_of("global/pg_control"), log, entry_of("pg_tblspc/16500", FileKind::symbolic_link),
                entry_of("pg_tblspc/16500/PG_15_1/5/1")},
               [](ManifestSummary& summary, auto& files) {
                 summary.tablespaces = {{16500, "/mnt/fast"}};
                 files.tablespace_map = "16500 /mnt/fast\n";
               },
               {}};
  auto label = MUST(commit(*repository, whole, true)).label;
  EXPECT_TRUE(MUST(verify_backup(*repository, label, {}, {})).findings.empty());
}

}  // namespace
}  // namespace spendsync::repository
