// Every type of object truncated, bit-flipped, swapped and removed: always detected, the object named, exit code 8.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <regex>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

std::string utc_day() { return TimeZone::utc().day_of(SystemClock().now()); }

/// Which type an object is of, by where it lies (docs/format/layout.md).
std::string type_of(const std::string& key) {
  static const std::vector<std::pair<std::regex, std::string>> kPlaces = {
      {std::regex("repository"), "repository"},
      {std::regex("[^/]+/[0-9]+/identity"), "identity"},
      {std::regex("[^/]+/[0-9]+/keys/.*"), "key"},
      {std::regex(".*/backups/[^/]+/started"), "started"},
      {std::regex(".*/backups/[^/]+/packs/.*"), "pack"},
      {std::regex(".*/backups/[^/]+/manifest"), "manifest"},
      {std::regex(".*/wal/[0-9A-F]{8}/[0-9A-F]{24}"), "wal"},
      {std::regex(".*/wal/[0-9A-F]{8}/history"), "history"},
      {std::regex(".*/logs/.*"), "log"}};
  for (const auto& [pattern, type] : kPlaces) {
    if (std::regex_match(key, pattern)) return type;
  }
  return "unknown";
}

/// A repository with two backups, log records and WAL; damaged and mended by hand.
class Damage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new RealServer(RealServerSettings{});
    server_->start();
    installation_ = new Installation(*server_);
    installation_->configure("incremental: { find_changes: wal }\n");  // segments with change maps
    for (int round = 0; round < 2; ++round) {
      server_->pgbench({"-i", "-s", "1", "-q"});
      installation_->must_run({"backup", "full"});
      server_->pgbench({"-t", "100"});
      installation_->must_run({"backup", "transaction_logs"});
    }
  }
  static void TearDownTestSuite() {
    delete installation_;
    delete server_;
  }

  static std::map<std::string, std::vector<std::string>> objects_by_type() {
    std::map<std::string, std::vector<std::string>> objects;
    const auto root = installation_->repository_path();
    auto listing = server_->run({"/usr/bin/find", root, "-type", "f", "-printf", "%P\n"});
    for (size_t begin = 0; begin < listing.size();) {
      const auto end = listing.find('\n', begin);
      const auto key = listing.substr(begin, end - begin);
      objects[type_of(key)].push_back(key);
      begin = end + 1;
    }
    for (auto& [type, keys] : objects) std::sort(keys.begin(), keys.end());
    // Of WAL only the newest two: older segments may lie before the first backup's start, where nothing needs them.
    auto& segments = objects["wal"];
    segments.erase(segments.begin(), segments.end() - 2);
    return objects;
  }
  static std::string path_of(const std::string& key) { return installation_->repository_path() + "/" + key; }

  /// Verifies everything of today; the words must name the object.
  static void expect_detected(const std::string& key, const std::string& what) {
    SCOPED_TRACE(what + " " + key);
    int worst = 0;
    std::string said;
    for (const auto* type : {"full", "transaction_logs"}) {
      const auto verified = installation_->run({"verify", type, utc_day()});
      worst = std::max(worst, verified.exit_status == 8 ? 8 : 0);
      said += verified.out + verified.err;
    }
    EXPECT_EQ(worst, 8) << said;
    // A key's wraps and a manifest are named by what they are part of: the key id, the label.
    const auto name = key.substr(key.rfind('/') + 1);
    const auto parent = key.rfind('/') == std::string::npos ? key : key.substr(0, key.rfind('/'));
    const auto parent_name = parent.substr(parent.rfind('/') + 1);
    EXPECT_TRUE(said.find(name) != std::string::npos || said.find(parent_name) != std::string::npos) << said;
  }

  /// Does something to the object's file and undoes it.
  static void with_damage(const std::string& key, const std::function<void(Bytes&)>& change, const std::string& what) {
    const auto path = path_of(key);
    const auto original = MUST(read_file(path, 256u << 20));
    auto damaged = original;
    change(damaged);
    write(path, damaged);
    expect_detected(key, what);
    write(path, original);
  }

  static void write(const std::string& path, const Bytes& content) {
    auto fd = MUST(open_file(path, O_WRONLY | O_TRUNC));  // keeps owner and mode
    MUST(write_all(fd, content, path));
  }

  static RealServer* server_;
  static Installation* installation_;
};

RealServer* Damage::server_ = nullptr;
Installation* Damage::installation_ = nullptr;

