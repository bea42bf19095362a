// The independent reader of tests/compat restores what the program restores, from the repository alone.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/testing.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class ProgramBreakGlass : public ::testing::Test {
 protected:
  ProgramBreakGlass()
      : server_(RealServerSettings{.bin_directory = {}, .configuration = {{"autovacuum", "off"}}}),
        installation_((server_.start(), server_)),
        app_(server_.make_directory("app")),
        reader_(server_.directory() + "/read_repository.py") {
    // The source tree may lie where the server's user cannot go.
    MUST(run_checked({{"cp", source_directory() + "/tests/compat/read_repository.py", reader_}, {}, {}, {}}, {},
                     std::chrono::seconds(10)));
    server_.run({"/bin/sh", "-c",
                 "cd " + app_ +
                     " && mkdir keys && echo one > keys/one && head -c 700000 /dev/urandom > large && "
                     "ln -s keys/one link && ln keys/one again && chmod 0400 keys/one"});
    installation_.configure(fmt::format("files:\n  - {{ name: application, paths: [{}] }}\n", app_));
    server_.psql("create tablespace fast location '" + server_.make_directory("fast") + "'");
    server_.psql("create table far tablespace fast as select n, md5(n::text) from generate_series(1, 20000) n");
    server_.psql("create table near as select n, repeat('x', 100) as filler from generate_series(1, 20000) n");
  }

  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  CommandOutput read(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"/usr/bin/python3", reader_, installation_.repository_path(), installation_.key_file(), "test"});
    return MUST(run_command(server_.command(std::move(arguments)), {}, std::chrono::seconds(240)));
  }
  /// Kind, mode, owner, size, time, link and SHA-256 of everything below a place; files that the restore adds left out.
  std::string tree(const std::string& place) const {
    const std::string left_out =
        " ! -name recovery.signal ! -name backup_manifest ! -name postgresql.auto.conf ! -name 'spendsync-*' ! -name "
        "tablespace_map"
        " ! -name backup_label ! -path './pg_tblspc/*'";
    return server_.run({"/bin/bash", "-ec",
                        "cd " + place + "; find . -mindepth 1" + left_out +
                            " -type f -printf '%m %u %s %T@ %p\\n' | sort -k 5; find . -mindepth 1" + left_out +
                            " ! -type f -printf '%y %m %u %l %p\\n' | sort -k 4; find ." + left_out +
                            " -type f -exec sha256sum {} + | sort -k 2"});
  }
  static std::string first_difference(const std::string& found, const std::string& expected) {
    const auto at = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end()).first - found.begin();
    const auto from = static_cast<size_t>(std::max<std::ptrdiff_t>(at - 100, 0));
    return "the reader has\n" + found.substr(from, 300) + "\nthe program has\n" + expected.substr(from, 300);
  }
  std::string contents(const std::string& file) const { return server_.run({"/bin/cat", file}); }

  /// Both restore the backup; the two results are the same, but for what the program's restore adds.
  void expect_the_same(const std::string& type, const std::string& label) {
    const auto ours = target(type + "-ours");
    const auto theirs = target(type + "-theirs");
    installation_.must_run({"restore", type, label, "--no-start", "--target", ours});
    const auto output = read({label, theirs});
    ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
    EXPECT_THAT(output.out, HasSubstr("restored " + label));
    for (const std::string beside : {"", "-tablespaces", ".files"}) {
      const auto expected = tree(ours + beside);
      EXPECT_THAT(expected, HasSubstr(beside.empty() ? "pg_control" : beside == ".files" ? "keys/one" : "PG_"));
      const auto found = tree(theirs + beside);
      EXPECT_TRUE(found == expected) << first_difference(found, expected);
    }
    EXPECT_EQ(contents(theirs + "/backup_label"), contents(ours + "/backup_label"));
    EXPECT_THAT(contents(theirs + "/tablespace_map"), HasSubstr(theirs + "-tablespaces/"));
    EXPECT_THAT(server_.run({"/bin/sh", "-c", "cat " + theirs + "/pg_tblspc/*/PG_*/*/* | wc -c"}),
                ::testing::Not(::testing::StartsWith("0")));
  }

  static std::string rows() {
    return "select (select md5(string_agg(t::text, ',' order by n)) from near t) || (select md5(string_agg(t::text, "
           "',' order by n)) from far t)";
  }

  RealServer server_;
  Installation installation_;
  std::string app_;
  std::string reader_;
};

