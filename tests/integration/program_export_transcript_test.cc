// The transcript in docs/operations/export.md: one dropped table comes back while the database works on. After a change
// of what the command prints run, as root,
//   SPENDSYNC_UPDATE_GENERATED=1 integration_program_test --gtest_filter='ExportTranscript.*'
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "integration/installation.h"
#include "integration/transcript.h"

namespace spendsync::testing {
namespace {

class ExportTranscript : public ::testing::Test {
 protected:
  ExportTranscript() : installation_((server_.start(), server_)) {
    server_.run({"psql", "-X", "-d", server_.connection_string(), "-c", "create database shop"});
    shop("create table customers as select generate_series(1, 1000) as id");
    shop("create table orders as select i as id, i % 1000 as customer from generate_series(1, 20000) i");
  }

  std::string shop(const std::string& sql) const { return server_.psql(sql, "shop"); }

  /// The paths of a real host for those of the test.
  std::string as_on_a_host(std::string text) const {
    replace_all(text, installation_.directory() + "/restored", "/var/lib/spendsync/restore");
    replace_all(text, installation_.directory(), "/var/tmp");
    const auto sandbox = text.find("spendsync-sandbox-") + std::string("spendsync-sandbox-").size();
    return text.replace(sandbox, 6, "XXXXXX");  // mkdtemp's
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ExportTranscript, IsWhatTheProgramPrints) {
  if (geteuid() != 0) GTEST_SKIP() << "the page shows it as root";
  if (!exists(server_.bin_directory() + "/pg_dump")) GTEST_SKIP() << "no pg_dump beside this server";
  installation_.must_run({"backup", "full"});
  shop("insert into orders values (20001, 7)");
  server_.psql("select pg_create_restore_point('before release 42')");
  shop("drop table orders");
  shop("insert into customers values (1001)");  // the database works on
  installation_.must_run({"backup", "transaction_logs"});

  const auto file = installation_.directory() + "/orders.sql";
  const auto output = installation_.run_as_caller({"export", "--target-name", "before release 42", "--format", "sql",
                                                   "--database", "shop", "--table", "orders", "--output", file});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  server_.run({"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server_.connection_string("shop"), "-f", file});
  shop("insert into customers values (1002)");
  const auto orders = shop("select count(*) from orders");
  const auto customers = shop("select count(*) from customers");
  EXPECT_EQ(orders, "20001");
  EXPECT_EQ(customers, "1002");

  TranscriptPage page("docs/operations/export.md");
  page.check("dropped-table",
             "```console\n"
             "$ psql -d shop -c 'select count(*) from orders'\n"
             "ERROR:  relation \"orders\" does not exist\n"
             "$ sudo spendsync-backup export --target-name 'before release 42' \\\n"
             "    --format sql --database shop --table orders --output /var/tmp/orders.sql\n" +
                 as_on_a_host(output.out) +
                 "$ sudo -u postgres psql -q -d shop -f /var/tmp/orders.sql\n"
                 "$ psql -d shop -Atc 'select count(*) from orders'\n" +
                 orders + "\n$ psql -d shop -Atc 'select count(*) from customers'   # went on growing meanwhile\n" +
                 customers + "\n```\n");
  page.finish();
}

}  // namespace
}  // namespace spendsync::testing
