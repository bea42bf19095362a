#include "cli/commands/init_choices.h"

#include "base/file.h"
#include "base/testing.h"
#include "config/load.h"

namespace spendsync::cli {
namespace {

InitChoices choices() {
  return {.name = "main",
          .data_directory = "/var/lib/postgresql/15/main",
          .connection = "host=/var/run/postgresql port=5433 user=postgres dbname=postgres",
          .repository = "/srv/back \"ups\"",
          .key_file = "/nowhere/repository.key",
          .base_directory = "/var/lib/spendsync",
          .configuration_paths = {"/etc/postgresql/15/main"}};
}

TEST(InitConfiguration, IsValidAndSaysWhatWasChosen) {
  const auto loaded = MUST(config::parse(render_configuration(choices()), "written.yml"));
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front().to_string();
  const auto& config = loaded.config;
  EXPECT_EQ(config.cluster, "main");
  EXPECT_EQ(config.database.connection, choices().connection);
  EXPECT_EQ(config.database.data_directory, "/var/lib/postgresql/15/main");
  EXPECT_EQ(config.database.slot, "spendsync_backup_main");
  ASSERT_EQ(config.files.size(), 1u);
  EXPECT_EQ(config.files[0].name, "postgresql");
  EXPECT_EQ(config.files[0].paths, std::vector<std::string>{"/etc/postgresql/15/main"});
  EXPECT_EQ(std::get<config::DirectoryTarget>(config.storage.primary).path, "/srv/back \"ups\"");
  EXPECT_EQ(std::get<config::KeyFile>(config.encryption.keys.at(0)).path, "/nowhere/repository.key");
  EXPECT_EQ(config.restore.target_directory, "/var/lib/spendsync/restore");
  EXPECT_EQ(config.state_directory, "/var/lib/spendsync/state");
}

TEST(InitConfiguration, WithoutFilesOutsideTheDataDirectoryNoneAreCaptured) {
  auto given = choices();
  given.configuration_paths.clear();
  const auto loaded = MUST(config::parse(render_configuration(given), "written.yml"));
  EXPECT_TRUE(loaded.config.files.empty());
}

TEST(InitNames, AreWhatTheConfigurationTakes) {
  EXPECT_EQ(cluster_name_from("main"), "main");
  EXPECT_EQ(cluster_name_from("Main DB (old)"), "main-db-old");
  EXPECT_EQ(cluster_name_from("_x_"), "x");
  EXPECT_EQ(cluster_name_from("..."), "main");
  EXPECT_EQ(cluster_name_from(std::string(100, 'a')).size(), 63u);
}

TEST(InitConnection, QuotesWhatLibpqWouldSplit) {
  EXPECT_EQ(connection_string_of({.directory = "/run/pg", .port = 5433, .user = "postgres"}),
            "host=/run/pg port=5433 user=postgres dbname=postgres");
  EXPECT_EQ(connection_string_of({.directory = "/my run", .user = "o'b\\c"}),
            "host='/my run' port=5432 user='o\\'b\\\\c' dbname=postgres");
}

TEST(InitConnection, ComesFromTheRunningServersPidFile) {
  const auto directory = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
  EXPECT_KIND(address_of_running_server(directory.path()), ErrorKind::not_found);
  const std::string file = directory.path() + "/postmaster.pid";
  MUST(replace_file(file, as_bytes("42\n/data\n1700000000\n5444\n/run/a,/run/b\nlocalhost\n  1 2\nready   \n"), 0600));
  const auto address = MUST(address_of_running_server(directory.path()));
  EXPECT_EQ(address.port, 5444);
  EXPECT_EQ(address.directory, "/run/a");
  MUST(replace_file(file, as_bytes("42\n/data\n1700000000\n5444\n\nlocalhost\n"), 0600));
  EXPECT_KIND(address_of_running_server(directory.path()), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::cli
