#include "faults/program_scene.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

std::string utc_day() { return TimeZone::utc().day_of(SystemClock().now()); }

}  // namespace

unsigned points(unsigned when_short, unsigned when_long) {
  const char* kind = std::getenv("SSB_TESTS");
  return kind != nullptr && std::string_view(kind) == "long" ? when_long : when_short;
}

ProgramScene::ProgramScene() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  installation_.must_run({"backup", "full"});
  segment_ = server_.psql("insert into t values (1); select pg_walfile_name(pg_current_wal_lsn())");
  server_.psql("select pg_switch_wal()");
  segment_content_ = MUST(read_file(server_.data_directory() + "/pg_wal/" + segment_));
  installation_.must_run({"backup", "transaction_logs"});
  planned_ = installation_.directory() + "/planned";
  installation_.must_run({"restore", "--latest", "--no-start", "--target", planned_});
}

std::vector<ProgramScene::Subject> ProgramScene::subjects() {
  const auto target = installation_.directory() + "/target";
  const auto delivered = planned_ + "/pg_wal/RECOVERYXLOG";
  const auto unchanged = [this] { EXPECT_EQ(digest_of_repository(), digest_); };
  const auto reading = [this](std::vector<std::string> arguments) {
    return [this, arguments] {
      digest_ = digest_of_repository();
      return SyscallRunner::Invocation{arguments, ""};
    };
  };
  return {{"backup full",
           [] {
             return SyscallRunner::Invocation{{"backup", "full"}, ""};
           }},
          {"backup incremental",
           [] {
             return SyscallRunner::Invocation{{"backup", "incremental"}, ""};
           }},
          {"backup transaction_logs",
           [this] {
             next_segment();
             return SyscallRunner::Invocation{{"backup", "transaction_logs"}, ""};
           }},
          {"wal push",
           [this] {
             pushed_ = "pg_wal/" + next_segment();
             return SyscallRunner::Invocation{{"wal", "push", pushed_}, server_.data_directory()};
           }},
          {"wal get",
           [this] {
             return SyscallRunner::Invocation{{"wal", "get", segment_, "pg_wal/RECOVERYXLOG"}, planned_};
           },
           [delivered] { MUST(remove_tree(delivered)); },  // as the server does before it asks
           [this, delivered] {
             EXPECT_TRUE(MUST(read_file(delivered)) == segment_content_) << segment_;
             MUST(remove_tree(delivered));
           }},
          {"restore",
           [this, target] {
             MUST(remove_tree(target));
             MUST(remove_tree(target + ".wal"));
             return SyscallRunner::Invocation{{"restore", "--latest", "--no-start", "--target", target}, ""};
           },
           [] {}, [this, target] { expect_restored(target); }},
          {"verify", reading({"verify", "full", utc_day()}), [] {}, unchanged},
          {"list", reading({"list"}), [] {}, unchanged}};
}

CommandOutput ProgramScene::run(const SyscallRunner::Invocation& invocation) {
  auto command = installation_.command(invocation.arguments);
  if (!invocation.working_directory.empty()) command.working_directory = invocation.working_directory;
  return MUST(run_command(command, {}, kTimeout));
}

void ProgramScene::expect_convergence(const Subject& subject, const SyscallRunner::Invocation& invocation) {
  subject.before_again();
  const auto again = run(invocation);
  const bool was_complete = subject.name == "restore" && again.exit_status == 4;
  EXPECT_TRUE(again.exit_status == 0 || was_complete) << again.out << again.err;
  subject.check();
}

void ProgramScene::expect_all_verified() {
  const bool has_incremental =
      installation_.run({"list", "incremental"}).out.find("-incremental ") != std::string::npos;
  std::vector<const char*> types{"full", "transaction_logs"};
  if (has_incremental) types.push_back("incremental");
  for (const auto* type : types) {
    const auto verified = installation_.run({"verify", type, utc_day()});
    EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  }
}

std::string ProgramScene::next_segment() {
  return server_.psql("insert into t values (2); select pg_walfile_name(pg_switch_wal())");
}

std::string ProgramScene::digest_of_repository() {
  // But for the verdict that verify puts when it has come to its end.
  return server_.run({"/bin/sh", "-c",
                      "cd " + installation_.repository_path() +
                          " && find . -type f -not -path '*/verdicts/*' -exec sha256sum {} + | sort"});
}

void ProgramScene::expect_restored(const std::string& target) {
  const auto verified =
      MUST(run_command(server_.command({"pg_verifybackup", "--no-parse-wal", "--quiet", target}), {}, kTimeout));
  EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  EXPECT_FALSE(exists(target + "/spendsync-restore.unfinished"));
}

}  // namespace spendsync::testing
