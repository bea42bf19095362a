// `init`: from a bare cluster to a working backup, scripted, without ever overwriting.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

CommandOutput run_plain(std::vector<std::string> arguments) {
  Command command;
  command.arguments = std::move(arguments);
  return MUST(run_command(command, {}, kTimeout));
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

uid_t owner_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_uid;
}

/// The program, and places of its own to write to.
class InitCommand : public ::testing::Test {
 protected:
  InitCommand() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    output_ = installation_.directory() + "/new/backup-config.yml";
    repository_ = installation_.directory() + "/new-backups";
  }

  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {installation_.program(),
                                    "init",
                                    "--yes",
                                    "--output",
                                    output_,
                                    "--base",
                                    installation_.directory() + "/new-base",
                                    "--repository",
                                    repository_,
                                    "--cluster"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  CommandOutput init(const std::vector<std::string>& more) const { return run_plain(words(more)); }
  CommandOutput program(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {installation_.program(), "--config", output_});
    return run_plain(std::move(arguments));
  }

  RealServer server_;
  Installation installation_;
  std::string output_;
  std::string repository_;
};

TEST_F(InitCommand, LeadsToAWorkingBackup) {
  const auto made = init({server_.data_directory()});
  EXPECT_EQ(made.exit_status, 0) << made.out << made.err;
  EXPECT_TRUE(contains(made.out, "STORE THE KEY ELSEWHERE, NOW: ")) << made.out;
  EXPECT_TRUE(contains(made.out, "On the server I change nothing.")) << made.out;
  EXPECT_TRUE(contains(made.out, "OK       the next backup can run")) << made.out;
  EXPECT_TRUE(contains(made.out, "--config " + output_ + " backup full")) << made.out;
  const std::string key = installation_.directory() + "/new/repository.key";
  EXPECT_EQ(mode_of(key), 0600u);
  EXPECT_EQ(owner_of(key), owner_of(server_.data_directory()));
  EXPECT_EQ(mode_of(output_), geteuid() == 0 ? 0640u : 0600u);
  EXPECT_EQ(owner_of(output_), geteuid());
  EXPECT_EQ(MUST(read_file(key)).size(), 32u);
  EXPECT_EQ(server_.psql("select count(*) from pg_replication_slots"), "0");

  const auto valid = program({"config", "validate"});
  EXPECT_EQ(valid.exit_status, 0) << valid.out << valid.err;
  const auto backup = program({"backup", "full"});
  EXPECT_EQ(backup.exit_status, 0) << backup.out << backup.err;
  const auto status = program({"status"});
  EXPECT_EQ(status.exit_status, 0) << status.out << status.err;
  EXPECT_TRUE(status.out.starts_with("SAFE")) << status.out;
}

TEST_F(InitCommand, NeverOverwritesAndUsesAKeyThatIsThere) {
  const auto key = MUST(read_file(installation_.key_file()));
  auto made = init({server_.data_directory(), "--key", installation_.key_file()});
  EXPECT_EQ(made.exit_status, 0) << made.out << made.err;
  EXPECT_TRUE(contains(made.out, "the key that is there is used")) << made.out;
  EXPECT_FALSE(contains(made.out, "STORE THE KEY")) << made.out;
  EXPECT_EQ(MUST(read_file(installation_.key_file())), key);
  const auto before = MUST(read_text_file(output_));
  made = init({server_.data_directory()});
  EXPECT_EQ(made.exit_status, 4) << made.out << made.err;
  EXPECT_TRUE(contains(made.err, output_ + " exists already; nothing was changed")) << made.err;
  EXPECT_EQ(MUST(read_text_file(output_)), before);
  EXPECT_FALSE(exists(installation_.directory() + "/new/repository.key"));
}

TEST_F(InitCommand, RefusesWhatItCannotKnow) {
  const auto unknown = init({"15/no-such-cluster"});
  EXPECT_EQ(unknown.exit_status, 4) << unknown.out << unknown.err;
  EXPECT_TRUE(contains(unknown.err, "hint: ")) << unknown.err;
  const auto nowhere = init({installation_.directory()});
  EXPECT_EQ(nowhere.exit_status, 4) << nowhere.out << nowhere.err;
  const auto silent = run_plain({installation_.program(), "init", "--output", output_});
  EXPECT_EQ(silent.exit_status, 2) << silent.out << silent.err;
  EXPECT_TRUE(contains(silent.err, "init --yes")) << silent.err;
  EXPECT_FALSE(exists(output_));
}

/// A cluster as Debian makes it: configuration in /etc/postgresql, peer login, the common socket directory.
class DebianCluster {
 public:
  explicit DebianCluster(const std::string& data_directory) : name_(fmt::format("ssbtest{}", getpid())) {
    const auto made = run_plain({"pg_createcluster", "15", name_, "-d", data_directory, "--start"});
    EXPECT_EQ(made.exit_status, 0) << made.out << made.err;
  }
  ~DebianCluster() { run_plain({"pg_dropcluster", "--stop", "15", name_}); }
  std::string title() const { return "15/" + name_; }
  std::string configuration() const { return "/etc/postgresql/15/" + name_; }

 private:
  std::string name_;
};

TEST_F(InitCommand, ADebianClusterWithPeerLoginIsBackedUpByRootAndByItsOwner) {
  if (geteuid() != 0 || !exists("/usr/bin/pg_createcluster")) GTEST_SKIP() << "needs root and postgresql-common";
  const std::string data = installation_.directory() + "/debian";
  const DebianCluster cluster(data);
  const auto made = init({cluster.title()});
  EXPECT_EQ(made.exit_status, 0) << made.out << made.err;
  EXPECT_TRUE(contains(MUST(read_text_file(output_)), cluster.configuration()));
  EXPECT_TRUE(contains(MUST(read_text_file(output_)), "user=postgres dbname=postgres"));
  const auto backup = program({"--json", "backup", "full"});
  EXPECT_EQ(backup.exit_status, 0) << backup.out << backup.err;
  const auto as_owner =
      run_plain({"runuser", "-u", "postgres", "--", installation_.program(), "--config", output_, "backup", "full"});
  EXPECT_EQ(as_owner.exit_status, 0) << as_owner.out << as_owner.err;
  const auto checked = program({"check"});
  EXPECT_EQ(checked.exit_status, 0) << checked.out << checked.err;
  EXPECT_TRUE(contains(checked.out, "files.captured"));
}

}  // namespace
}  // namespace spendsync::testing
