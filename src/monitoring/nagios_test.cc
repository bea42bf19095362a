#include "monitoring/nagios.h"

#include <gtest/gtest.h>

namespace spendsync::monitoring {
namespace {

using health::judge;
using health::RecoveryWork;
using health::VerdictFacts;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kNow = Timestamp(hours(500'000));
constexpr uint64_t kMebibyte = 1u << 20;

VerdictFacts facts() {
  VerdictFacts facts;
  facts.now = kNow;
  facts.restorable_until = kNow - minutes(3);
  facts.work = RecoveryWork{.label = "20270114T080000Z-full",
                            .restored_bytes = 1000 * kMebibyte,
                            .wal_bytes = 320 * kMebibyte,
                            .copy_duration = seconds(20)};
  facts.rpo = hours(4);
  facts.rto = hours(4);
  return facts;
}

TEST(Nagios, StatesAndPerformanceData) {
  NagiosFacts given;
  given.verdict = judge(facts());
  given.rpo = given.rto = hours(4);
  given.slot_retained_bytes = 1024;
  given.unstored_wal_bytes = 96;
  auto line = to_nagios(given);
  EXPECT_EQ(line.state, NagiosState::ok);
  EXPECT_EQ(line.text,
            "SPENDSYNC OK - if this server died now: lose at most 3 min, back in about 35 s (estimated) | "
            "data_loss=180s;14400;14400;0 recovery=35s;14400;14400;0 unstored_wal=96B;;;0 slot_retained=1024B;;;0");
  given.warnings = {"the slot|is near\nits limit"};
  line = to_nagios(given);
  EXPECT_EQ(line.state, NagiosState::warning);
  EXPECT_NE(line.text.find("; the slot/is near its limit | data_loss"), std::string::npos) << line.text;
  given.problems = {"WAL is missing"};
  EXPECT_EQ(to_nagios(given).state, NagiosState::critical);
  given.problems.clear();
  auto late = facts();
  late.rpo = minutes(2);
  given.verdict = judge(late);
  EXPECT_EQ(to_nagios(given).state, NagiosState::critical);
  auto silent = facts();
  silent.server_answers = false;
  given.verdict = judge(silent);
  EXPECT_EQ(to_nagios(given).state, NagiosState::unknown);
  EXPECT_TRUE(to_nagios(given).text.starts_with("SPENDSYNC UNKNOWN - the server cannot be asked; if it is lost: "));
}

TEST(Nagios, WhatCannotBeKnownIsUnknown) {
  const auto line = unknown_to_nagios("the repository cannot be opened");
  EXPECT_EQ(static_cast<int>(line.state), 3);
  EXPECT_EQ(line.text, "SPENDSYNC UNKNOWN - the repository cannot be opened");
}

}  // namespace
}  // namespace spendsync::monitoring
