#include "restore/recovery.h"

#include <gmock/gmock.h>

#include "base/subprocess.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

TEST(RestoreCommand, SurvivesShellAndPlaceholders) {
  auto command = restore_command({"/opt/a b/it's 100%/spendsync-backup", "/etc/x.yml", "spendsync-restore.plan"});
  // As PostgreSQL does: %% is a percent sign, then the shell takes it apart.
  std::string expanded;
  for (size_t i = 0; i < command.size(); ++i) {
    if (command[i] != '%') {
      expanded += command[i];
      continue;
    }
    ++i;
    expanded += command[i] == '%' ? "%" : command[i] == 'f' ? "FILE" : "PATH";
  }
  Command shell;
  shell.arguments = {"/bin/sh", "-c", "printf '%s|' " + expanded};
  EXPECT_EQ(MUST(run_checked(shell, {}, std::chrono::seconds(10))),
            "/opt/a b/it's 100%/spendsync-backup|--config|/etc/x.yml|wal|get|--plan|spendsync-restore.plan|FILE|PATH|");
}

TEST(RecoveryServerSettings, KeepTheCopyToItselfAndLargeEnough) {
  repository::ManifestSummary backup;
  backup.server_settings = {{"max_connections", "321"},
                            {"max_wal_senders", "7"},
                            {"wal_level", "logical"},
                            {"track_commit_timestamp", "on"},
                            {"shared_preload_libraries", "no_such_library"}};
  auto settings = recovery_server_settings(backup, 15, replay_limits(backup, {{20, 24, 5, 50, 64}}));
  EXPECT_EQ(settings.at("archive_mode"), "off");
  EXPECT_EQ(settings.at("max_logical_replication_workers"), "0");
  EXPECT_EQ(settings.at("hot_standby"), "on");
  EXPECT_EQ(settings.at("max_connections"), "321");
  EXPECT_EQ(settings.at("max_wal_senders"), "7");
  EXPECT_EQ(settings.at("max_prepared_transactions"), "50");
  EXPECT_EQ(settings.at("wal_level"), "logical");
  EXPECT_EQ(settings.at("track_commit_timestamp"), "on");
  EXPECT_EQ(settings.at("shared_preload_libraries"), "");
  EXPECT_EQ(settings.at("recovery_init_sync_method"), "syncfs");
  EXPECT_FALSE(recovery_server_settings(backup, 13, {}).contains("recovery_init_sync_method"));
  EXPECT_FALSE(settings.contains("allow_in_place_tablespaces"));
}

}  // namespace
}  // namespace spendsync::restore
