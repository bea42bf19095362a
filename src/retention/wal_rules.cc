#include "retention/wal_rules.h"

#include <algorithm>

#include "base/time.h"
#include "wal/path.h"

namespace spendsync::retention {

using postgres::TimelineHistory;

namespace {

constexpr auto kForEver = Timestamp::max();
constexpr Lsn kOpenEnd{UINT64_MAX};

class WalRules {
 public:
  WalRules(const Facts& facts, const Policy& policy, const std::vector<const BackupFact*>& backups)
      : facts_(facts), policy_(policy), backups_(backups) {}

  WalNeeds apply(const std::vector<const LogFact*>& logs) {
    distrust_unknown_timelines();
    for (const auto* backup : backups_) backup->damaged ? keep_for_damaged(*backup) : keep_for_backup(*backup);
    for (const auto& run : facts_.runs) {
      if (is_live(run, facts_, policy_)) keep_for_run(run);
    }
    for (const auto* log : logs) {
      for (const auto& range : log->ranges) add_from_to({range.timeline, range.from}, {range.timeline, range.to});
    }
    needs_.periods.emplace_back(facts_.now - policy_.logs, kForEver);
    for (const auto timeline : living_timelines()) keep_from_base(timeline);
    merge();
    return std::move(needs_);
  }

 private:
  /// Whose ancestors are not known: nothing can be said about what it needs.
  void distrust_unknown_timelines() {
    for (const auto& [id, timeline] : facts_.timelines) {
      if (timeline.history || (timeline.segments.empty() && timeline.files.empty())) continue;
      needs_.everything = true;
      needs_.warnings.push_back("all transaction logs are left alone: the history file of timeline " +
                                std::to_string(id.value) + " is missing or cannot be read");
    }
  }

  /// Its own consistency; an incremental's range from its full on.
  void keep_for_backup(const BackupFact& backup) {
    add_from_to(backup.start, backup.stop);
    if (!backup.parent) return;
    const auto* full = find_backup(facts_, *backup.parent);
    if (full == nullptr) {
      needs_.warnings.push_back(backup.label.text() + " cannot be restored: its full " + backup.parent->text() +
                                " is not there");
    } else if (full->damaged) {
      needs_.periods.emplace_back(full->label.start() - kSkewMax, backup.stopped + kSkewMax);
    } else {
      add_from_to(full->start, backup.stop);
    }
  }

  /// Where its WAL lies is not known, only when: from its beginning (its full's, for an incremental) to the end of the
  /// next good backup.
  void keep_for_damaged(const BackupFact& damaged) {
    auto from = damaged.label.start();
    auto until = kForEver;
    for (const auto& other : facts_.backups) {
      if (!is_good(other, facts_.now)) continue;
      const bool full = other.label.type() == BackupType::full;
      if (damaged.label.type() == BackupType::incremental && full && other.label < damaged.label) from = other.started;
      if (other.started > damaged.label.start()) until = std::min(until, other.stopped);
    }
    needs_.periods.emplace_back(from - kSkewMax, until);
  }

  /// A run says where it began only in its manifest; no WAL that it needs was stored before its first object.
  void keep_for_run(const RunFact& run) {
    needs_.periods.emplace_back(std::min(run.began, run.label.start()) - kSkewMax, kForEver);
    const auto* full = run.parent ? find_backup(facts_, *run.parent) : nullptr;
    if (full != nullptr && !full->damaged) {
      for (const auto& [id, timeline] : facts_.timelines) {
        if (timeline.history && timeline.history->contains(full->stop)) add_path(*timeline.history, full->start);
      }
    }
  }

  /// Those that go on: WAL came lately, or the newest segment of all is theirs.
  std::vector<TimelineId> living_timelines() const {
    std::vector<TimelineId> living;
    const auto newest_segment = newest_stored();
    for (const auto& [id, timeline] : facts_.timelines) {
      const auto& segments = timeline.segments;
      if (segments.empty()) continue;
      auto stored = std::max_element(segments.begin(), segments.end(), [](const auto& a, const auto& b) {
                      return a.stored < b.stored;
                    })->stored;
      if (stored == newest_segment || stored > facts_.now - policy_.logs) living.push_back(id);
    }
    return living;
  }

