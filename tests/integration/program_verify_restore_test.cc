// verify --restore: a good backup is proven, damage that came from the source is found and told apart, and nothing of
// the sandbox is left.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kPageSize = 8192;

/// The program itself where runuser stands between.
pid_t program_of(pid_t started) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", started));
  pid_t child = 0;
  return geteuid() == 0 && children >> child ? child : started;
}

class Scene {
 public:
  explicit Scene(bool data_checksums)
      : server_(RealServerSettings{.bin_directory = {}, .data_checksums = data_checksums, .configuration = {}}),
        installation_((server_.start(), server_)) {
    server_.psql("create table orders as select i as id, md5(i::text) as what from generate_series(1, 20000) i");
    server_.psql("alter table orders add primary key (id)");
  }

  CommandOutput verify(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"verify", "full", TimeZone::utc().day_of(SystemClock().now())};
    words.insert(words.end(), more.begin(), more.end());
    return installation_.run(words);
  }
  /// Other bytes at this place of a relation's file, as a bad disk or memory leaves them.
  void damage(const std::string& relation, uint64_t offset, const std::string& bytes) {
    const auto file = server_.psql(fmt::format("select pg_relation_filepath('{}')", relation));
    server_.stop();
    const auto path = server_.data_directory() + "/" + file;
    const auto fd = MUST(open_file(path, O_WRONLY));
    MUST(write_at(fd, offset, as_bytes(bytes), path));
    server_.start();
  }
  bool has(const std::string& program) const { return exists(server_.bin_directory() + "/" + program); }
  void expect_no_sandbox() const {
    const auto restored = installation_.directory() + "/restored";
    ASSERT_TRUE(exists(restored));
    EXPECT_THAT(MUST(list_directory(restored)), ::testing::IsEmpty());
  }
  RealServer& server() { return server_; }
  Installation& installation() { return installation_; }

 private:
  RealServer server_;
  Installation installation_;
};

TEST(VerifyRestore, ProvesAGoodBackupAndLeavesNothing) {
  Scene scene(true);
  if (!scene.has("pg_amcheck")) GTEST_SKIP() << "no pg_amcheck (there since 14) beside this server";
  scene.installation().must_run({"backup", "full"});
  const auto output = scene.verify({"--restore"});
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("proven restorable: "));
  EXPECT_THAT(output.out, ::testing::ContainsRegex("pg_checksums   [1-9][0-9]+ pages checked, 0 finding"));
  EXPECT_THAT(output.out, ::testing::ContainsRegex("pg_amcheck     [1-9][0-9]+ relations checked, 0 finding"));
  EXPECT_THAT(output.out, ::testing::ContainsRegex("pg_visibility  [1-9][0-9]+ tables checked, 0 finding"));
  EXPECT_THAT(output.out, ::testing::ContainsRegex(
                              "relation files [1-9][0-9]+ relations checked, 0 finding.*not opened: template0"));
  scene.expect_no_sandbox();

  const auto summary =
      scene.installation().must_summarize({"verify", "full", TimeZone::utc().day_of(SystemClock().now()), "--restore"});
  const auto* proofs = MUST(summary.array_of("proofs"));
  ASSERT_EQ(proofs->size(), 1u);
  EXPECT_TRUE(MUST(proofs->front().boolean("proven")));
  EXPECT_EQ(MUST(proofs->front().array_of("checks"))->size(), 4u);

  auto child = MUST(ChildProcess::start(
      scene.installation().command({"verify", "full", TimeZone::utc().day_of(SystemClock().now()), "--restore"})));
  SystemClock clock;
  const auto deadline = clock.monotonic() + std::chrono::seconds(60);
  const auto restored = scene.installation().directory() + "/restored";
  while (MUST(list_directory(restored)).empty() && clock.monotonic() < deadline) {
    MUST(clock.sleep_for(std::chrono::milliseconds(5), {}));
  }
  ::kill(program_of(child.pid()), SIGTERM);
  EXPECT_EQ(MUST(child.wait({}, std::chrono::seconds(60))), 143);
  scene.expect_no_sandbox();

  // What cannot be read back is not recovered either.
  scene.server().run({"/bin/sh", "-c",
                      fmt::format("f=$(find {} -type f -size +200k | head -n 1) && chmod u+w $f && truncate -s -1 $f",
                                  scene.installation().repository_path())});
  const auto damaged = scene.verify({"--restore"});
  EXPECT_EQ(damaged.exit_status, 8) << damaged.out << damaged.err;
  EXPECT_THAT(damaged.out, HasSubstr("not recovered: what is damaged above comes first"));
}

