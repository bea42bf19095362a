// Canary secrets: a key file, a password and a captured API key that are searched for, in every spelling, in all that
// passing and failing runs leave behind.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <regex>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};
constexpr std::string_view kKey = "CaNaRyKeY-0123456789-abcdefghijk";  // 32 bytes, as a key file has
constexpr std::string_view kPassword = "CaNaRyPaSsWoRd-98765";
constexpr std::string_view kApiKey = "CaNaRyApIkEy-sk-live-4242424242";

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i + 2 < text.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8u | static_cast<unsigned char>(text[i + j]);
    for (const int shift : {18, 12, 6, 0}) out += kDigits[(group >> static_cast<unsigned>(shift)) & 63u];
  }
  return out;
}

/// As it is, in hexadecimal of either case, and in base64 at each of its three alignments.
std::vector<std::string> spellings(std::string_view secret) {
  auto hex = to_hex(as_bytes(secret));
  auto upper = hex;
  for (auto& digit : upper) digit = static_cast<char>(std::toupper(static_cast<unsigned char>(digit)));
  return {std::string(secret), hex, upper, base64(secret), base64(secret.substr(1)), base64(secret.substr(2))};
}

/// Reads what the processes of the program show to others, until told to stop.
class ProcessWatcher {
 public:
  explicit ProcessWatcher(std::string word)
      : word_(std::move(word)), thread_([this](std::stop_token stop) { watch(stop); }) {}
  std::string stop() {
    thread_.request_stop();
    thread_.join();
    return seen_;
  }
  size_t processes() const { return pids_.size(); }
  const std::set<std::string>& core_limits() const { return core_limits_; }

 private:
  /// Empty: the process has ended meanwhile.
  static std::string content(const std::string& path) {
    auto text = read_text_file(path);
    return text ? *text : std::string();
  }
  void watch(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& pid : MUST(list_directory("/proc"))) {
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto arguments = content("/proc/" + pid + "/cmdline");
        if (arguments.find(word_) == std::string::npos) continue;
        seen_ += arguments + content("/proc/" + pid + "/environ");
        pids_.insert(pid);
        look_at_limits(pid, arguments);
      }
      std::this_thread::yield();
    }
  }
  /// Of the program itself, once it has begun: what starts it may dump core as it likes.
  void look_at_limits(const std::string& pid, const std::string& arguments) {
    if (!std::regex_search(arguments.substr(0, arguments.find('\0')), std::regex("/spendsync-backup$"))) return;
    std::smatch found;
    const auto limits = content("/proc/" + pid + "/limits");
    if (std::regex_search(limits, found, std::regex("Max core file size +([^ ]+) ")))
      core_limits_.insert(found[1].str());
  }

  std::string word_;
  std::string seen_;
  std::set<std::string> pids_;
  std::set<std::string> core_limits_;
  std::jthread thread_;  // last: it uses the others
};

class Secrets : public ::testing::Test {
 protected:
  Secrets() : installation_((server_.start(), server_)) {
    write(installation_.key_file(), kKey);
    app_ = server_.make_directory("app");
    write(app_ + "/api.key", kApiKey);
    password_file_ = server_.directory() + "/pgpass";
    write(password_file_, fmt::format("*:*:*:backup:{}\n", kPassword));
    installation_.configure(fmt::format("files:\n  - {{ name: application, paths: [{}] }}\n", app_));
    use_password();
  }

  void write(const std::string& path, std::string_view content) {
    MUST(replace_file(path, as_bytes(content), 0600));
    if (geteuid() != 0) return;
    MUST(run_checked(Command{{"chown", "postgres:postgres", path}, {}, {}, {}}, {}, kTimeout));
  }

  /// The program logs in with a password that it finds where libpq looks for it.
  void use_password() {
    server_.psql(fmt::format("create role backup superuser replication login password '{}'", kPassword));
    const auto hba = server_.data_directory() + "/pg_hba.conf";
    const auto rules = MUST(read_text_file(hba));
    write(hba, "local all backup scram-sha-256\nlocal replication backup scram-sha-256\n" + rules);
    server_.psql("select pg_reload_conf()");
    auto config = MUST(read_text_file(installation_.config_file()));
    const auto user = config.find("user=postgres");
    config.replace(user, 13, "user=backup passfile=" + password_file_);
    auto fd = MUST(open_file(installation_.config_file(), O_WRONLY | O_TRUNC));
    MUST(write_all(fd, as_bytes(config), installation_.config_file()));
  }

