// Wrong keys, foreign clusters, full disks, targets that cannot be reached, directories that must not be touched.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

std::string utc_day(Timestamp time) { return TimeZone::utc().day_of(time); }
std::string today() { return utc_day(SystemClock().now()); }

class Surroundings : public ::testing::Test {
 protected:
  Surroundings() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {}

  /// Exit code and words of a command that must not succeed.
  void expect_failure(const std::vector<std::string>& arguments, int code, const std::string& words) {
    const auto output = installation_.run(arguments);
    EXPECT_EQ(output.exit_status, code) << output.out << output.err;
    EXPECT_NE(output.err.find(words), std::string::npos) << "expected '" << words << "' in: " << output.err;
    EXPECT_NE(output.err.find("hint:"), std::string::npos) << "no next step in: " << output.err;
  }

  std::string target(const std::string& name) { return installation_.directory() + "/" + name; }

  SystemClock clock_;
  RealServer server_;
  Installation installation_;
};

TEST_F(Surroundings, AnotherKeyOpensNothingAndWritesNothing) {
  installation_.must_run({"backup", "full"});
  Bytes other(32, std::byte{7});
  const auto original = MUST(read_file(installation_.key_file()));
  auto write_key = [&](const Bytes& key) {
    auto fd = MUST(open_file(installation_.key_file(), O_WRONLY | O_TRUNC));
    MUST(write_all(fd, key, "key"));
  };
  write_key(other);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"list"}, {"verify", "full", today()}, {"backup", "full"}, {"restore", "--latest"}}) {
    const auto output = installation_.run(arguments);
    EXPECT_NE(output.exit_status, 0) << arguments.front();
    EXPECT_NE(output.err.find("key"), std::string::npos) << output.err;
  }
  write_key(original);
  EXPECT_EQ(installation_.run({"verify", "full", today()}).exit_status, 0);
}

TEST_F(Surroundings, KeyFilesThatOthersCanReadAreRefused) {
  ASSERT_EQ(chmod(installation_.key_file().c_str(), 0644), 0);
  const auto output = installation_.run({"backup", "full"});
  EXPECT_NE(output.exit_status, 0);
  EXPECT_NE(output.err.find("chmod"), std::string::npos) << output.err;
  ASSERT_EQ(chmod(installation_.key_file().c_str(), 0600), 0);
  ASSERT_EQ(unlink(installation_.key_file().c_str()), 0);
  const auto missing = installation_.run({"backup", "full"});
  EXPECT_NE(missing.exit_status, 0);
  EXPECT_NE(missing.err.find("openssl rand 32"), std::string::npos) << missing.err;
}

TEST_F(Surroundings, AnotherClusterUnderTheSameNameIsRefused) {
  installation_.must_run({"backup", "full"});
  RealServer stranger{RealServerSettings{}};
  stranger.start();
  auto config = MUST(read_text_file(installation_.config_file()));
  for (auto at = config.find(server_.directory()); at != std::string::npos;
       at = config.find(server_.directory(), at + 1)) {
    const bool own_files = config.compare(at + server_.directory().size(), 4, "/ssb") == 0;
    if (!own_files) config.replace(at, server_.directory().size(), stranger.directory());
  }
  auto fd = MUST(open_file(installation_.config_file(), O_WRONLY | O_TRUNC));
  MUST(write_all(fd, as_bytes(config), "config"));
  expect_failure({"backup", "full"}, 4, "system identifier");
  expect_failure({"backup", "transaction_logs"}, 4, "system identifier");
}

TEST_F(Surroundings, RestoresTouchNothingThatIsThere) {
  server_.psql("create table t as select 1 as one");
  installation_.must_run({"backup", "full"});
  expect_failure({"restore", "--latest", "--target", server_.data_directory()}, 4, server_.data_directory());
  EXPECT_EQ(server_.psql("select one from t"), "1");

  const auto occupied = server_.make_directory("occupied");
  MUST(replace_file(occupied + "/precious", as_bytes("data"), 0600));
  expect_failure({"restore", "--latest", "--target", occupied}, 4, occupied);
  EXPECT_EQ(MUST(read_text_file(occupied + "/precious")), "data");
}

TEST_F(Surroundings, MomentsOutsideTheWindowAreRefusedWithTheNearest) {
  const auto before = clock_.now();
  server_.psql("create table t as select 1");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (2)");
  installation_.must_run({"backup", "transaction_logs"});
  const auto after = clock_.now() + std::chrono::hours(1);
  expect_failure({"restore", "point_in_time", utc_day(before), format_utc(before), "--target", target("a")}, 5, "20");
  expect_failure({"restore", "point_in_time", utc_day(after), format_utc(after), "--target", target("b")}, 5, "20");
  expect_failure({"restore", "full", "20010101", "--target", target("c")}, 5, "2001");
  EXPECT_FALSE(exists(target("a")));
  EXPECT_FALSE(exists(target("b")));
}

