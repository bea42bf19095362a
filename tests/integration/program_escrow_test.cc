// Key file and server are gone: what an offline escrow key alone brings back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class Escrow : public ::testing::Test {
 protected:
  Escrow() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    offline_ = server_.make_directory("offline");
    make_pair("x25519", {"-algorithm", "X25519", "-aes256", "-pass", "pass:correct horse"});
    make_pair("rsa", {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"});
    server_.run({"/bin/sh", "-c", fmt::format("umask 077; echo 'correct horse' > {}/passphrase", offline_)});
    installation_.reconfigure(
        "encryption:\n  keys:\n",
        fmt::format("encryption:\n  keys:\n    - {{ type: escrow, public_key: {0}/x25519-public.pem }}\n"
                    "    - {{ type: escrow, public_key: {0}/rsa-public.pem }}\n",
                    installation_.directory()));
  }

  /// The private half goes to the offline directory, the public one beside the configuration.
  void make_pair(const std::string& name, std::vector<std::string> how) {
    const auto private_key = offline_ + "/" + name + ".pem";
    how.insert(how.begin(), {"/usr/bin/openssl", "genpkey"});
    how.insert(how.end(), {"-out", private_key});
    server_.run(how);
    server_.run({"/usr/bin/openssl", "pkey", "-in", private_key, "-passin", "pass:correct horse", "-pubout", "-out",
                 installation_.directory() + "/" + name + "-public.pem"});
    server_.run({"/bin/chmod", "600", private_key});
  }

  std::vector<std::string> with_key(const std::string& name, std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--escrow-key", offline_ + "/" + name + ".pem"});
    if (name == "x25519") arguments.insert(arguments.end(), {"--escrow-passphrase-file", offline_ + "/passphrase"});
    return arguments;
  }

  /// The server goes on, on timeline 2: recovery then asks for its history, which no window holds.
  void switch_timeline() {
    server_.stop();
    server_.run({"/usr/bin/touch", server_.data_directory() + "/standby.signal"});
    server_.start();
    server_.psql("select pg_promote()");
  }

  /// What the restored directory holds, read by a server of its own.
  std::string count_in(const std::string& directory) {
    const auto socket = server_.make_directory("s");
    const auto pg_ctl = server_.bin_directory() + "/pg_ctl";
    server_.run({pg_ctl, "start", "-w", "-D", directory, "-l", directory + ".log", "-o",
                 "-c unix_socket_directories=" + socket + " -c port=6000 -c listen_addresses="});
    const std::string recovered = "do $$ begin while pg_is_in_recovery() loop perform pg_sleep(0.05); end loop; end $$";
    auto rows = server_.run({"psql", "-XAtq", "-h", socket, "-p", "6000", "-U", "postgres", "-c", recovered, "-c",
                             "select count(*), sum(n) from t", "postgres"});
    server_.run({pg_ctl, "stop", "-w", "-m", "fast", "-D", directory});
    return rows;
  }

  RealServer server_;
  Installation installation_;
  std::string offline_;
};

TEST_F(Escrow, TheEscrowKeyAloneBringsEverythingBack) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t select generate_series(1001, 2000)");
  switch_timeline();
  server_.psql("insert into t select generate_series(2001, 3000)");
  installation_.must_run({"backup", "transaction_logs"});
  server_.stop("immediate");
  MUST(remove_tree(server_.data_directory()));
  MUST(remove_tree(installation_.key_file()));

  const auto without = installation_.run({"list"});
  EXPECT_EQ(without.exit_status, 5) << without.err;
  EXPECT_THAT(without.err, HasSubstr("key file " + installation_.key_file() + " does not exist"));
  EXPECT_THAT(without.err, HasSubstr("[SSB-1202]"));

  for (const std::string name : {"x25519", "rsa"}) {
    EXPECT_THAT(installation_.must_run(with_key(name, {"list"})), HasSubstr("-full"));
    const auto day = TimeZone::utc().day_of(SystemClock().now());
    EXPECT_THAT(installation_.must_run(with_key(name, {"verify", "full", day})), HasSubstr(" 0 finding(s)"));
    const std::string target = installation_.directory() + "/by-" + name;
    installation_.must_run(with_key(name, {"restore", "--latest", "--target", target}));
    EXPECT_EQ(count_in(target), "3000|4501500\n") << name;
    EXPECT_FALSE(exists(target + "/spendsync-restore.plan"));
  }
  // A sandbox recovers with a key that is lent as well; by SQL where the client programs are there.
  if (!exists(server_.bin_directory() + "/pg_dump")) return;
  const auto dump = installation_.must_run(with_key(
      "x25519", {"export", "--latest", "--format", "sql", "--database", "postgres", "--table", "t", "--output", "-"}));
  EXPECT_NE(dump.find("\n3000\n"), std::string::npos) << "the last row, which is in WAL alone";
}