TEST(VerifyRestore, TellsAPageThatWasDamagedInTheSourceAlready) {
  Scene scene(true);
  if (!scene.has("pg_checksums")) GTEST_SKIP() << "no pg_checksums beside this server";
  scene.damage("orders", 3 * kPageSize + 4000, "not what was written here");
  scene.installation().run({"backup", "full"});
  const auto ordinary = scene.verify();
  EXPECT_EQ(ordinary.exit_status, 0) << "the repository holds what the source had\n" << ordinary.out << ordinary.err;

  const auto output = scene.verify({"--restore"});
  EXPECT_EQ(output.exit_status, 8) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("DAMAGED: "));
  EXPECT_THAT(output.out, ::testing::ContainsRegex(
                              "DAMAGED       database postgres, relation public.orders: block 3 of base/[0-9/]+ does "
                              "not match its checksum .was already so in the source when it was backed up"));
  EXPECT_THAT(output.out, HasSubstr("next          mend the source")) << "no finding is new";
  scene.expect_no_sandbox();
}

TEST(VerifyRestore, FindsAnIndexThatIsWrongThoughItsBytesAreAsBackedUp) {
  Scene scene(false);
  if (!scene.has("pg_amcheck")) GTEST_SKIP() << "no pg_amcheck (there since 14) beside this server";
  // The key of the tuple at the end of the first leaf, behind its header of 8 bytes; the page ends in 16 special bytes.
  scene.damage("orders_pkey", 2 * kPageSize - 16 - 16 + 8, std::string("\x00\x00\x00\x70", 4));
  scene.installation().must_run({"backup", "full"});
  EXPECT_EQ(scene.verify().exit_status, 0);
  const auto output = scene.verify({"--restore"});
  EXPECT_EQ(output.exit_status, 8) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("not needed: data checksums are off"));
  EXPECT_THAT(output.out, HasSubstr("DAMAGED       database postgres, relation public.orders_pkey: "));
  EXPECT_THAT(output.out, Not(HasSubstr("was already so in the source")));
  scene.expect_no_sandbox();
}

TEST(VerifyRestore, NamesARelationWhoseFileIsNotThere) {
  Scene scene(false);
  scene.server().psql("create table lonely (id int)");  // empty: no page of it could be wrong
  const auto file = scene.server().psql("checkpoint; select pg_relation_filepath('lonely')");
  scene.server().run({"/bin/rm", scene.server().data_directory() + "/" + file});
  scene.installation().must_run({"backup", "full"});
  const auto output = scene.verify({"--restore"});
  EXPECT_EQ(output.exit_status, 8) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("relation public.lonely: its file " + file + " is missing"));
}

TEST(VerifyRestore, NamesTheToolThatIsMissingAndWhatWasNotChecked) {
  Scene scene(true);
  if (!scene.has("pg_amcheck")) GTEST_SKIP() << "no contrib modules beside this server";
  scene.installation().must_run({"backup", "full"});
  const auto tools = scene.server().make_directory("tools");
  scene.server().run({"/bin/sh", "-c",
                      fmt::format("ln -s {0}/* {1}/ && rm -f {1}/pg_amcheck", scene.server().bin_directory(), tools)});
  scene.installation().reconfigure("bin_directory: " + scene.server().bin_directory(), "bin_directory: " + tools);
  const auto output = scene.verify({"--restore"});
  EXPECT_EQ(output.exit_status, 3) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("recovered, not wholly checked: "));
  EXPECT_THAT(output.out, HasSubstr("NOT CHECKED: " + tools + "/pg_amcheck is not there"));
  EXPECT_THAT(output.out, ::testing::ContainsRegex("pg_visibility  [1-9][0-9]+ tables checked"));
  scene.expect_no_sandbox();
}

}  // namespace
}  // namespace spendsync::testing
