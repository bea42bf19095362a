#include <algorithm>

#include "base/testing.h"
#include "base/time.h"
#include "retention/plan.h"

namespace spendsync::retention {
namespace {

using std::chrono::hours;

constexpr uint32_t kSegment = 16u << 20;

Timestamp now() { return MUST(parse_rfc3339("2024-06-01T00:00:00Z")); }
Timestamp ago(double days) {
  return now() - std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::duration<double>(days * 86400));
}
Lsn segment_start(uint64_t number) { return {number * kSegment}; }

/// A repository told in days before now; segment n of timeline 1 was stored n / 10 days after the 100th day before.
class Scene {
 public:
  Scene() {
    facts.now = now();
    facts.newest_object = ago(0.01);
    facts.segment_size = kSegment;
  }

  static uint64_t segment_of(double days_ago) { return static_cast<uint64_t>((100 - days_ago) * 10 + 0.5); }

  BackupFact& add(BackupType type, double days_ago, std::optional<Label> parent = {}) {
    BackupFact backup;
    backup.label = Label::make(ago(days_ago), type);
    backup.parent = std::move(parent);
    backup.started = ago(days_ago);
    backup.stopped = ago(days_ago) + hours(1);
    backup.start = {{1}, {segment_start(segment_of(days_ago)).value + 0x28}};
    backup.stop = {{1}, {segment_start(segment_of(days_ago)).value + 0x500}};
    backup.sequence = ++sequence;
    backup.stored_bytes = 1000;
    facts.backups.push_back(backup);
    std::sort(facts.backups.begin(), facts.backups.end(),
              [](const auto& a, const auto& b) { return a.label < b.label; });
    return of(backup.label);
  }
  BackupFact& full(double days_ago) { return add(BackupType::full, days_ago); }
  BackupFact& incremental(double days_ago, const Label& parent) {
    auto& backup = add(BackupType::incremental, days_ago, parent);
    facts.children[parent].push_back(backup.label);
    return backup;
  }
  BackupFact& of(const Label& label) {
    return *std::find_if(facts.backups.begin(), facts.backups.end(), [&](const auto& b) { return b.label == label; });
  }

  /// Whole segments of timeline 1 from one day to another.
  void wal(double from_days_ago, double to_days_ago) {
    auto& timeline = facts.timelines[{1}];
    timeline.history = postgres::initial_history({1});
    for (uint64_t n = segment_of(from_days_ago); n <= segment_of(to_days_ago); ++n) {
      timeline.segments.push_back({n, ago(100 - static_cast<double>(n) / 10), 100});
    }
  }

  LogFact& log(double days_ago, double from_days_ago) {
    LogFact fact;
    fact.label = Label::make(ago(days_ago), BackupType::transaction_logs);
    fact.finished = ago(days_ago);
    fact.ranges = {{{1}, segment_start(segment_of(from_days_ago)), segment_start(segment_of(days_ago))}};
    fact.sequence = ++sequence;
    facts.logs.push_back(fact);
    return facts.logs.back();
  }

  Plan plan() const { return MUST(make_plan(facts, policy)); }

