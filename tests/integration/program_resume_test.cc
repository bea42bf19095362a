// A full backup that is killed is taken up again by the next one, which sends only what is missing.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <thread>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

class Resume : public ::testing::Test {
 protected:
  Resume() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    // Digests do not compress much: the packs are as large as they can be for the rows.
    server_.psql(
        "create table noise as select i, sha512(i::text::bytea) || sha512((-i)::text::bytea) as bytes"
        " from generate_series(1, 500000) i");
    server_.psql("vacuum freeze noise");  // else the next reader changes every page: hint bits
    server_.psql("checkpoint");
  }

  std::string packs_directory(const std::string& label) {
    auto base = installation_.repository_path() + "/" + cluster_folder();
    return base + "/backups/" + label + "/packs";
  }
  /// "<cluster>/<system identifier>"
  std::string cluster_folder() {
    for (const auto& cluster : MUST(list_directory(installation_.repository_path()))) {
      auto inside = list_directory(installation_.repository_path() + "/" + cluster);
      if (inside && !inside->empty()) return cluster + "/" + inside->front();
    }
    return "";
  }
  std::vector<std::string> labels() {
    auto found = list_directory(installation_.repository_path() + "/" + cluster_folder() + "/backups");
    return found ? *found : std::vector<std::string>();
  }
  struct Packs {
    uint64_t bytes = 0;
    std::map<std::string, uint64_t> sizes;
  };
  Packs packs_of(const std::string& label) {
    Packs packs;
    auto names = list_directory(packs_directory(label));
    if (!names) return packs;
    for (const auto& name : *names) {
      struct stat status {};
      if (name.find('.') != std::string::npos || stat((packs_directory(label) + "/" + name).c_str(), &status) != 0) {
        continue;
      }
      packs.sizes[name] = static_cast<uint64_t>(status.st_size);
      packs.bytes += static_cast<uint64_t>(status.st_size);
    }
    return packs;
  }

  /// Starts a full backup and kills it when finished packs hold this many bytes. Its label.
  std::string kill_at(uint64_t bytes) {
    const auto before = labels();
    auto command = installation_.command({"backup", "full", "--no-resume"});
    command.output_file = installation_.directory() + "/killed.log";
    auto child = MUST(ChildProcess::start(command));
    std::string label;
    while (label.empty() || packs_of(label).bytes < bytes) {
      const auto now = labels();
      for (const auto& one : now) {
        if (std::find(before.begin(), before.end(), one) == before.end()) label = one;
      }
      if (child.wait({}, std::chrono::milliseconds(1))) {
        ADD_FAILURE() << "it ended before it could be killed\n" << MUST(read_text_file(command.output_file));
        return label;
      }
    }
    child.kill(SIGKILL);
    MUST(child.wait({}, kTimeout));
    return label;
  }

  SystemClock clock_;
  RealServer server_;
  Installation installation_;
};

TEST_F(Resume, AKilledBackupIsTakenUpAgainAndSendsUnderAQuarter) {
  const auto whole = installation_.must_summarize({"backup", "full"});
  const auto whole_bytes = MUST(whole.unsigned_integer("stored_bytes"));
  ASSERT_GT(whole_bytes, 40u << 20);
  const auto label = kill_at(whole_bytes * 8 / 10);
  const auto interrupted = packs_of(label);
  const auto row_digest = "select count(*), sum(hashtext(i::text || bytes::text)) from noise";
  server_.psql("update noise set i = -i where i <= 1000");
  const auto expected = server_.psql(row_digest);

  const auto output = installation_.run({"backup", "full", "--json"});
  ASSERT_EQ(output.exit_status, 0) << output.err;
  auto lines = output.out;
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  const auto summary = MUST(Json::parse(lines.substr(lines.rfind('\n') + 1)));
  EXPECT_EQ(MUST(summary.text("label")), label);
  EXPECT_TRUE(MUST(summary.boolean("resumed")));
  EXPECT_NE((output.out + output.err).find("taking up " + label + " again"), std::string::npos);
  uint64_t sent_again = 0;
  const auto now = packs_of(label);
  for (const auto& [name, size] : now.sizes) {
    if (!interrupted.sizes.contains(name)) sent_again += size;
  }
  EXPECT_LT(sent_again * 4, whole_bytes);
  EXPECT_GT(MUST(summary.unsigned_integer("reused_bytes")) * 10, whole_bytes * 7);

  const auto day = TimeZone::utc().day_of(clock_.now());
  const auto verified = installation_.run({"verify", "full", day});
  EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  const auto judged = installation_.directory() + "/judged";
  installation_.must_run({"restore", "full", day, "--target", judged, "--no-start"});
  if (server_.clients_match()) server_.run({"pg_verifybackup", judged});
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "full", day, "--target", target});
  server_.stop();
  server_.run({server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", target, "-l", target + ".log", "-o",
               "-c unix_socket_directories=" + server_.directory() + " -c port=5439"});
  auto digest = server_.run({"psql", "-X", "-A", "-t", "-q", "-h", server_.directory(), "-p", "5439", "-U", "postgres",
                             "-c", row_digest, "postgres"});
  digest.pop_back();
  EXPECT_EQ(digest, expected);
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-D", target});
}