  Timestamp newest_stored() const {
    Timestamp newest{};
    for (const auto& [id, timeline] : facts_.timelines) {
      for (const auto& segment : timeline.segments) newest = std::max(newest, segment.stored);
    }
    return newest;
  }

  /// From the newest good backup of its path that ended before the period of logs begins; else from the oldest one.
  void keep_from_base(TimelineId id) {
    const auto& history = facts_.timelines.at(id).history;
    if (!history) return;
    const BackupFact* base = nullptr;
    const BackupFact* oldest = nullptr;
    for (const auto* backup : backups_) {
      if (!is_good(*backup, facts_.now) || !history->contains(backup->stop)) continue;
      if (oldest == nullptr || backup->stopped < oldest->stopped) oldest = backup;
      const bool old_enough = backup->stopped <= facts_.now - policy_.logs;
      if (old_enough && (base == nullptr || base->stopped < backup->stopped)) base = backup;
    }
    if (base == nullptr) base = oldest;
    if (base != nullptr) return add_path(*history, base->start);
    needs_.warnings.push_back("the transaction logs of timeline " + std::to_string(id.value) +
                              " are left alone: there is no good backup that they belong to");
    add_path(*history, {history->entries.front().timeline, Lsn{0}});
  }

  void add_from_to(WalPosition from, WalPosition to) {
    add_range({from.timeline, from.lsn, Lsn{from.lsn.value + 1}});
    auto found = facts_.timelines.find(to.timeline);
    const bool known = found != facts_.timelines.end() && found->second.history.has_value();
    add_path(known ? *found->second.history : postgres::initial_history(to.timeline), from, to.lsn);
  }

  void add_path(const TimelineHistory& history, WalPosition from, Lsn until = kOpenEnd) {
    for (const auto& range : wal::WalPath(history, facts_.segment_size).ranges_since(from, until)) add_range(range);
  }

  /// More than a recovery reads: the segment in which a timeline ends is kept on both. Recovery reads the newer one's,
  /// and the older timeline stays whole.
  void add_range(const repository::WalRange& range) {
    if (range.to <= range.from) return;
    needs_.runs[range.timeline].push_back({SegmentName::containing(range.timeline, range.from, facts_.segment_size),
                                           SegmentName::ending_at(range.timeline, range.to, facts_.segment_size)});
  }

  void merge() {
    for (auto& [id, runs] : needs_.runs) {
      std::ranges::sort(runs, {}, [](const SegmentRun& run) { return run.first; });
      std::vector<SegmentRun> merged;
      for (const auto& run : runs) {
        if (merged.empty() || merged.back().last < run.first) {
          merged.push_back(run);
        } else {
          merged.back().last = std::max(merged.back().last, run.last);
        }
      }
      runs = std::move(merged);
    }
  }

  const Facts& facts_;
  const Policy& policy_;
  const std::vector<const BackupFact*>& backups_;
  WalNeeds needs_;
};

/// `runs`: ascending, of the segment's timeline.
bool is_in(const std::vector<SegmentRun>& runs, SegmentName name) {
  auto after = std::ranges::upper_bound(runs, name, {}, [](const SegmentRun& run) { return run.first; });
  return after != runs.begin() && std::prev(after)->contains(name);
}

class Unneeded {
 public:
  Unneeded(TimelineId timeline, const WalNeeds& needs) : timeline_(timeline), needs_(needs) {
    auto found = needs.runs.find(timeline);
    if (found != needs.runs.end()) kept_ = &found->second;
  }

  std::vector<ExpiredWal> find(const TimelineFact& timeline) {
    bool open = false;
    for (const auto& segment : timeline.segments) {
      if (is_needed(segment.number, segment.stored)) {
        open = false;
        continue;
      }
      if (!open || found_.back().run.last.number + 1 != segment.number) begin(segment.number);
      open = true;
      found_.back().run.last.number = segment.number;
      found_.back().bytes += segment.bytes;
      ++found_.back().segments;
    }
    const size_t of_segments = found_.size();
    for (const auto& file : timeline.files) {
      if (!is_needed(file.number, file.stored)) add_file(file, of_segments);
    }
    return std::move(found_);
  }