  Facts facts;
  Policy policy;
  uint64_t sequence = 0;
};

std::vector<Label> expired(const Plan& plan) {
  std::vector<Label> labels;
  for (const auto& backup : plan.backups) labels.push_back(backup.label);
  return labels;
}

std::string rules_of(const Plan& plan, const Label& label) {
  for (const auto& kept : plan.kept) {
    if (kept.label != label) continue;
    std::string text;
    for (const auto& rule : kept.rules) text += (text.empty() ? "" : "; ") + rule;
    return text;
  }
  return "expired";
}

bool keeps_segment(const Plan& plan, uint64_t number, TimelineId timeline = {1}) {
  return std::none_of(plan.wal.begin(), plan.wal.end(), [&](const ExpiredWal& wal) {
    return wal.segments > 0 && wal.run.first.timeline == timeline && wal.run.first.number <= number &&
           number <= wal.run.last.number;
  });
}

bool warns_of(const Plan& plan, const std::string& text) {
  return std::any_of(plan.warnings.begin(), plan.warnings.end(),
                     [&](const auto& warning) { return warning.find(text) != std::string::npos; });
}

TEST(RetentionPlan, ExpiresFullsAfterFourWeeksAndIncrementalsAfterSevenDays) {
  struct Case {
    double days_ago;
    BackupType type;
    bool stays;
  };
  for (const auto& c : {Case{28.5, BackupType::full, false}, Case{28.01, BackupType::full, true},
                        Case{27, BackupType::full, true}, Case{7.5, BackupType::incremental, false},
                        Case{7.01, BackupType::incremental, true}, Case{6, BackupType::incremental, true}}) {
    Scene scene;
    const auto first = scene.full(27.5).label;
    const auto label =
        c.type == BackupType::full ? scene.full(c.days_ago).label : scene.incremental(c.days_ago, first).label;
    scene.full(1);
    const auto gone = expired(scene.plan());
    EXPECT_EQ(std::find(gone.begin(), gone.end(), label) == gone.end(), c.stays) << label.text();
  }
}

TEST(RetentionPlan, KeepsTheLastGoodFullWhateverItsAge) {
  Scene scene;
  const auto old = scene.full(90).label;
  const auto last = scene.full(60).label;
  scene.log(59, 60);
  auto plan = scene.plan();
  EXPECT_EQ(expired(plan), std::vector<Label>{old});
  EXPECT_NE(rules_of(plan, last).find("the last good full"), std::string::npos);

  scene.full(1).verified = Verified::failed;  // is none
  plan = scene.plan();
  EXPECT_EQ(expired(plan), std::vector<Label>{old});
  EXPECT_NE(rules_of(plan, last).find("the last good full"), std::string::npos);
}

TEST(RetentionPlan, KeepsAnOlderFullWhereTheNewestLacksSomething) {
  for (const bool incomplete : {true, false}) {
    Scene scene;
    const auto whole = scene.full(60).label;
    auto& newest = scene.full(1);
    incomplete ? newest.complete = false : newest.page_failures = 3;
    const auto plan = scene.plan();
    EXPECT_EQ(rules_of(plan, whole), "the last full that is complete and without damaged pages");
  }
  Scene scene;
  scene.full(60).verified = Verified::good;
  const auto proved = scene.facts.backups.front().label;
  scene.full(1);
  EXPECT_EQ(rules_of(scene.plan(), proved), "the last full that was proved");
}

TEST(RetentionPlan, KeepsWhatIsPinnedAndTheFullOfAPinnedIncremental) {
  Scene scene;
  const auto full = scene.full(60).label;
  const auto pinned = scene.incremental(59, full).label;
  const auto other = scene.incremental(58, full).label;
  scene.of(pinned).pinned = "audit of May";
  scene.full(1);
  const auto plan = scene.plan();
  EXPECT_EQ(rules_of(plan, pinned), "pinned: audit of May");
  EXPECT_EQ(rules_of(plan, full), "needed by " + pinned.text());
  EXPECT_EQ(expired(plan), std::vector<Label>{other});
}

TEST(RetentionPlan, ExpiresIncrementalsBeforeTheFullThatTheyNeed) {
  Scene scene;
  const auto full = scene.full(60).label;
  const auto child = scene.incremental(59, full).label;
  scene.full(1);
  EXPECT_EQ(expired(scene.plan()), (std::vector<Label>{child, full}));
}

TEST(RetentionPlan, KeepsTheFullOfAChildThatHasNotBeenGivenUp) {
  struct Case {
    std::string name;
    bool has_run;
    bool gone;
    bool full_stays;
  };
  for (const auto& c : {Case{"a mark alone", false, false, true}, Case{"an unfinished run", true, false, true},
                        Case{"a run that was collected", true, true, false}}) {
    Scene scene;
    const auto full = scene.full(60).label;
    const auto child = Label::make(ago(40), BackupType::incremental);
    scene.facts.children[full].push_back(child);
    if (c.has_run) {
      RunFact run{.label = child, .parent = full, .began = ago(40), .last_sign = ago(40)};
      if (c.gone) run.gone_since = ago(39);
      scene.facts.runs.push_back(run);
    }
    scene.full(1);
    EXPECT_EQ(expired(scene.plan()).empty(), c.full_stays) << c.name;
  }
}

TEST(RetentionPlan, LeavesAloneWhatItCannotJudgeAndSaysSo) {
  Scene scene;
  const auto damaged = scene.full(60).label;
  scene.of(damaged).damaged = "a frame fails its tag";
  const auto future = scene.full(50).label;
  scene.of(future).stopped = now() + hours(48);
  const auto damaged_log = scene.log(20, 21).label;
  scene.facts.logs.front().damaged = "torn";
  scene.facts.foreign = {"c/1/notes.txt"};
  scene.full(1);
  const auto plan = scene.plan();
  EXPECT_TRUE(expired(plan).empty());
  EXPECT_TRUE(plan.logs.empty());
  EXPECT_TRUE(warns_of(plan, damaged.text() + " is left alone: a frame fails its tag"));
  EXPECT_TRUE(warns_of(plan, future.text() + " is left alone: it ended in the future"));
  EXPECT_TRUE(warns_of(plan, damaged_log.text() + " is left alone: torn"));
  EXPECT_TRUE(warns_of(plan, "c/1/notes.txt is left alone"));
}

TEST(RetentionPlan, AFutureDatedFullIsNotTheLastGoodOne) {
  Scene scene;
  const auto good = scene.full(60).label;
  scene.full(1).stopped = now() + hours(1);
  EXPECT_NE(rules_of(scene.plan(), good).find("the last good full"), std::string::npos);
}

TEST(RetentionPlan, ExpiresNothingWithoutAGoodFull) {
  Scene scene;
  scene.full(60).damaged = "torn";
  scene.incremental(50, scene.facts.backups.front().label);
  scene.wal(60, 0);
  const auto plan = scene.plan();
  EXPECT_TRUE(plan.empty());
  EXPECT_TRUE(warns_of(plan, "there is no good full backup"));
  EXPECT_EQ(plan.kept_segments, 601u);
}

TEST(RetentionPlan, RefusesOnAnIncompleteListingAClockThatWentBackAndARollback) {
  Scene scene;
  scene.full(60);
  scene.full(1);
  ASSERT_FALSE(scene.plan().empty());
  Facts facts = scene.facts;
  facts.listings_complete = false;
  EXPECT_KIND(make_plan(facts, scene.policy), ErrorKind::refused);
  facts = scene.facts;
  facts.newest_object = now() + std::chrono::minutes(6);
  EXPECT_KIND(make_plan(facts, scene.policy), ErrorKind::refused);
  facts.newest_object = now() + std::chrono::minutes(4);
  EXPECT_OK(make_plan(facts, scene.policy));
  facts.went_back = "the repository went back";
  EXPECT_KIND(make_plan(facts, scene.policy), ErrorKind::refused);
}

TEST(RetentionPlan, IsOverTheCapOnlyWithMoreThanOneBackup) {
  Scene scene;
  scene.full(60);
  scene.full(1);
  EXPECT_FALSE(scene.plan().over_cap);  // one of two
  scene.full(61);
  scene.full(1.5);                     // the newest record
  EXPECT_TRUE(scene.plan().over_cap);  // two of four
  for (int day = 2; day < 10; ++day) scene.full(day);
  EXPECT_FALSE(scene.plan().over_cap);  // two of twelve
  scene.policy.cap_percent = 10;
  EXPECT_TRUE(scene.plan().over_cap);
}

TEST(RetentionPlan, CollectsARunOnlyWhenItIsOldAndSilent) {
  struct Case {
    double began;
    double last_sign;
    bool collected;
  };
  for (const auto& c : {Case{3, 2.5, true}, Case{3, 0.5, false}, Case{1.5, 1.5, false}}) {
    Scene scene;
    scene.full(5);
    RunFact run{.label = Label::make(ago(c.began), BackupType::full),
                .parent = {},
                .began = ago(c.began),
                .last_sign = ago(c.last_sign),
                .bytes = 10,
                .leftovers = true};
    scene.facts.runs.push_back(run);
    const auto plan = scene.plan();
    EXPECT_EQ(plan.runs.size(), c.collected ? 1u : 0u) << c.began << " " << c.last_sign;
    EXPECT_TRUE(plan.sweeps.empty());
  }
}

TEST(RetentionPlan, RemovesPacksADayAfterTheTombstone) {
  for (const bool due : {true, false}) {
    Scene scene;
    scene.full(5);
    RunFact run{.label = Label::make(ago(40), BackupType::full),
                .parent = {},
                .began = ago(40),
                .last_sign = ago(40),
                .bytes = 77,
                .leftovers = true,
                .gone_since = ago(due ? 1.0 : 0.99)};
    scene.facts.runs.push_back(run);
    const auto plan = scene.plan();
    const auto& list = due ? plan.sweeps : plan.waiting;
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list.front().bytes, 77u);
    EXPECT_EQ(plan.sweeps.size() + plan.waiting.size(), 1u);
  }
}