TEST_F(Resume, BeginsAfreshWhenToldToOrWhenTheOtherRunLives) {
  installation_.must_run({"backup", "full"});
  const auto label = kill_at(20u << 20);
  const auto afresh = installation_.must_summarize({"backup", "full", "--no-resume"});
  EXPECT_NE(MUST(afresh.text("label")), label);
  EXPECT_EQ(MUST(afresh.unsigned_integer("reused_bytes")), 0u);

  // A session of somebody who still works on that label.
  const auto lock = fmt::format("select pg_advisory_lock({}, {})", 0x55b5,
                                static_cast<int32_t>(crc32c(0, as_bytes("test/" + label))));
  auto holder = MUST(ChildProcess::start(
      server_.command({"psql", "-X", "-q", "-c", lock, "-c", "select pg_sleep(600)", server_.connection_string()})));
  while (server_.psql("select count(*) from pg_locks where locktype = 'advisory' and granted") == "0") {
    std::this_thread::yield();
  }
  const auto beside = installation_.must_summarize({"backup", "full"});
  EXPECT_NE(MUST(beside.text("label")), label);
  server_.psql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted");
  MUST(holder.wait({}, kTimeout));
  const auto resumed = installation_.must_summarize({"backup", "full"});
  EXPECT_EQ(MUST(resumed.text("label")), label);
}

TEST_F(Resume, OnlyARunIsTakenUpWhoseLifeCanBeSeenFromHere) {
  installation_.must_run({"backup", "full"});
  const auto label = kill_at(20u << 20);
  server_.psql("create database elsewhere");  // advisory locks are of one database
  installation_.reconfigure(server_.connection_string(), server_.connection_string("elsewhere"));
  const auto output = installation_.run({"backup", "full"});
  ASSERT_EQ(output.exit_status, 0) << output.err;
  EXPECT_EQ(output.out.find("taking up"), std::string::npos) << output.out;
  EXPECT_NE((output.out + output.err).find(label + " is not taken up again: whether it lives can be told only from"),
            std::string::npos)
      << output.out << output.err;
  EXPECT_NE((output.out + output.err).find("database postgres"), std::string::npos) << output.out << output.err;
  installation_.reconfigure(server_.connection_string("elsewhere"), server_.connection_string());
  EXPECT_EQ(MUST(installation_.must_summarize({"backup", "full"}).text("label")), label);
}

TEST_F(Resume, BeginsAfreshWithNewKeysWhereAKeyWasAdded) {
  installation_.must_run({"backup", "full"});
  const auto label = kill_at(20u << 20);
  const auto new_key = installation_.directory() + "/new.key";
  server_.run({"/bin/sh", "-c", "umask 077; openssl rand 32 > " + new_key});
  const auto line = [](const std::string& path) { return fmt::format("    - {{ type: key-file, path: {} }}\n", path); };
  installation_.reconfigure(line(installation_.key_file()), line(installation_.key_file()) + line(new_key));
  const auto output = installation_.run({"backup", "full"});
  ASSERT_EQ(output.exit_status, 0) << output.err;
  EXPECT_NE((output.out + output.err).find(label + " is not taken up again, a new backup begins"), std::string::npos)
      << output.out << output.err;
  EXPECT_NE((output.out + output.err).find("has no wrap of key-file"), std::string::npos) << output.out << output.err;
  EXPECT_EQ(labels().size(), 3u) << "a label, and with it keys, of its own";
}

}  // namespace
}  // namespace spendsync::testing