TEST_F(Damage, NothingUnknownLiesInTheRepository) {
  const auto objects = objects_by_type();
  EXPECT_FALSE(objects.contains("unknown")) << objects.at("unknown").front();
  for (const auto* type : {"repository", "identity", "key", "started", "pack", "manifest", "wal", "log"}) {
    EXPECT_TRUE(objects.contains(type)) << type;
  }
}

TEST_F(Damage, UndamagedVerifies) {
  EXPECT_EQ(installation_->run({"verify", "full", utc_day()}).exit_status, 0);
  EXPECT_EQ(installation_->run({"verify", "transaction_logs", utc_day()}).exit_status, 0);
}

TEST_F(Damage, FlippedBitsAreDetected) {
  for (const auto& [type, keys] : objects_by_type()) {
    const auto& key = keys[keys.size() / 2];
    for (const double place : {0.0, 0.5, 1.0}) {
      with_damage(
          key,
          [&](Bytes& bytes) {
            const auto position = static_cast<size_t>(place * static_cast<double>(bytes.size() - 1));
            bytes[position] ^= std::byte{0x10};
          },
          fmt::format("bit at {} of", place));
    }
  }
}

TEST_F(Damage, TruncationAndAppendixAreDetected) {
  for (const auto& [type, keys] : objects_by_type()) {
    const auto& key = keys.front();
    with_damage(
        key, [](Bytes& bytes) { bytes.pop_back(); }, "one byte cut from");
    with_damage(
        key, [](Bytes& bytes) { bytes.clear(); }, "emptied");
    with_damage(
        key, [](Bytes& bytes) { bytes.push_back(std::byte{0}); }, "one byte added to");
    with_damage(
        key, [](Bytes& bytes) { bytes.resize(bytes.size() + (1u << 20)); }, "a MiB added to");
  }
}

TEST_F(Damage, SwappedObjectsAreDetected) {
  for (const auto& [type, keys] : objects_by_type()) {
    if (keys.size() < 2) continue;
    const auto first = MUST(read_file(path_of(keys.front()), 256u << 20));
    const auto second = MUST(read_file(path_of(keys.back()), 256u << 20));
    write(path_of(keys.front()), second);
    write(path_of(keys.back()), first);
    expect_detected(keys.front(), "swapped");
    write(path_of(keys.front()), first);
    write(path_of(keys.back()), second);
  }
}

/// Exit code 8 of either verification, while the object lies elsewhere.
TEST_F(Damage, RemovedObjectsAreDetected) {
  const auto aside = installation_->directory() + "/aside";
  for (const auto& [type, keys] : objects_by_type()) {
    if (type == "repository") continue;  // every command refuses: the next test
    size_t detected = 0;
    for (const auto& key : keys) {
      ASSERT_EQ(rename(path_of(key).c_str(), aside.c_str()), 0);
      const auto full = installation_->run({"verify", "full", utc_day()});
      const auto logs = installation_->run({"verify", "transaction_logs", utc_day()});
      detected += full.exit_status != 0 || logs.exit_status != 0 ? 1u : 0u;
      // A run's data key may be one that nothing was sealed under; anything else is needed.
      if (type != "key") {
        EXPECT_TRUE(full.exit_status != 0 || logs.exit_status != 0) << key << full.out << logs.out;
      }
      ASSERT_EQ(rename(aside.c_str(), path_of(key).c_str()), 0);
    }
    EXPECT_GT(2 * detected, keys.size()) << type;
  }
}

TEST_F(Damage, WithoutTheRepositoryObjectEveryCommandRefuses) {
  const auto aside = installation_->directory() + "/aside";
  ASSERT_EQ(rename(path_of("repository").c_str(), aside.c_str()), 0);
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"list"},
                                                    {"verify", "full", utc_day()},
                                                    {"backup", "full"},
                                                    {"backup", "transaction_logs"},
                                                    {"restore", "--latest", "--plan"},
                                                    {"keys", "list"}}) {
    const auto output = installation_->run(arguments);
    EXPECT_EQ(output.exit_status, 4) << arguments.front() << ": " << output.out << output.err;
    EXPECT_NE(output.err.find("repository"), std::string::npos) << output.err;
  }
  ASSERT_EQ(rename(aside.c_str(), path_of("repository").c_str()), 0);
  EXPECT_EQ(installation_->run({"list"}).exit_status, 0);
}

}  // namespace
}  // namespace spendsync::testing