TEST(RetentionPlan, ExpiresLogRecordsAfterTwoDaysButNotTheNewest) {
  Scene scene;
  scene.full(20);
  const auto old = scene.log(4, 5).label;
  const auto newest = scene.log(3, 4).label;
  auto plan = scene.plan();
  ASSERT_EQ(plan.logs.size(), 1u);
  EXPECT_EQ(plan.logs.front().label, old);
  scene.log(1, 3);
  plan = scene.plan();
  ASSERT_EQ(plan.logs.size(), 2u);
  EXPECT_EQ(plan.logs.back().label, newest);
}

TEST(RetentionPlan, KeepsWalFromTheNewestGoodBackupThatEndedTwoDaysAgo) {
  Scene scene;
  scene.full(20);
  scene.full(10);
  scene.full(1);
  scene.wal(30, 0);
  const auto plan = scene.plan();
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(25)));  // before every backup
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(20)));   // the older full's own
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(19)));  // between
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(10.1)));
  for (auto n = Scene::segment_of(10); n <= Scene::segment_of(0); ++n) EXPECT_TRUE(keeps_segment(plan, n)) << n;
  EXPECT_EQ(plan.after.from, ago(10) + hours(1));
  EXPECT_EQ(plan.before.from, ago(20) + hours(1));
}

