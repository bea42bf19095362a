#include "retention/backup_rules.h"

#include <algorithm>
#include <set>

#include "base/time.h"

namespace spendsync::retention {

bool is_good(const BackupFact& backup, Timestamp now) {
  return !backup.damaged && backup.verified != Verified::failed && backup.stopped <= now + kSkewMax;
}

const BackupFact* newest_backup(const Facts& facts, const std::function<bool(const BackupFact&)>& accept) {
  const BackupFact* newest = nullptr;
  for (const auto& backup : facts.backups) {
    if (accept(backup) && (newest == nullptr || newest->stopped <= backup.stopped)) newest = &backup;
  }
  return newest;
}

const BackupFact* find_backup(const Facts& facts, const Label& label) {
  auto found = std::lower_bound(facts.backups.begin(), facts.backups.end(), label,
                                [](const BackupFact& backup, const Label& wanted) { return backup.label < wanted; });
  return found != facts.backups.end() && found->label == label ? &*found : nullptr;
}

bool is_live(const RunFact& run, const Facts& facts, const Policy& policy) {
  if (run.gone_since) return false;
  const auto began = std::max(run.began, run.label.start());
  return facts.now < began + policy.unfinished || facts.now < run.last_sign + policy.silence;
}

namespace {

class BackupRules {
 public:
  BackupRules(const Facts& facts, const Policy& policy) : facts_(facts), policy_(policy) {
    for (const auto& run : facts.runs) runs_.emplace(run.label, &run);
    for (const auto& backup : facts.backups) reasons_[backup.label];
  }

  std::vector<KeptBackup> apply() {
    for (const auto& backup : facts_.backups) keep_for_itself(backup);
    keep_the_last_good_ones();
    keep_the_newest_record();
    keep_parents();
    std::vector<KeptBackup> kept;
    for (auto& [label, reasons] : reasons_) {
      if (!reasons.empty()) kept.push_back({label, reasons});
    }
    return kept;
  }

 private:
  void keep(const Label& label, std::string reason) { reasons_[label].push_back(std::move(reason)); }

  void keep_for_itself(const BackupFact& backup) {
    if (backup.damaged) return keep(backup.label, "left alone: its manifest cannot be read");
    if (backup.stopped > facts_.now + kSkewMax) {
      return keep(backup.label, "left alone: it ended in the future, at " + format_utc(backup.stopped));
    }
    if (backup.pinned) keep(backup.label, "pinned: " + *backup.pinned);
    const bool full = backup.label.type() == BackupType::full;
    const auto period = full ? policy_.full : policy_.incremental;
    if (facts_.now < backup.stopped + period) {
      keep(backup.label, "younger than " + format_duration(period));
    }
  }

  void keep_if(const BackupFact* backup, const std::string& reason) {
    if (backup != nullptr) keep(backup->label, reason);
  }

  /// Several, where the newest good full lacks something that an older one has.
  void keep_the_last_good_ones() {
    auto good_full = [&](const BackupFact& backup) {
      return backup.label.type() == BackupType::full && is_good(backup, facts_.now);
    };
    keep_if(newest_backup(facts_, good_full), "the last good full");
    keep_if(newest_backup(facts_, [&](const auto& b) { return good_full(b) && b.complete && b.page_failures == 0; }),
            "the last full that is complete and without damaged pages");
    keep_if(newest_backup(facts_, [&](const auto& b) { return good_full(b) && b.verified == Verified::good; }),
            "the last full that was proved");
  }

  /// Sequence numbers of records never go back.
  void keep_the_newest_record() {
    const BackupFact* newest = nullptr;
    for (const auto& backup : facts_.backups) {
      if (!backup.damaged && (newest == nullptr || newest->sequence < backup.sequence)) newest = &backup;
    }
    const bool log_is_newer = std::any_of(facts_.logs.begin(), facts_.logs.end(), [&](const LogFact& log) {
      return newest != nullptr && !log.damaged && log.sequence > newest->sequence;
    });
    if (!log_is_newer) keep_if(newest, "the newest record of the repository");
  }

  void keep_parents() {
    for (const auto& backup : facts_.backups) {
      if (backup.parent && !reasons_[backup.label].empty()) keep_parent(*backup.parent, backup.label);
    }
    for (const auto& run : facts_.runs) {
      if (run.parent && !run.gone_since) keep_parent(*run.parent, run.label);
    }
    for (const auto& [full, marked] : facts_.children) {
      for (const auto& child : marked) keep_for_mark(full, child);
    }
  }

  void keep_for_mark(const Label& full, const Label& child) {
    const auto* backup = find_backup(facts_, child);
    if (backup != nullptr && (backup->damaged || !reasons_[child].empty())) return keep_parent(full, child);
    if (backup != nullptr) return;
    auto run = runs_.find(child);
    if (run == runs_.end() || !run->second->gone_since) keep_parent(full, child);
  }

  void keep_parent(const Label& full, const Label& child) {
    auto found = reasons_.find(full);
    if (found == reasons_.end()) return;  // it is gone already: the child is reported as orphaned
    std::string reason = "needed by " + child.text();
    if (std::find(found->second.begin(), found->second.end(), reason) == found->second.end()) {
      found->second.push_back(std::move(reason));
    }
  }

  const Facts& facts_;
  const Policy& policy_;
  std::map<Label, const RunFact*> runs_;
  std::map<Label, std::vector<std::string>> reasons_;  // of every backup; empty: it may go
};

}  // namespace

std::vector<KeptBackup> kept_backups(const Facts& facts, const Policy& policy) {
  return BackupRules(facts, policy).apply();
}

}  // namespace spendsync::retention