TEST_F(ProgramBreakGlass, TheIndependentReaderRestoresWhatTheProgramRestores) {
  const auto full = MUST(installation_.must_summarize({"backup", "full"}).text("label"));
  expect_the_same("full", full);
  server_.psql("update near set filler = 'y' where n % 500 = 0; delete from far where n < 100");
  server_.run({"/bin/sh", "-c", "echo new > " + app_ + "/new"});
  const auto made = installation_.must_summarize({"backup", "incremental"});
  ASSERT_EQ(MUST(made.text("parent")), full);
  EXPECT_GT(MUST(made.unsigned_integer("kept_bytes")), 1u << 20) << "else nothing of the full is needed";
  const auto incremental = MUST(made.text("label"));
  expect_the_same("incremental", incremental);

  // The same with change maps: segments have them from now on, and files are read in parts.
  installation_.configure("incremental: { find_changes: wal }\n");
  server_.psql("update near set filler = 'z' where n % 700 = 0");
  server_.run({"/bin/sleep", "1.1"});  // labels have seconds
  const auto by_wal = installation_.must_summarize({"backup", "incremental"});
  EXPECT_TRUE(MUST(by_wal.boolean("found_by_wal"))) << by_wal.dump();
  EXPECT_GT(MUST(by_wal.unsigned_integer("unread_bytes")), 1u << 20);
  server_.run({"/bin/rm", "-rf", target("incremental-ours"), target("incremental-theirs")});
  for (const std::string beside : {"-tablespaces", ".files"}) {
    server_.run({"/bin/rm", "-rf", target("incremental-ours") + beside, target("incremental-theirs") + beside});
  }
  expect_the_same("incremental", MUST(by_wal.text("label")));

  // What came later is in the archived WAL alone.
  server_.psql("insert into near select n, 'late' from generate_series(30000, 30500) n");
  server_.psql("select pg_switch_wal()");
  installation_.must_run({"backup", "transaction_logs"});
  const auto expected = server_.psql(rows()) + "\n";
  const auto output = read({incremental, target("copy"), "--wal"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  server_.stop();
  RestoredServer restored(server_, target("copy"));
  EXPECT_EQ(restored.psql(rows()), expected);
  EXPECT_THAT(restored.psql("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'fast'"),
              HasSubstr(target("copy") + "-tablespaces/"));
}

TEST_F(ProgramBreakGlass, TheIndependentReaderRefusesWhatWasChanged) {
  const auto label = MUST(installation_.must_summarize({"backup", "full"}).text("label"));
  const auto listed = read({});
  EXPECT_EQ(listed.exit_status, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr(label));
  const auto pack = server_.run(
      {"/bin/sh", "-c", "ls -S " + installation_.repository_path() + "/*/*/backups/*/packs/* | head -1 | tr -d '\\n'"});
  server_.run({"/bin/sh", "-c",
               "chmod u+w " + pack + " && printf x | dd of=" + pack + " bs=1 seek=5000 conv=notrunc status=none"});
  const auto damaged = read({label, target("damaged")});
  EXPECT_EQ(damaged.exit_status, 1) << damaged.out;
  EXPECT_THAT(damaged.err, HasSubstr("error: "));
  EXPECT_THAT(damaged.err, HasSubstr(pack.substr(pack.rfind('/') + 1)));
  EXPECT_EQ(server_.run({"/bin/sh", "-c", "ls " + target("damaged") + "/global/pg_control 2>/dev/null | wc -l"}),
            "0\n");
  const auto occupied = read({label, target("damaged")});
  EXPECT_EQ(occupied.exit_status, 1);
  EXPECT_THAT(occupied.err, HasSubstr("is not empty"));
}

}  // namespace
}  // namespace spendsync::testing
