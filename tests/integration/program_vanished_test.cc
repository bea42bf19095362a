// A repository that this host has backed up to and that is gone, or another one in its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class VanishedRepository : public ::testing::Test {
 protected:
  VanishedRepository()
      : server_(RealServerSettings{.bin_directory = {}, .configuration = {{"max_slot_wal_keep_size", "2GB"}}}),
        installation_((server_.start(), server_)) {
    server_.psql("create table ledger (id int)");
  }
  void move(const std::string& from, const std::string& to) const { server_.run({"/bin/mv", "-T", from, to}); }
  std::string repository() const { return installation_.repository_path(); }
  std::string aside(const std::string& name) const { return installation_.directory() + "/" + name; }
  /// Names, sizes, times of change of everything in the directory.
  std::string tree(const std::string& path) const {
    return server_.run({"/bin/sh", "-c", "find " + path + " -printf '%p %s %T@\\n' | sort"});
  }
  std::string slot() const {
    return server_.psql("select restart_lsn, confirmed_flush_lsn, active from pg_replication_slots");
  }
  std::string finished_segment() const {
    auto name = server_.psql("insert into ledger values (1); select pg_walfile_name(pg_switch_wal())");
    return server_.data_directory() + "/pg_wal/" + name;
  }
  void expect_all_refuse(const std::string& code) const {
    const auto segment = finished_segment();
    const auto slot_before = slot();
    const auto before = tree(repository() + " " + installation_.state_path() + " || true");
    const std::vector<std::vector<std::string>> commands = {{"backup", "full"},
                                                            {"backup", "incremental"},
                                                            {"backup", "transaction_logs"},
                                                            {"wal", "push", segment},
                                                            {"expire"}};
    for (const auto& command : commands) {
      for (const auto& output : {installation_.run(command), installation_.run_as_caller(command)}) {
        EXPECT_EQ(output.exit_status, 4) << command[0] << " " << command.back() << output.err;
        EXPECT_THAT(output.err, HasSubstr(code));
        EXPECT_THAT(output.err, HasSubstr("init --new-repository"));
      }
    }
    const auto checked = installation_.run({"check"});
    EXPECT_EQ(checked.exit_status, 4) << checked.out;
    EXPECT_THAT(checked.out, HasSubstr("init --new-repository"));
    EXPECT_EQ(tree(repository() + " " + installation_.state_path() + " || true"), before);
    EXPECT_EQ(slot(), slot_before);
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(VanishedRepository, IsNotMadeAnewAndAllGoesOnWhenItIsBack) {
  installation_.must_run({"backup", "full"});
  move(repository(), aside("kept"));
  expect_all_refuse("SSB-1101");
  EXPECT_FALSE(exists(repository()));
  server_.run({"/bin/mkdir", "-m", "700", repository()});  // a mount point
  expect_all_refuse("SSB-1101");
  server_.run({"/bin/rmdir", repository()});
  move(aside("kept"), repository());
  EXPECT_EQ(installation_.run({"check"}).exit_status, 0);
  const auto logs = installation_.must_summarize({"backup", "transaction_logs"});
  EXPECT_EQ(logs.find("gap"), nullptr) << logs.dump();
  installation_.must_run({"verify", "full", TimeZone::utc().day_of(SystemClock().now())});
}

TEST_F(VanishedRepository, AnotherRepositoryInItsPlaceIsLeftAlone) {
  installation_.must_run({"backup", "full"});
  move(repository(), aside("first"));
  EXPECT_THAT(installation_.must_run({"init", "--new-repository"}), HasSubstr(repository()));
  installation_.must_run({"backup", "full"});
  move(repository(), aside("second"));
  move(aside("first"), repository());
  expect_all_refuse("but " + repository() + " is repository");
  move(repository(), aside("first"));
  move(aside("second"), repository());
  installation_.must_run({"backup", "transaction_logs"});
}

TEST_F(VanishedRepository, ANewOneIsMadeOnceThatIsSaid) {
  installation_.must_run({"backup", "full"});
  move(repository(), aside("kept"));
  const auto kept = tree(aside("kept"));
  const auto said = installation_.must_summarize({"init", "--new-repository"});
  EXPECT_EQ(MUST(said.text("place")), repository());
  EXPECT_FALSE(exists(repository()));
  installation_.must_run({"backup", "full"});
  installation_.must_run({"verify", "full", TimeZone::utc().day_of(SystemClock().now())});
  EXPECT_EQ(tree(aside("kept")), kept);
  EXPECT_THAT(installation_.must_run({"init", "--new-repository"}), HasSubstr("has backed"));
  EXPECT_THAT(installation_.must_run({"init", "--new-repository"}), HasSubstr("remembers no repository"));
}

}  // namespace
}  // namespace spendsync::testing
