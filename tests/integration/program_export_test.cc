// Exports by the program: dumps of a database and a table, a plain data directory and a tar, while the server that was
// backed up runs on.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/clock.h"
#include "base/testing.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

constexpr const char* kDigest = "select count(*), sum(hashtext(o::text)::bigint) from orders o";

/// The program itself where runuser stands between.
pid_t program_of(pid_t started) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", started));
  pid_t child = 0;
  return geteuid() == 0 && children >> child ? child : started;
}

class ProgramExport : public ::testing::Test {
 protected:
  ProgramExport() : installation_((server_.start(), server_)) {
    server_.psql("create table orders as select i as id, md5(i::text) as what from generate_series(1, 5000) i");
    server_.psql("alter table orders add primary key (id)");
    server_.psql("create table customers as select 1 as id");
  }

  std::string path(const std::string& name) const { return installation_.directory() + "/" + name; }
  /// export --latest, of the database postgres.
  Words latest(const std::string& format, const std::string& output, const Words& more = {}) const {
    Words words{"export", "--latest", "--format", format, "--output", output};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  bool has_pg_dump() const { return exists(server_.bin_directory() + "/pg_dump"); }
  std::string as_shell(const std::string& script) const { return server_.run({"/bin/sh", "-c", script}); }
  /// Nothing of a sandbox is left, not even a server's socket.
  void expect_no_sandbox() const {
    const auto restored = path("restored");
    if (!exists(restored)) return;
    EXPECT_THAT(MUST(list_directory(restored)), ::testing::IsEmpty());
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramExport, BringsOneDroppedTableBackAsSqlAndAsCustomDump) {
  if (!has_pg_dump()) GTEST_SKIP() << "no pg_dump beside this server";
  installation_.must_run({"backup", "full"});
  server_.psql("insert into orders values (5001, 'the last one')");
  const auto digest = server_.psql(kDigest);
  server_.psql("select pg_create_restore_point('before the mistake'); drop table orders; create table later (n int)");
  installation_.must_run({"backup", "transaction_logs"});

  const Words table{"--database", "postgres", "--table", "orders"};
  const Words moment{"export", "--target-name", "before the mistake"};
  for (const std::string format : {"sql", "custom"}) {
    auto words = moment;
    words.insert(words.end(), {"--format", format, "--output", path("orders." + format)});
    words.insert(words.end(), table.begin(), table.end());
    const auto said = installation_.must_run(words);
    EXPECT_THAT(said, HasSubstr("exported table orders of database postgres from "));
    EXPECT_THAT(said, HasSubstr(path("orders." + format)));
    struct stat status {};
    ASSERT_EQ(::stat(path("orders." + format).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, 0600u);
    if (format == "sql") {
      server_.run(
          {"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server_.connection_string(), "-f", path("orders.sql")});
    } else {
      server_.run({"pg_restore", "-d", server_.connection_string(), path("orders.custom")});
    }
    EXPECT_EQ(server_.psql(kDigest), digest) << format;
    EXPECT_EQ(server_.psql("select count(*) from later"), "0");
    server_.psql("drop table orders");
  }
  expect_no_sandbox();
}

TEST_F(ProgramExport, WritesToStandardOutputAndKeepsEverythingElseAway) {
  if (!has_pg_dump()) GTEST_SKIP() << "no pg_dump beside this server";
  installation_.must_run({"backup", "full"});
  const auto output = installation_.run(latest("sql", "-", {"--database", "postgres", "--table", "customers"}));
  ASSERT_EQ(output.exit_status, 0) << output.err;
  EXPECT_TRUE(output.out.starts_with("--\n-- PostgreSQL database dump")) << output.out.substr(0, 200);
  EXPECT_THAT(output.out, HasSubstr("COPY public.customers"));
  EXPECT_THAT(output.out, Not(HasSubstr("orders")));
  EXPECT_THAT(output.err, HasSubstr("exported table customers of database postgres"));

  const auto all = installation_.run(latest("sql", "-", {"--all-databases", "--schema-only"}));
  ASSERT_EQ(all.exit_status, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("PostgreSQL database cluster dump"));
  EXPECT_THAT(all.out, HasSubstr("CREATE TABLE public.orders"));
  EXPECT_THAT(all.out, Not(HasSubstr("COPY public.orders")));

  // The second is so small that pg_dump itself does not notice.
  for (const Words& what : {Words{"--database", "postgres"}, Words{"--database", "postgres", "--schema-only"}}) {
    Words words{"/bin/sh",
                "-c",
                "exec \"$0\" \"$@\" > /dev/full",
                installation_.program(),
                "--config",
                installation_.config_file()};
    for (const auto& word : latest("custom", "-", what)) words.push_back(word);
    const auto no_room = MUST(run_command(server_.command(words), {}, std::chrono::seconds(120)));
    EXPECT_EQ(no_room.exit_status, 1) << no_room.err;
    EXPECT_THAT(no_room.err, HasSubstr("No space left on device"));
    expect_no_sandbox();
  }
}

TEST_F(ProgramExport, TellsTheNearestNamesOfWhatIsNotThereAndLeavesNoFile) {
  if (!has_pg_dump()) GTEST_SKIP() << "no pg_dump beside this server";
  installation_.must_run({"backup", "full"});
  const auto refused = [&](const Words& what, int exit_code, const std::string& message, const std::string& hint) {
    const auto output = installation_.run(latest("sql", path("out.sql"), what));
    EXPECT_EQ(output.exit_status, exit_code) << output.err;
    EXPECT_THAT(output.err, HasSubstr(message));
    EXPECT_THAT(output.err, HasSubstr(hint));
    EXPECT_FALSE(exists(path("out.sql")));
    expect_no_sandbox();
  };
  refused({"--database", "postgers"}, 5, "there is no database postgers", "nearest names: postgres");
  refused({"--database", "postgres", "--table", "ordres"}, 5, "there is no table ordres in database postgres",
          "nearest names: public.orders");
  refused({"--database", "postgres", "--schema", "pubic"}, 5, "there is no schema pubic", "nearest names: public");
  refused({}, 2, "needs to know which database", "--database NAME");
  refused({"--all-databases", "--database", "postgres"}, 2, "excludes", "--help");
  refused({"--table", "orders"}, 2, "requires", "--help");

  as_shell("echo precious > " + path("there.sql"));
  const auto output = installation_.run(latest("sql", path("there.sql"), {"--database", "postgres"}));
  EXPECT_EQ(output.exit_status, 4) << output.err;
  EXPECT_THAT(output.err, HasSubstr("exists; nothing is written over it"));
  EXPECT_EQ(MUST(read_text_file(path("there.sql"))), "precious\n");
  EXPECT_EQ(installation_.run(latest("tar", path("x.tar"), {"--database", "postgres"})).exit_status, 2);
  EXPECT_EQ(installation_.run(latest("directory", "-")).exit_status, 2);
}

TEST_F(ProgramExport, WritesADataDirectoryAndATarThatStart) {
  const auto place = server_.make_directory("fast");
  server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
               fmt::format("create tablespace fast location '{}'", place)});
  server_.psql("create table moved tablespace fast as select generate_series(1, 5000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into moved values (-1); insert into orders values (-1, 'late')");
  installation_.must_run({"backup", "transaction_logs"});
  const auto digest = server_.psql(kDigest);

  const auto said = installation_.must_run(latest("directory", path("plain")));
  EXPECT_THAT(said, HasSubstr("pg_ctl -D " + path("plain") + " start"));
  {
    RestoredServer opened(server_, path("plain"));
    EXPECT_EQ(opened.psql(kDigest), digest + "\n");
    EXPECT_EQ(opened.psql("select count(*), min(n) from moved"), "5001|-1\n");
  }

  const auto summary = installation_.must_summarize(latest("tar", path("copy.tar"), {"--work-directory", path("w")}));
  struct stat status {};
  ASSERT_EQ(::stat(path("copy.tar").c_str(), &status), 0);
  EXPECT_EQ(MUST(summary.unsigned_integer("bytes")), static_cast<uint64_t>(status.st_size));
  EXPECT_THAT(MUST(list_directory(path("w"))), ::testing::IsEmpty());
  expect_no_sandbox();
  as_shell(fmt::format("mkdir {0} && tar -xf {1} -C {0}", path("unpacked"), path("copy.tar")));
  RestoredServer opened(server_, path("unpacked") + "/data");
  EXPECT_EQ(opened.psql(kDigest), digest + "\n");
  EXPECT_EQ(opened.psql("select count(*), min(n) from moved"), "5001|-1\n");
  opened.psql("insert into moved values (-2)");
  EXPECT_EQ(server_.psql("select count(*) from moved"), "5001") << "the copy must not write where the original lies";
}

/// Waits until the sandbox's recovery has begun, then ends the program with the signal.
TEST_F(ProgramExport, LeavesNothingWhenItIsStoppedAndClearsUpWhatAKilledRunLeft) {
  if (!has_pg_dump()) GTEST_SKIP() << "no pg_dump beside this server";
  server_.psql("insert into orders select i, repeat('x', 500) from generate_series(10001, 60000) i");
  installation_.must_run({"backup", "full"});
  const auto sandbox_server = [&]() -> std::string {
    const auto restored = path("restored");
    if (!exists(restored)) return "";
    for (const auto& name : MUST(list_directory(restored))) {
      if (exists(fmt::format("{}/{}/data/postmaster.pid", restored, name))) return restored + "/" + name;
    }
    return "";
  };
  const auto begin_export = [&](const std::string& name) {
    return MUST(ChildProcess::start(installation_.command(latest("sql", path(name), {"--all-databases"}))));
  };
  const auto wait_for_server = [&] {
    SystemClock clock;
    const auto deadline = clock.monotonic() + std::chrono::seconds(60);
    while (sandbox_server().empty() && clock.monotonic() < deadline) {
      MUST(clock.sleep_for(std::chrono::milliseconds(5), {}));
    }
    return sandbox_server();
  };
  auto stopped = begin_export("stopped.sql");
  ASSERT_NE(wait_for_server(), "");
  ::kill(program_of(stopped.pid()), SIGTERM);
  EXPECT_EQ(MUST(stopped.wait({}, std::chrono::seconds(60))), 143);
  expect_no_sandbox();
  EXPECT_FALSE(exists(path("stopped.sql")));

  auto killed = begin_export("killed.sql");
  const auto left = wait_for_server();
  ASSERT_NE(left, "");
  ::kill(program_of(killed.pid()), SIGKILL);
  MUST(killed.wait({}, std::chrono::seconds(60)));
  EXPECT_TRUE(exists(left));
  EXPECT_FALSE(exists(path("killed.sql")));

  const auto next = installation_.run(latest("sql", path("next.sql"), {"--all-databases"}));
  EXPECT_EQ(next.exit_status, 0) << next.err;
  EXPECT_THAT(next.err, HasSubstr("removed the sandbox that an interrupted run left"));
  EXPECT_THAT(next.err, HasSubstr(left));
  EXPECT_FALSE(exists(left));
  expect_no_sandbox();
}

}  // namespace
}  // namespace spendsync::testing