TEST(RetentionPlan, KeepsWalFromTheOldestBackupWhereNoneIsTwoDaysOld) {
  Scene scene;
  const auto only = scene.full(1);
  scene.wal(9, 0);
  const auto plan = scene.plan();
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(3)));
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(1.9)));  // under 48 hours old
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(0.5)));
  EXPECT_EQ(plan.after.base, only.label);
}

TEST(RetentionPlan, KeepsWalFromAFullToItsKeptIncrementals) {
  Scene scene;
  const auto full = scene.full(20).label;
  scene.incremental(5, full);
  scene.full(3);
  scene.wal(30, 0);
  const auto plan = scene.plan();
  for (auto n = Scene::segment_of(20); n <= Scene::segment_of(5); ++n) EXPECT_TRUE(keeps_segment(plan, n)) << n;
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(4)));
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(3)));
}

TEST(RetentionPlan, KeepsWalOfKeptLogRecordsAndOfRunsThatLive) {
  Scene scene;
  scene.full(20);
  scene.full(3);
  scene.wal(30, 0);
  scene.log(1, 15);
  auto plan = scene.plan();
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(14)));
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(16)));
  RunFact run{.label = Label::make(ago(18), BackupType::full), .parent = {}, .began = ago(18), .last_sign = ago(0.2)};
  scene.facts.runs.push_back(run);
  plan = scene.plan();
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(16)));
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(19)));
}

TEST(RetentionPlan, KeepsWalAroundADamagedBackup) {
  Scene scene;
  const auto damaged = scene.full(20).label;
  scene.of(damaged).damaged = "torn";
  scene.full(10);
  scene.full(5);
  scene.wal(30, 0);
  const auto plan = scene.plan();
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(21)));
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(19)));
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(10.1)));
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(9)));
}

/// Timeline 2 leaves timeline 1 thirty days ago, in the middle of a segment.
void add_fork(Scene& scene, double fork_days_ago, double to_days_ago) {
  const Lsn fork{segment_start(Scene::segment_of(fork_days_ago)).value + 0x1000};
  auto& timeline = scene.facts.timelines[{2}];
  timeline.history = postgres::TimelineHistory{{{{1}, {0}, fork}, {{2}, fork, std::nullopt}}};
  for (auto n = Scene::segment_of(fork_days_ago); n <= Scene::segment_of(to_days_ago); ++n) {
    timeline.segments.push_back({n, ago(100 - static_cast<double>(n) / 10), 100});
  }
}

