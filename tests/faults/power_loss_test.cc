// The power goes at some moment of a backup, a push or a restore: only what was synced is still there, or, at worst,
// names without their content. Then everything goes on by itself.
#include "faults/power_loss.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "faults/program_scene.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

class PowerLoss : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto why = SyscallRunner(scene_.installation()).unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  std::string day() const { return TimeZone::utc().day_of(SystemClock().now()); }
  void shell(const std::string& script) { scene_.server().run({"/bin/sh", "-ec", script}); }
  bool is_file(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  }

  /// Makes `at` what the loss left: a copy of `whole` without the names that are not in `kept`, `emptied` files empty.
  void make_state(const DurabilityTrace::State& all, const std::set<std::string>& kept, const std::string& whole,
                  const std::string& at, const DurabilityTrace::State& final_state) {
    shell(fmt::format("rm -rf '{0}'; cp -a '{1}' '{0}'", at, whole));
    std::string script = ":";
    for (auto name = final_state.visible.rbegin(); name != final_state.visible.rend(); ++name) {
      if (!kept.contains(*name)) {
        script += fmt::format("\nrm -rf '{}/{}'", at, *name);
      } else if (all.unsure.contains(*name) && is_file(at + "/" + *name)) {
        script += fmt::format("\n: > '{}/{}'", at, *name);
      }
    }
    const auto file = scene_.installation().directory() + "/state.sh";
    MUST(replace_file(file, as_bytes(script + "\n"), 0644));
    shell("sh -e " + file);
  }

  /// Cuts spread over the trace, the last step too.
  std::vector<size_t> cuts(size_t steps, unsigned count) const {
    std::vector<size_t> chosen;
    for (unsigned i = 1; i <= count; ++i) chosen.push_back(steps * i / count);
    return chosen;
  }

  ProgramScene scene_;
};

TEST_F(PowerLoss, OfABackupListsNothingHalfAndConverges) {
  auto& installation = scene_.installation();
  const auto repository = installation.repository_path();
  const auto trace = DurabilityTrace::record(installation, {{"backup", "full"}, ""}, repository);
  ASSERT_GT(trace.steps(), 10u);
  const auto done = trace.after(trace.steps());
  EXPECT_EQ(done.lasting, done.visible) << "success means durable";
  EXPECT_TRUE(done.unsure.empty());
  EXPECT_GE(done.visible.size(), 4u) << "packs, started, manifest, keys";
  const auto whole = installation.directory() + "/whole";
  shell(fmt::format("mv '{}' '{}'", repository, whole));
  // What a host remembers of a record is written after the record has become durable: a loss that takes the record
  // takes it too. Else the repository would rightly be taken for one that was set back.
  const auto forget = fmt::format("find '{}' -mindepth 1 -delete", installation.state_path());
  for (const auto cut : cuts(trace.steps(), points(4, 100))) {
    const auto state = trace.after(cut);
    for (const auto* names : {&state.lasting, &state.visible}) {
      SCOPED_TRACE(fmt::format("cut at {} of {}, {}", cut, trace.steps(), names == &state.lasting ? "least" : "most"));
      shell(forget);
      make_state(state, *names, whole, repository, done);
      installation.must_run({"list"});
      EXPECT_EQ(installation.run({"verify", "full", day()}).exit_status, 0);
      const auto again = installation.run({"backup", "full"});
      EXPECT_EQ(again.exit_status, 0) << again.err;
      const auto verified = installation.run({"verify", "full", day()});
      EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_F(PowerLoss, AfterAPushThatSaidZeroLosesNoSegment) {
  for (const auto& subject : scene_.subjects()) {
    if (subject.name != "wal push") continue;
    const auto trace =
        DurabilityTrace::record(scene_.installation(), subject.prepare(), scene_.installation().repository_path());
    const auto done = trace.after(trace.steps());
    EXPECT_GE(done.visible.size(), 1u);
    EXPECT_EQ(done.lasting, done.visible);
    EXPECT_TRUE(done.unsure.empty());
    return;
  }
  FAIL() << "no such subject";
}

TEST_F(PowerLoss, OfARestoreLeavesNoClusterThatWouldStartWithLessThanAll) {
  auto& installation = scene_.installation();
  const auto target = installation.directory() + "/lost/target";
  scene_.server().make_directory("ssb/lost");
  const SyscallRunner::Invocation restore{{"restore", "--latest", "--no-start", "--target", target}, ""};
  const auto trace = DurabilityTrace::record(installation, restore, installation.directory() + "/lost");
  const auto done = trace.after(trace.steps());
  const auto control_step = trace.made_at("target/global/pg_control");
  ASSERT_LT(control_step, trace.steps());
  const auto before_control = trace.after(control_step);
  EXPECT_TRUE(done.lasting.contains("target/global/pg_control"));
  EXPECT_GT(before_control.visible.size(), 500u) << "the trace follows the restored files";
  for (const auto& name : before_control.unsure) {
    ADD_FAILURE() << name << " is not on the disk when pg_control is named";
    break;
  }
  const auto whole = installation.directory() + "/whole";
  shell(fmt::format("mv '{}' '{}'", installation.directory() + "/lost", whole));
  for (const auto cut : cuts(trace.steps(), points(3, 40))) {
    SCOPED_TRACE(fmt::format("cut at {} of {}", cut, trace.steps()));
    const auto state = trace.after(cut);
    make_state(state, state.lasting, whole, installation.directory() + "/lost", done);
    const bool is_complete = state.lasting.contains("target/global/pg_control");
    const auto again = installation.run(restore.arguments);
    EXPECT_TRUE(again.exit_status == 0 || (is_complete && again.exit_status == 4)) << again.out << again.err;
    const auto verified = MUST(
        run_command(scene_.server().command({"pg_verifybackup", "--no-parse-wal", "--quiet", target}), {}, kTimeout));
    EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace spendsync::testing
