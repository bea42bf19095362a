// `check` on a real server: things are broken one by one, and the item that is about them turns.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

/// What one run of `check` said.
struct Checked {
  int exit_status = 0;
  std::string text;
  Json summary;

  const Json* find(const std::string& name) const {
    const Json* found = nullptr;
    const auto* items = MUST(summary.array_of("items"));
    for (const auto& item : *items) {
      const auto verdict = MUST(item.text("verdict"));
      if (MUST(item.text("name")) == name && (found == nullptr || verdict != "ok")) found = &item;
    }
    return found;
  }
  std::string member(const std::string& name, const std::string& which) const {
    const auto* item = find(name);
    if (item == nullptr) return "no such item";
    auto value = item->text(which);
    return value ? *value : std::string();
  }
  std::string verdict(const std::string& name) const { return member(name, "verdict"); }
  std::string what(const std::string& name) const { return member(name, "what"); }
  std::string fix(const std::string& name) const { return member(name, "fix"); }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> tree(const RealServer& server, const std::string& path) {
  const auto text = server.run({"/usr/bin/find", path, "-printf", "%p %m %s\n"});
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

class CheckCommand : public ::testing::Test {
 protected:
  CheckCommand()
      : server_(RealServerSettings{.bin_directory = {},
                                   .configuration = {{"max_slot_wal_keep_size", "2GB"}, {"fsync", "on"}}}),
        installation_((server_.start(), server_)) {}

  Checked check() const { return parse(installation_.run({"--json", "check"})); }
  static Checked parse(const CommandOutput& output) {
    auto text = output.out;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return {output.exit_status, output.out + output.err, MUST(Json::parse(text.substr(text.rfind('\n') + 1)))};
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(CheckCommand, BeforeTheFirstBackupAllIsWellAndNothingIsMade) {
  const auto checked = check();
  EXPECT_EQ(checked.exit_status, 0) << checked.text;
  EXPECT_EQ(checked.verdict("backups.full"), "warning") << checked.text;
  EXPECT_EQ(checked.fix("backups.full"), "spendsync-backup --config " + installation_.config_file() + " backup full");
  for (const char* name : {"keys.open", "repository.reachable", "repository.writable", "server.reachable",
                           "server.replication", "server.rights", "server.slot", "data_directory"}) {
    EXPECT_EQ(checked.verdict(name), "ok") << name << ": " << checked.what(name);
  }
  EXPECT_FALSE(exists(installation_.repository_path()));
  EXPECT_EQ(server_.psql("select count(*) from pg_replication_slots"), "0");
}

TEST_F(CheckCommand, AfterABackupItIsOkAsServerUserAndAsRootAndLeavesTheRepositoryAsItWas) {
  installation_.must_run({"backup", "full"});
  const auto before = tree(server_, installation_.repository_path());
  const auto checked = check();
  EXPECT_EQ(checked.exit_status, 0) << checked.text;
  EXPECT_EQ(MUST(checked.summary.unsigned_integer("problems")), 0u);
  EXPECT_EQ(MUST(checked.summary.unsigned_integer("not_checked")), 0u) << checked.text;
  EXPECT_EQ(checked.verdict("keys.newest"), "ok") << checked.text;
  EXPECT_EQ(checked.verdict("server.slot"), "ok") << checked.what("server.slot");
  EXPECT_EQ(parse(installation_.run_as_caller({"--json", "check"})).exit_status, 0);
  EXPECT_EQ(tree(server_, installation_.repository_path()), before);
  const auto people = installation_.run({"check"});
  EXPECT_TRUE(people.out.starts_with("OK       the next backup can run")) << people.out;
}

TEST_F(CheckCommand, TheServersSettingsTurnTheirItems) {
  installation_.must_run({"backup", "full"});
  server_.psql("alter system set max_slot_wal_keep_size = -1");
  server_.psql("alter system set full_page_writes = off");
  server_.psql("alter system set archive_mode = on");
  server_.psql("alter system set archive_command = 'false'");
  server_.psql("alter system set synchronous_standby_names = ''");
  server_.stop();
  server_.start();
  server_.psql("create table t as select 1");
  server_.psql("select pg_switch_wal()");
  for (int n = 0; n < 200 && server_.psql("select failed_count > 0 from pg_stat_archiver") != "t"; ++n) {
    server_.psql("select pg_sleep(0.1)");
  }
  const auto checked = check();
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
  EXPECT_EQ(checked.verdict("server.slot_limit"), "warning");
  EXPECT_TRUE(contains(checked.fix("server.slot_limit"), "ALTER SYSTEM SET max_slot_wal_keep_size = '"));
  EXPECT_EQ(checked.verdict("server.durability"), "warning") << checked.text;
  EXPECT_EQ(checked.verdict("server.archiver"), "problem") << checked.text;
  EXPECT_TRUE(contains(checked.fix("server.archiver"), "false")) << checked.text;
}

TEST_F(CheckCommand, AMinimalWalLevelAndAFullSetOfSlots) {
  server_.psql("alter system set wal_level = minimal");
  server_.psql("alter system set max_wal_senders = 0");
  server_.stop();
  server_.start();
  auto checked = check();
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
  EXPECT_EQ(checked.verdict("server.wal_level"), "problem");
  EXPECT_EQ(checked.verdict("server.wal_senders"), "problem");
  EXPECT_EQ(checked.verdict("server.replication"), "problem") << checked.text;
  EXPECT_EQ(checked.verdict("data_directory"), "ok");  // the rest is looked at all the same
  EXPECT_EQ(checked.verdict("space.repository"), "ok");

  server_.psql("alter system reset wal_level");
  server_.psql("alter system reset max_wal_senders");
  server_.psql("alter system set max_replication_slots = 1");
  server_.stop();
  server_.start();
  server_.psql("select pg_create_physical_replication_slot('somebody_elses')");
  checked = check();
  EXPECT_EQ(checked.verdict("server.slot"), "problem") << checked.text;
  EXPECT_EQ(checked.verdict("server.wal_level"), "ok");
}

TEST_F(CheckCommand, ALostSlotDemandsANewFullBackup) {
  installation_.must_run({"backup", "full"});
  server_.psql("alter system set max_slot_wal_keep_size = '1MB'");
  server_.psql("alter system set max_wal_size = '32MB'");
  server_.psql("alter system set min_wal_size = '32MB'");
  server_.psql("select pg_reload_conf()");
  for (int n = 0; n < 8; ++n)
    server_.psql("create table t" + std::to_string(n) + " as select 1; select pg_switch_wal()");
  server_.psql("checkpoint");
  const auto checked = check();
  EXPECT_EQ(checked.verdict("server.slot"), "problem") << checked.text;
  EXPECT_EQ(checked.fix("server.slot"), "spendsync-backup --config " + installation_.config_file() + " backup full");
  EXPECT_EQ(checked.exit_status, 10) << checked.text;
  EXPECT_EQ(checked.verdict("server.slot_limit"), "warning") << checked.text;
}

TEST_F(CheckCommand, ARoleWithoutRights) {
  server_.psql("create role poor login");
  auto config = MUST(read_text_file(installation_.config_file()));
  const auto at = config.find("user=postgres");
  ASSERT_NE(at, std::string::npos);
  config.replace(at, 13, "user=poor");
  const std::string other = installation_.directory() + "/poor.yml";
  MUST(replace_file(other, as_bytes(config), 0644));
  auto command = installation_.command({"--json", "check"});
  std::replace(command.arguments.begin(), command.arguments.end(), installation_.config_file(), other);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(other.c_str(), 0, 0), 0);
  }
  // Without the right to see settings nothing else can be judged; with it, every other missing right is named.
  auto checked = parse(MUST(run_command(command, {}, std::chrono::seconds(60))));
  EXPECT_NE(checked.exit_status, 0);
  EXPECT_TRUE(contains(checked.fix("server.reachable"), "pg_read_all_settings")) << checked.text;
  server_.psql("grant pg_read_all_settings to poor");
  checked = parse(MUST(run_command(command, {}, std::chrono::seconds(60))));
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
  EXPECT_EQ(checked.verdict("server.rights"), "problem");
  EXPECT_TRUE(contains(checked.fix("server.rights"), "ALTER ROLE \"poor\" REPLICATION;")) << checked.text;
  EXPECT_TRUE(contains(checked.fix("server.rights"), "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO \"poor\";"));
  // Exactly what it asks for is enough.
  auto grants = checked.fix("server.rights");
  server_.psql(grants.substr(grants.find(": ") + 2));
  checked = parse(MUST(run_command(command, {}, std::chrono::seconds(60))));
  EXPECT_EQ(checked.verdict("server.rights"), "ok") << checked.text;
  EXPECT_EQ(checked.exit_status, 0) << checked.text;
}

TEST_F(CheckCommand, APgHbaThatRefusesReplication) {
  const std::string hba = server_.data_directory() + "/pg_hba.conf";
  server_.run({"/bin/sh", "-c", "printf 'local all all trust\\nlocal replication all reject\\n' > \"$1\"", "sh", hba});
  server_.psql("select pg_reload_conf()");
  Checked checked;
  for (int n = 0; n < 100; ++n) {  // the postmaster reads it in its own time
    checked = check();
    if (checked.verdict("server.replication") == "problem") break;
  }
  EXPECT_EQ(checked.verdict("server.replication"), "problem") << checked.text;
  EXPECT_TRUE(contains(checked.fix("server.replication"), "add to " + hba)) << checked.text;
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
}

TEST_F(CheckCommand, AServerThatIsDownLeavesTheRestChecked) {
  installation_.must_run({"backup", "full"});
  server_.stop();
  const auto checked = check();
  EXPECT_EQ(checked.exit_status, 7) << checked.text;
  EXPECT_EQ(checked.verdict("server.reachable"), "problem");
  EXPECT_EQ(checked.verdict("server.rights"), "not checked");
  EXPECT_EQ(checked.what("server.rights"), "because the server cannot be asked");
  EXPECT_EQ(checked.verdict("repository.cluster"), "ok") << checked.text;
  EXPECT_EQ(checked.verdict("backups.full"), "ok") << checked.text;
  EXPECT_EQ(checked.verdict("keys.newest"), "ok") << checked.text;
}

TEST_F(CheckCommand, CapturedPathsThatAreMissing) {
  const std::string path = installation_.directory() + "/captured";
  installation_.configure("files:\n  - { name: etc, paths: [" + path + "] }\n");
  auto checked = check();
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
  EXPECT_EQ(checked.verdict("files.captured"), "problem");
  EXPECT_TRUE(contains(checked.what("files.captured"), path)) << checked.text;
  server_.run({"/bin/mkdir", path});
  EXPECT_EQ(check().verdict("files.captured"), "ok");
}

TEST_F(CheckCommand, AnotherKeyOpensNothing) {
  installation_.must_run({"backup", "full"});
  auto fd = MUST(open_file(installation_.key_file(), O_WRONLY | O_TRUNC));
  MUST(write_all(fd, Bytes(32, std::byte{7}), "key"));
  auto checked = check();
  EXPECT_EQ(checked.verdict("keys.open"), "ok");  // a key it is
  EXPECT_EQ(checked.verdict("repository.cluster"), "problem") << checked.text;
  EXPECT_NE(checked.exit_status, 0);
  EXPECT_EQ(checked.verdict("server.rights"), "ok") << checked.text;

  ASSERT_EQ(unlink(installation_.key_file().c_str()), 0);
  checked = check();
  EXPECT_EQ(checked.verdict("keys.open"), "problem") << checked.text;
  EXPECT_FALSE(checked.fix("keys.open").empty()) << checked.text;
  EXPECT_EQ(checked.verdict("repository.cluster"), "not checked");
  EXPECT_NE(checked.exit_status, 0);
}

TEST_F(CheckCommand, ARepositoryThatCannotBeWrittenOrIsDamaged) {
  installation_.must_run({"backup", "full"});
  const auto manifest = server_.run({"/usr/bin/find", installation_.repository_path(), "-name", "manifest"});
  const std::string path = manifest.substr(0, manifest.find('\n'));
  auto bytes = MUST(read_file(path));
  bytes[300] ^= std::byte{1};
  MUST(replace_file(path, bytes, 0600));
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    ASSERT_TRUE(user != nullptr && chown(path.c_str(), user->pw_uid, user->pw_gid) == 0);
  }
  auto checked = check();
  EXPECT_EQ(checked.verdict("backups.records"), "problem") << checked.text;
  EXPECT_EQ(checked.exit_status, 8) << checked.text;

  ASSERT_EQ(chmod(installation_.repository_path().c_str(), 0500), 0);
  checked = check();
  EXPECT_EQ(checked.verdict("repository.writable"), "problem") << checked.text;
  ASSERT_EQ(chmod(installation_.repository_path().c_str(), 0700), 0);
}

TEST_F(CheckCommand, ABrokenConfigurationLeavesEverythingElseUnchecked) {
  installation_.configure("nonsense: true\n");
  const auto checked = check();
  EXPECT_EQ(checked.exit_status, 2) << checked.text;
  EXPECT_EQ(checked.verdict("configuration"), "problem");
  EXPECT_EQ(checked.verdict("server"), "not checked");
  EXPECT_EQ(checked.verdict("keys"), "not checked");
}

TEST_F(CheckCommand, AnotherServerUnderTheSameName) {
  installation_.must_run({"backup", "full"});
  server_.stop();
  MUST(remove_tree(server_.data_directory()));
  server_.run({server_.bin_directory() + "/initdb", "-D", server_.data_directory(), "-U", "postgres", "-A", "trust"});
  const std::string lines = fmt::format("unix_socket_directories = '{}'\nlisten_addresses = ''\n", server_.directory());
  server_.run(
      {"/bin/sh", "-c", "printf \"%s\" \"$1\" >> \"$2\"", "sh", lines, server_.data_directory() + "/postgresql.conf"});
  server_.start();
  const auto checked = check();
  EXPECT_EQ(checked.verdict("repository.cluster"), "problem") << checked.text;
  EXPECT_TRUE(contains(checked.fix("repository.cluster"), "cluster adopt")) << checked.text;
  EXPECT_EQ(checked.exit_status, 4) << checked.text;
}

}  // namespace
}  // namespace spendsync::testing