TEST(RetentionPlan, FollowsTimelinesBackToTheBackup) {
  Scene scene;
  scene.full(20);
  scene.wal(30, 6);  // goes on for a while after the fork
  add_fork(scene, 8, 0);
  const auto plan = scene.plan();
  const auto fork = Scene::segment_of(8);
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(21)));
  for (auto n = Scene::segment_of(20); n <= fork; ++n) EXPECT_TRUE(keeps_segment(plan, n)) << n;
  EXPECT_FALSE(keeps_segment(plan, fork + 1));  // the branch that was given up
  for (auto n = fork; n <= Scene::segment_of(0); ++n) EXPECT_TRUE(keeps_segment(plan, n, {2})) << n;
}

TEST(RetentionPlan, FollowsATimelineThatForkedBeforeItsParentBegan) {
  Scene scene;
  scene.full(20);
  scene.wal(30, 6);
  add_fork(scene, 8, 0);
  const auto fork = segment_start(Scene::segment_of(8)).to_string();
  const auto later = segment_start(Scene::segment_of(6)).to_string();
  auto& timelines = scene.facts.timelines;
  timelines[{3}] = timelines[{2}];
  timelines.erase({2});
  timelines[{3}].history = MUST(postgres::parse_timeline_history({3}, "1\t" + later + "\tx\n2\t" + fork + "\ty\n"));
  const auto plan = scene.plan();
  for (auto n = Scene::segment_of(20); n < Scene::segment_of(8); ++n) EXPECT_TRUE(keeps_segment(plan, n)) << n;
  EXPECT_FALSE(keeps_segment(plan, Scene::segment_of(8) + 1));  // the branch that was given up
  for (auto n = Scene::segment_of(8); n <= Scene::segment_of(0); ++n) EXPECT_TRUE(keeps_segment(plan, n, {3})) << n;
  EXPECT_FALSE(warns_of(plan, "history file"));
}

TEST(RetentionPlan, KeepsABranchThatWasGivenUpForTwoDays) {
  Scene scene;
  scene.full(20);
  scene.wal(30, 1.5);
  add_fork(scene, 8, 0);
  const auto plan = scene.plan();
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(8) + 1));
  EXPECT_TRUE(keeps_segment(plan, Scene::segment_of(1.5)));
}

TEST(RetentionPlan, LeavesAllWalAloneWhereATimelineHasNoHistory) {
  Scene scene;
  scene.full(20);
  scene.full(5);
  scene.wal(30, 6);
  add_fork(scene, 8, 0);
  scene.facts.timelines[{2}].history.reset();
  const auto plan = scene.plan();
  EXPECT_TRUE(plan.wal.empty());
  EXPECT_TRUE(warns_of(plan, "the history file of timeline 2 is missing"));
}

TEST(RetentionPlan, PartsAndPartialFilesGoWithTheirSegment) {
  Scene scene;
  scene.full(10);
  scene.wal(12, 0);
  auto& files = scene.facts.timelines[{1}].files;
  files.push_back({"old.partial", Scene::segment_of(11), ago(11), 5});
  files.push_back({"lone.part", Scene::segment_of(20), ago(20), 5});
  files.push_back({"needed.backup", Scene::segment_of(9), ago(9), 5});
  std::vector<std::string> gone;
  for (const auto& wal : scene.plan().wal) gone.insert(gone.end(), wal.files.begin(), wal.files.end());
  std::sort(gone.begin(), gone.end());
  EXPECT_EQ(gone, (std::vector<std::string>{"lone.part", "old.partial"}));
}

TEST(RetentionPlan, RunsOfSegmentsEndAtHoles) {
  Scene scene;
  scene.full(5);
  scene.wal(30, 29);
  scene.wal(20, 0);
  const auto plan = scene.plan();
  ASSERT_EQ(plan.wal.size(), 2u);
  EXPECT_EQ(plan.wal[0].segments, 11u);
  EXPECT_EQ(plan.wal[0].run.last.number - plan.wal[0].run.first.number, 10u);
}

TEST(RetentionPlan, SaysWhatADeletionDoesToRecovery) {
  Scene scene;
  const auto older = scene.full(60).label;
  const auto newer = scene.full(20).label;
  scene.full(1);
  const auto plan = scene.plan();
  ASSERT_EQ(expired(plan), std::vector<Label>{older});
  EXPECT_EQ(plan.backups.front().effect, "no recovery to its end, " + format_utc(ago(60) + hours(1)) +
                                             ", any more; the oldest is then " + newer.text());
  EXPECT_EQ(plan.backups.front().why, "ended 59 d 23 h ago, kept for 28 d");
}

}  // namespace
}  // namespace spendsync::retention