TEST_F(Surroundings, AMomentWithoutACommitAfterItIsReached) {
  server_.psql("create table t as select 1 as one");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (2)");
  const auto idle = clock_.now();
  installation_.must_run({"backup", "transaction_logs"});
  const auto output =
      installation_.run({"restore", "point_in_time", utc_day(idle), format_utc(idle), "--target", target("idle")});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
}

TEST_F(Surroundings, WalThatIsMissingInTheMiddleIsNamed) {
  installation_.must_run({"backup", "full"});
  for (int n = 0; n < 3; ++n) {
    server_.psql(fmt::format("create table t{} as select generate_series(1, 1000)", n));
    installation_.must_run({"backup", "transaction_logs"});
  }
  auto listing =
      server_.run({"/usr/bin/find", installation_.repository_path(), "-path", "*/wal/00000001/0*", "-printf", "%f\n"});
  std::vector<std::string> segments;
  for (size_t begin = 0; begin < listing.size(); begin = listing.find('\n', begin) + 1) {
    segments.push_back(listing.substr(begin, 24));
  }
  std::sort(segments.begin(), segments.end());
  const auto& victim = segments.at(segments.size() - 2);
  server_.run({"/usr/bin/find", installation_.repository_path(), "-name", victim, "-delete"});
  const auto restored = installation_.run({"restore", "--latest", "--target", target("gap")});
  EXPECT_NE((restored.out + restored.err).find(victim), std::string::npos) << restored.out << restored.err;
  const auto verified = installation_.run({"verify", "transaction_logs", today()});
  EXPECT_EQ(verified.exit_status, 8);
  EXPECT_NE(verified.out.find(victim), std::string::npos) << verified.out;
}

/// A file system of a few megabytes. Needs root, as only root may mount.
class SmallDisk {
 public:
  SmallDisk(const std::string& path, int mebibytes) : path_(path) {
    mounted_ =
        mount("none", path.c_str(), "tmpfs", MS_NOSUID,
              fmt::format("size={}m,mode=0700,uid=postgres", mebibytes).c_str()) == 0 ||
        mount("none", path.c_str(), "tmpfs", MS_NOSUID, fmt::format("size={}m,mode=0777", mebibytes).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(Surroundings, AFullRepositoryDiskFailsLoudlyAndListsNothing) {
  server_.pgbench({"-i", "-s", "5", "-q"});
  const auto repository = server_.make_directory("ssb/repository");
  SmallDisk disk(repository, 4);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs root";
  server_.run({"/bin/true"});
  ASSERT_EQ(chmod(repository.c_str(), 0700), 0);
  struct stat owner {};
  ASSERT_EQ(stat(server_.data_directory().c_str(), &owner), 0);
  ASSERT_EQ(chown(repository.c_str(), owner.st_uid, owner.st_gid), 0);
  const auto output = installation_.run({"backup", "full"});
  EXPECT_EQ(output.exit_status, 1) << output.out << output.err;
  EXPECT_NE(output.err.find("space"), std::string::npos) << output.err;
  const auto listed = installation_.run({"list"});
  EXPECT_EQ(listed.out.find("-full  "), std::string::npos) << listed.out;
}

TEST_F(Surroundings, ATargetWithTooLittleRoomIsRefusedBeforeTheFirstByte) {
  server_.pgbench({"-i", "-s", "5", "-q"});
  installation_.must_run({"backup", "full"});
  const auto small = server_.make_directory("small");
  SmallDisk disk(small, 8);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs root";
  struct stat owner {};
  ASSERT_EQ(stat(server_.data_directory().c_str(), &owner), 0);
  ASSERT_EQ(chmod(small.c_str(), 0700), 0);
  ASSERT_EQ(chown(small.c_str(), owner.st_uid, owner.st_gid), 0);
  const auto output = installation_.run({"restore", "--latest", "--target", small + "/data"});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_NE(output.err.find("MiB"), std::string::npos) << "needed and free are named: " << output.err;
  EXPECT_FALSE(exists(small + "/data/PG_VERSION"));
}

TEST_F(Surroundings, DamagedPagesAtTheSourceAreBackedUpAndReported) {
  server_.psql("create table t as select generate_series(1, 5000) as n");
  server_.psql("checkpoint");
  const auto path = server_.psql("select pg_relation_filepath('t')");
  server_.stop();
  {
    auto fd = MUST(open_file(server_.data_directory() + "/" + path, O_RDWR));
    const Bytes garbage(16, std::byte{0x5a});
    MUST(write_at(fd, 3 * 8192 + 4000, garbage, path));
  }
  server_.start();
  const auto output = installation_.run({"backup", "full"});
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_NE(output.out.find(path + " block 3"), std::string::npos) << output.out;
  const auto listed = installation_.must_run({"list"});
  EXPECT_NE(listed.find("1 page(s) failed their checksum"), std::string::npos) << listed;
  EXPECT_EQ(installation_.run({"verify", "full", today()}).exit_status, 0);
}

}  // namespace
}  // namespace spendsync::testing
