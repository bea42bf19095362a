#include "health/check_backups.h"

#include <fmt/format.h>

#include <tuple>

#include "base/exit_code.h"
#include "base/time.h"

namespace spendsync::health {
namespace {

constexpr std::chrono::seconds kClockTolerance{5};

std::string ago(const BackupFacts& facts, Timestamp moment) {
  return moment >= facts.now ? "just now" : format_duration(facts.now - moment) + " ago";
}

CheckItem judge_full(const BackupFacts& facts) {
  CheckItem item{.name = "backups.full", .fix = "spendsync-backup backup full"};
  if (!facts.newest_full) {
    item.verdict = CheckVerdict::warning;
    item.what = "there is no full backup yet: nothing can be restored";
    return item;
  }
  item.what = "the newest full backup began " + ago(facts, *facts.newest_full);
  const auto allowed = facts.plan.full_every + facts.plan.grace;
  if (facts.now - *facts.newest_full <= allowed) {
    item.fix.clear();
    return item;
  }
  item.verdict = CheckVerdict::problem;
  item.what +=
      fmt::format("; the schedule asks for one every {}: it is not run", format_duration(facts.plan.full_every));
  item.exit_code = kObjectiveMissed;
  return item;
}

CheckItem judge_logs(const BackupFacts& facts) {
  CheckItem item{.name = "backups.logs", .fix = "spendsync-backup backup transaction_logs"};
  if (!facts.restorable_until) {
    item.verdict = CheckVerdict::not_checked;
    item.what = "because there is no full backup yet";
    item.fix.clear();
    return item;
  }
  item.what = fmt::format("every commit until {} is stored ({})", format_utc(*facts.restorable_until),
                          ago(facts, *facts.restorable_until));
  if (facts.lag && facts.lag->nothing_new()) {
    item.what += "; the server has written nothing since";
    item.fix.clear();
    return item;
  }
  if (facts.lag) item.what += fmt::format("; {} of WAL is not stored yet", format_bytes(facts.lag->bytes()));
  const auto age = facts.now - *facts.restorable_until;
  if (age > facts.plan.rpo) {
    item.verdict = CheckVerdict::problem;
    item.what +=
        fmt::format(": more would be lost now than objectives.rpo ({}) allows", format_duration(facts.plan.rpo));
    item.exit_code = kObjectiveMissed;
  } else if (age > facts.plan.logs_every + facts.plan.grace) {
    item.verdict = CheckVerdict::problem;
    item.what +=
        fmt::format("; the schedule asks for a run every {}: it is not run", format_duration(facts.plan.logs_every));
    item.exit_code = kObjectiveMissed;
  } else {
    item.fix.clear();
  }
  return item;
}

CheckItem judge_gap(const BackupFacts& facts) {
  CheckItem item{.name = "backups.gap", .what = "no WAL is missing after the newest backup"};
  if (!facts.restorable_until) {
    item.verdict = CheckVerdict::not_checked;
    item.what = "because there is no full backup yet";
  } else if (facts.missing_wal) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format("WAL is missing from {} on: nothing after {} can be restored", *facts.missing_wal,
                            format_utc(*facts.restorable_until));
    item.fix = "spendsync-backup backup full";
    item.exit_code = kObjectiveMissed;
  } else if (facts.broken_wal) {
    item.verdict = CheckVerdict::problem;
    item.what =
        fmt::format("{}: nothing after {} can be restored", *facts.broken_wal, format_utc(*facts.restorable_until));
    item.fix = "spendsync-backup backup full";
    item.exit_code = kObjectiveMissed;
  } else if (facts.beyond) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format("{}: nothing after {} can be restored", *facts.beyond, format_utc(*facts.restorable_until));
    item.fix = "bring it back from a copy of the repository; if it is gone: spendsync-backup backup full";
    item.exit_code = kObjectiveMissed;
  }
  return item;
}

CheckItem judge_timeline(const BackupFacts& facts) {
  CheckItem item{.name = "backups.timeline", .what = "what is stored leads along the server's timeline"};
  if (!facts.restorable_until) {
    item.verdict = CheckVerdict::not_checked;
    item.what = "because there is no full backup yet";
  } else if (facts.other_timeline) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format(
        "the server is on timeline {}, and what is stored leads along timeline {}: nothing that it commits can be "
        "restored",
        facts.other_timeline->first.value, facts.other_timeline->second.value);
    item.fix = "spendsync-backup backup full";
    item.exit_code = kObjectiveMissed;
  }
  return item;
}

CheckItem judge_records(const BackupFacts& facts) {
  CheckItem item{.name = "backups.records", .what = "every record in the repository can be read, none has gone"};
  if (facts.went_back) {
    item.verdict = CheckVerdict::problem;
    std::tie(item.what, item.fix) = *facts.went_back;
    item.exit_code = kDamaged;
  } else if (!facts.damaged.empty()) {
    item.verdict = CheckVerdict::problem;
    item.what = facts.damaged.front();
    if (facts.damaged.size() > 1) item.what += fmt::format(" (and {} more)", facts.damaged.size() - 1);
    item.fix = "spendsync-backup list, then: spendsync-backup verify full <date>; take a new one: backup full";
    item.exit_code = kDamaged;
  } else if (facts.unfinished > 0) {
    item.what +=
        fmt::format("; {} unfinished run(s), running or interrupted, are never restored from", facts.unfinished);
  }
  return item;
}

CheckItem judge_record_clock(const BackupFacts& facts) {
  CheckItem item{.name = "clock.records", .what = "no record lies in the future"};
  if (!facts.newest_record || *facts.newest_record <= facts.now + kClockTolerance) return item;
  item.verdict = CheckVerdict::problem;
  item.what = fmt::format("the newest record states {}, this host's clock says {}: a clock went back",
                          format_utc(*facts.newest_record), format_utc(facts.now));
  item.fix = "timedatectl status; set the clock right before the next backup, or restores choose by wrong times";
  item.exit_code = kRefused;
  return item;
}

}  // namespace

std::vector<CheckItem> judge_backups(const BackupFacts& facts) {
  return {judge_full(facts),     judge_logs(facts),    judge_gap(facts),
          judge_timeline(facts), judge_records(facts), judge_record_clock(facts)};
}

CheckItem judge_clock(const ClockFacts& facts) {
  const auto difference = facts.here > facts.server ? facts.here - facts.server : facts.server - facts.here;
  CheckItem item{.name = "clock.server", .what = "this host and the server agree to " + format_duration(difference)};
  if (difference <= kClockTolerance) return item;
  item.verdict = CheckVerdict::warning;
  item.what = fmt::format(
      "this host's clock and the server's differ by {}: times asked for in a restore mean the "
      "server's",
      format_duration(difference));
  item.fix = "timedatectl status   # on both hosts";
  return item;
}

}  // namespace spendsync::health