  /// Everything that a run says is kept for the search.
  CommandOutput run(std::vector<std::string> arguments) {
    auto output = installation_.run(std::move(arguments));
    said_ += output.out + output.err;
    return output;
  }

  static void expect_none(const std::string& where, std::string_view text) {
    for (const auto secret : {kKey, kPassword, kApiKey}) {
      for (const auto& spelling : spellings(secret)) {
        EXPECT_EQ(text.find(spelling), std::string_view::npos) << "a secret, as " << spelling << ", in " << where;
      }
    }
  }

  /// Every file below the directory but those that hold the secrets on purpose.
  void expect_none_in_files(const std::string& directory, const std::set<std::string>& allowed) {
    auto listing = server_.run({"/usr/bin/find", directory, "-type", "f"});
    size_t searched = 0;
    for (size_t begin = 0; begin < listing.size();) {
      const auto end = listing.find('\n', begin);
      const auto path = listing.substr(begin, end - begin);
      begin = end + 1;
      if (allowed.contains(path) || path == installation_.program()) continue;
      expect_none(path, as_text(MUST(read_file(path, 256u << 20))));
      ++searched;
    }
    EXPECT_GT(searched, 0u) << directory;
  }

  RealServer server_;
  Installation installation_;
  std::string app_;
  std::string password_file_;
  std::string said_;
};

TEST_F(Secrets, AreNowhereButWhereTheyBelong) {
  const auto today = TimeZone::utc().day_of(SystemClock().now());
  const auto target = installation_.directory() + "/target";
  ProcessWatcher watcher("spendsync-backup");
  EXPECT_EQ(run({"--verbose", "backup", "full"}).exit_status, 0) << said_;
  server_.psql("create table t as select 1");
  EXPECT_EQ(run({"--verbose", "backup", "transaction_logs"}).exit_status, 0) << said_;
  EXPECT_EQ(run({"list"}).exit_status, 0);
  EXPECT_EQ(run({"keys", "list"}).exit_status, 0);
  EXPECT_EQ(run({"config", "show"}).exit_status, 0);
  EXPECT_EQ(run({"verify", "full", today}).exit_status, 0);
  EXPECT_EQ(run({"restore", "--latest", "--target", target}).exit_status, 0) << said_;
  EXPECT_EQ(MUST(read_text_file(target + ".files/application" + app_ + "/api.key")), kApiKey) << "it was captured";

  // Failing runs: the password is wrong, the repository damaged, the key another one.
  write(password_file_, fmt::format("*:*:*:backup:{}-wrong\n", kPassword));
  EXPECT_NE(run({"--verbose", "backup", "full"}).exit_status, 0);
  auto other = std::string(kKey);
  other[5] = 'x';
  write(installation_.key_file(), other);
  EXPECT_NE(run({"--verbose", "list"}).exit_status, 0);
  write(installation_.key_file(), std::string(kKey) + "\n");
  EXPECT_NE(run({"--verbose", "verify", "full", today}).exit_status, 0);
  const auto seen = watcher.stop();

  EXPECT_GT(watcher.processes(), 5u);
  EXPECT_TRUE(watcher.core_limits().contains("0"));
  expect_none("the output", said_);
  expect_none("arguments and environments", seen);
  expect_none("the server's log", server_.log());
  expect_none_in_files(installation_.repository_path(), {});
  expect_none_in_files(installation_.directory(),
                       {installation_.key_file(), target + ".files/application" + app_ + "/api.key"});
}

TEST_F(Secrets, TheSearchFindsWhatItLooksFor) {
  size_t found = 0;
  for (const auto secret : {kKey, kPassword, kApiKey}) {
    for (const auto& spelling : spellings(secret)) found += ("x" + spelling + "y").find(spelling) != std::string::npos;
    EXPECT_GE(spellings(secret)[3].size(), 20u);
  }
  EXPECT_EQ(found, 18u);
  EXPECT_EQ(base64("Man"), "TWFu");
}

}  // namespace
}  // namespace spendsync::testing