TEST_F(Escrow, RecoversAtTheFirstStartWhereThatWasAskedFor) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t select generate_series(1001, 2000)");
  installation_.must_run({"backup", "transaction_logs"});
  MUST(remove_tree(installation_.key_file()));
  const std::string target = installation_.directory() + "/later";
  installation_.must_run(with_key("x25519", {"restore", "--latest", "--no-start", "--target", target}));
  EXPECT_EQ(count_in(target), "2000|2001000\n");
}

TEST_F(Escrow, RootBringsAKeyThatOnlyRootReads) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root drops its rights";
  installation_.must_run({"backup", "full"});
  const auto own = offline_ + "/root.pem";
  MUST(replace_file(own, MUST(read_file(offline_ + "/rsa.pem")), 0600));  // root's
  EXPECT_NE(installation_.run({"list", "--escrow-key", own}).exit_status, 0);
  const auto listed = installation_.run_as_caller({"list", "--escrow-key", own});
  EXPECT_EQ(listed.exit_status, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("-full"));
}

TEST_F(Escrow, WritesNothingAndRefusesWhatDoesNotFit) {
  server_.psql("create table t as select generate_series(1, 10) as n");
  installation_.must_run({"backup", "full"});
  for (const auto& command : {std::vector<std::string>{"backup", "full"}, {"backup", "transaction_logs"}}) {
    const auto refused = installation_.run(with_key("rsa", command));
    EXPECT_EQ(refused.exit_status, 4) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("nothing new is written with it alone"));
    EXPECT_THAT(refused.err, HasSubstr("keys rewrap --escrow-key"));
    EXPECT_THAT(refused.err, HasSubstr("[SSB-1207]"));
  }
  const auto no_terminal = installation_.run({"list", "--escrow-key", offline_ + "/x25519.pem"});
  EXPECT_EQ(no_terminal.exit_status, 4);
  EXPECT_THAT(no_terminal.err, HasSubstr("no terminal"));
  EXPECT_THAT(no_terminal.err, HasSubstr("--escrow-passphrase-file"));

  server_.run({"/bin/sh", "-c", fmt::format("umask 077; echo 'wrong horse' > {}/passphrase", offline_)});
  const auto wrong = installation_.run(with_key("x25519", {"list"}));
  EXPECT_EQ(wrong.exit_status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("the passphrase does not open escrow key"));
  EXPECT_THAT(wrong.err, HasSubstr("[SSB-1206]"));
  EXPECT_THAT(wrong.err, ::testing::Not(HasSubstr("wrong horse")));

  server_.run({"/bin/chmod", "644", offline_ + "/rsa.pem"});
  const auto readable = installation_.run(with_key("rsa", {"list"}));
  EXPECT_EQ(readable.exit_status, 4);
  EXPECT_THAT(readable.err, HasSubstr("must be 0600 or 0400"));
  EXPECT_THAT(readable.err, HasSubstr("[SSB-1203]"));

  server_.run({"/usr/bin/openssl", "genpkey", "-algorithm", "X25519", "-out", offline_ + "/other.pem"});
  server_.run({"/bin/chmod", "600", offline_ + "/other.pem"});
  const auto other = installation_.run(with_key("other", {"list"}));
  EXPECT_EQ(other.exit_status, 1) << other.err;
  EXPECT_THAT(other.err, HasSubstr("none of the configured keys opens it"));
}

}  // namespace
}  // namespace spendsync::testing