 private:
  bool is_needed(uint64_t number, Timestamp stored) const {
    if (needs_.everything || (kept_ != nullptr && is_in(*kept_, {timeline_, number}))) return true;
    return std::any_of(needs_.periods.begin(), needs_.periods.end(),
                       [&](const auto& period) { return period.first <= stored && stored < period.second; });
  }

  void begin(uint64_t number) {
    ExpiredWal wal;
    wal.run = {{timeline_, number}, {timeline_, number}};
    found_.push_back(std::move(wal));
  }

  void add_file(const WalFileFact& file, size_t of_segments) {
    ExpiredWal* home = nullptr;
    for (size_t i = 0; i < found_.size() && home == nullptr; ++i) {
      const auto& run = found_[i].run;
      if (run.contains({timeline_, file.number}) && (i < of_segments || run.first.number == file.number))
        home = &found_[i];
    }
    if (home == nullptr) {
      begin(file.number);
      home = &found_.back();
    }
    home->files.push_back(file.key);
    home->bytes += file.bytes;
  }

  TimelineId timeline_;
  const WalNeeds& needs_;
  const std::vector<SegmentRun>* kept_ = nullptr;
  std::vector<ExpiredWal> found_;
};

/// The segments that are there and stay.
class Staying {
 public:
  Staying(const Facts& facts, const std::vector<ExpiredWal>& expired) : facts_(facts) {
    for (const auto& wal : expired) {
      if (wal.segments > 0) gone_[wal.run.first.timeline].push_back(wal.run);
    }
  }

  bool has(SegmentName name) const {
    auto gone = gone_.find(name.timeline);
    if (gone != gone_.end() && is_in(gone->second, name)) return false;
    auto timeline = facts_.timelines.find(name.timeline);
    if (timeline == facts_.timelines.end()) return false;
    const auto& segments = timeline->second.segments;
    auto found = std::ranges::lower_bound(segments, name.number, {}, &SegmentFact::number);
    return found != segments.end() && found->number == name.number;
  }

 private:
  const Facts& facts_;
  std::map<TimelineId, std::vector<SegmentRun>> gone_;
};

}  // namespace

WalNeeds wal_needs(const Facts& facts, const Policy& policy, const std::vector<const BackupFact*>& backups,
                   const std::vector<const LogFact*>& logs) {
  return WalRules(facts, policy, backups).apply(logs);
}

std::vector<ExpiredWal> unneeded_wal(const Facts& facts, const WalNeeds& needs) {
  std::vector<ExpiredWal> all;
  for (const auto& [id, timeline] : facts.timelines) {
    auto found = Unneeded(id, needs).find(timeline);
    std::move(found.begin(), found.end(), std::back_inserter(all));
  }
  return all;
}

Window recovery_window(const Facts& facts, const std::vector<const BackupFact*>& backups,
                       const std::vector<ExpiredWal>& expired) {
  const TimelineFact* newest = nullptr;
  for (const auto& [id, timeline] : facts.timelines) {
    if (!timeline.history || timeline.segments.empty()) continue;
    if (newest == nullptr || newest->segments.back().stored <= timeline.segments.back().stored) newest = &timeline;
  }
  if (newest == nullptr) return {};
  const wal::WalPath path(*newest->history, facts.segment_size);
  const Staying staying(facts, expired);
  const uint64_t tip = newest->segments.back().number;
  uint64_t first = tip + 1;
  while (first > 0 && staying.has(path.at(first - 1))) --first;
  Window window;
  for (const auto* backup : backups) {
    const bool reached = backup->start.lsn.value / facts.segment_size >= first &&
                         backup->stop.lsn.value <= (tip + 1) * facts.segment_size;
    const bool fits = is_good(*backup, facts.now) && reached && path.contains(backup->stop);
    if (!fits || (window.base && window.from <= backup->stopped)) continue;
    window = {backup->label, backup->stopped, newest->segments.back().stored};
  }
  return window;
}

}  // namespace spendsync::retention
