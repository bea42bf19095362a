#include <algorithm>

#include "base/condition.h"
#include "base/time.h"
#include "retention/wal_rules.h"

namespace spendsync::retention {
namespace {

class Planner {
 public:
  Planner(const Facts& facts, const Policy& policy) : facts_(facts), policy_(policy) {}

  Result<Plan> make() {
    TRY(check_ground());
    plan_.listed = facts_.backups.size();
    report_what_is_left_alone();
    for (const auto& backup : facts_.backups) all_.push_back(&backup);
    plan_.before = recovery_window(facts_, all_, {});
    plan_.kept = kept_backups(facts_, policy_);
    for (const auto& kept : plan_.kept) staying_.push_back(find_backup(facts_, kept.label));
    if (!has_good_full()) return keep_everything();
    expire_backups();
    collect_runs();
    const auto logs = expire_logs();
    expire_wal(logs);
    plan_.after = recovery_window(facts_, staying_, plan_.wal);
    for (auto& backup : plan_.backups) backup.effect = effect_of(*find_backup(facts_, backup.label));
    check_cap();
    return std::move(plan_);
  }

 private:
  Result<void> check_ground() const {
    if (!facts_.listings_complete) {
      return Error(ErrorKind::refused, "the repository could not be listed whole; nothing is expired by a part of it");
    }
    if (facts_.now + kSkewMax < facts_.newest_object) {
      return Error(ErrorKind::refused, "the clock is behind the repository: it is " + format_utc(facts_.now) +
                                           " here, and an object was stored at " + format_utc(facts_.newest_object))
          .with_hint("set the clock right; nothing is expired before");
    }
    if (facts_.went_back) {
      return Error(ErrorKind::refused, "nothing is expired: " + *facts_.went_back)
          .with_condition(Condition::repository_went_back)
          .with_hint("`verify` names what is missing; if it is gone for good: spendsync-backup init --accept-rollback");
    }
    return ok();
  }

  void report_what_is_left_alone() {
    for (const auto& backup : facts_.backups) {
      if (backup.damaged) warn(backup.label.text() + " is left alone: " + *backup.damaged);
      if (!backup.damaged && backup.stopped > facts_.now + kSkewMax) {
        warn(backup.label.text() + " is left alone: it ended in the future, at " + format_utc(backup.stopped));
      }
    }
    for (const auto& log : facts_.logs) {
      if (log.damaged) warn(log.label.text() + " is left alone: " + *log.damaged);
    }
    for (const auto& key : facts_.foreign) warn(key + " is left alone: no object of a repository lies there");
  }

  bool has_good_full() const {
    return newest_backup(facts_, [&](const BackupFact& backup) {
             return backup.label.type() == BackupType::full && is_good(backup, facts_.now);
           }) != nullptr;
  }

  Plan keep_everything() {
    if (!facts_.backups.empty() || !facts_.timelines.empty()) {
      warn("there is no good full backup: nothing is expired until there is one");
    }
    plan_.kept.clear();
    for (const auto& backup : facts_.backups) plan_.kept.push_back({backup.label, {"there is no good full backup"}});
    for (const auto& [id, timeline] : facts_.timelines) plan_.kept_segments += timeline.segments.size();
    plan_.after = plan_.before;
    return std::move(plan_);
  }

  void expire_backups() {
    auto stays = [&](const BackupFact& backup) {
      return std::any_of(staying_.begin(), staying_.end(), [&](const auto* other) { return other == &backup; });
    };
    for (const auto type : {BackupType::incremental, BackupType::full}) {
      const auto period = type == BackupType::full ? policy_.full : policy_.incremental;
      for (const auto& backup : facts_.backups) {
        if (backup.label.type() != type || stays(backup)) continue;
        plan_.backups.push_back(
            {backup.label,
             "ended " + format_duration(facts_.now - backup.stopped) + " ago, kept for " + format_duration(period), "",
             backup.stored_bytes});
      }
    }
  }

  void collect_runs() {
    for (const auto& run : facts_.runs) {
      if (!run.gone_since) {
        if (is_live(run, facts_, policy_)) continue;
        plan_.runs.push_back(
            {run.label, "unfinished, no sign of life for " + format_duration(facts_.now - run.last_sign)});
      } else if (run.leftovers) {
        const auto due = *run.gone_since + policy_.grace;
        (facts_.now < due ? plan_.waiting : plan_.sweeps).push_back({run.label, run.bytes, due});
      }
    }
  }

  /// Returns those that stay.
  std::vector<const LogFact*> expire_logs() {
    const LogFact* newest = nullptr;
    for (const auto& log : facts_.logs) {
      if (!log.damaged && (newest == nullptr || newest->sequence <= log.sequence)) newest = &log;
    }
    std::vector<const LogFact*> staying;
    for (const auto& log : facts_.logs) {
      const bool old = !log.damaged && facts_.now >= log.finished + policy_.logs;
      if (!old || &log == newest) {
        staying.push_back(&log);
      } else {
        plan_.logs.push_back({log.label, "ended " + format_duration(facts_.now - log.finished) + " ago, kept for " +
                                             format_duration(policy_.logs)});
      }
    }
    return staying;
  }

  void expire_wal(const std::vector<const LogFact*>& logs) {
    auto needs = wal_needs(facts_, policy_, staying_, logs);
    for (auto& warning : needs.warnings) warn(std::move(warning));
    plan_.wal = unneeded_wal(facts_, needs);
    for (const auto& [id, timeline] : facts_.timelines) plan_.kept_segments += timeline.segments.size();
    plan_.kept_segments -= plan_.wal_segments();
  }

  std::string effect_of(const BackupFact& backup) const {
    const BackupFact* before = nullptr;
    const BackupFact* after = nullptr;
    for (const auto* other : staying_) {
      if (!is_good(*other, facts_.now)) continue;
      if (other->stopped < backup.stopped && (before == nullptr || before->stopped < other->stopped)) before = other;
      if (other->stopped > backup.stopped && (after == nullptr || after->stopped > other->stopped)) after = other;
    }
    std::string text = "no recovery to its end, " + format_utc(backup.stopped) + ", any more";
    if (before != nullptr) text += "; the nearest before is " + before->label.text();
    if (after != nullptr) text += (before == nullptr ? "; the oldest is then " : ", after it ") + after->label.text();
    return text;
  }

  /// A single backup may always go: with few backups every one is a large part of them.
  void check_cap() {
    const uint64_t expired = plan_.backups.size();
    plan_.over_cap = expired > 1 && expired * 100 > plan_.listed * static_cast<uint64_t>(policy_.cap_percent);
  }

  void warn(std::string text) { plan_.warnings.push_back(std::move(text)); }

  const Facts& facts_;
  const Policy& policy_;
  std::vector<const BackupFact*> all_;
  std::vector<const BackupFact*> staying_;
  Plan plan_;
};

}  // namespace

uint64_t Plan::wal_segments() const {
  uint64_t count = 0;
  for (const auto& item : wal) count += item.segments;
  return count;
}

uint64_t Plan::freed_now() const {
  uint64_t bytes = 0;
  for (const auto& item : wal) bytes += item.bytes;
  for (const auto& sweep : sweeps) bytes += sweep.bytes;
  return bytes;
}

Result<Plan> make_plan(const Facts& facts, const Policy& policy) { return Planner(facts, policy).make(); }

}  // namespace spendsync::retention
