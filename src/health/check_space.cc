#include "health/check_space.h"

#include <fmt/format.h>

#include "base/exit_code.h"
#include "base/time.h"

namespace spendsync::health {
namespace {

constexpr uint64_t kStateNeededBytes = 16u << 20;

std::string has_free(const Room& room) {
  return fmt::format("{} free in {}", format_bytes(*room.free_bytes), room.path);
}

CheckItem judge_repository(const SpaceFacts& facts) {
  CheckItem item{.name = "space.repository"};
  if (!facts.repository.free_bytes) {
    item.what = facts.repository.path + " has no fixed size";
    return item;
  }
  const uint64_t free = *facts.repository.free_bytes;
  item.what = has_free(facts.repository);
  if (!facts.newest_stored_bytes && !facts.database_bytes) return item;
  // Until one was made, nobody knows how well the data compresses: all of it must fit.
  const uint64_t needed = facts.newest_stored_bytes.value_or(facts.database_bytes.value_or(0));
  item.what += facts.newest_stored_bytes ? fmt::format("; the newest full backup took {}", format_bytes(needed))
                                         : fmt::format("; the database has {}", format_bytes(needed));
  item.fix = fmt::format("free space or enlarge the file system: df -h {}", facts.repository.path);
  if (free < needed && facts.newest_stored_bytes) {
    item.verdict = CheckVerdict::problem;
    item.what += ": the next one does not fit";
    item.exit_code = kRefused;
  } else if (free < needed) {
    item.verdict = CheckVerdict::warning;
    item.what += ": the first full backup may not fit";
  } else if (facts.newest_stored_bytes && free < 2 * needed) {
    item.verdict = CheckVerdict::warning;
    item.what += ": room for one more, not for two";
  } else {
    item.fix.clear();
  }
  return item;
}

CheckItem judge_pg_wal(const SpaceFacts& facts) {
  CheckItem item{.name = "space.pg_wal"};
  if (!facts.pg_wal || !facts.pg_wal->free_bytes) {
    item.verdict = CheckVerdict::not_checked;
    item.what = "because pg_wal cannot be looked at from here";
    return item;
  }
  const uint64_t free = *facts.pg_wal->free_bytes;
  item.what = has_free(*facts.pg_wal);
  if (free >= facts.max_wal_size_bytes) return item;
  const bool nearly_full = free < facts.max_wal_size_bytes / 4;
  item.verdict = nearly_full ? CheckVerdict::problem : CheckVerdict::warning;
  item.what += fmt::format(", less than max_wal_size ({}): when it is full the server stops",
                           format_bytes(facts.max_wal_size_bytes));
  item.fix = fmt::format("store the WAL that is held back: spendsync-backup backup transaction_logs; then df -h {}",
                         facts.pg_wal->path);
  item.exit_code = nearly_full ? kRefused : kDone;
  return item;
}

CheckItem judge_state(const SpaceFacts& facts) {
  CheckItem item{.name = "space.state"};
  if (!facts.state.free_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what = facts.state.path +
                " cannot be used: what this host has seen is not remembered, a rollback of the "
                "repository is not noticed";
    item.fix = "run a backup as root once, which makes it, or set state_directory to one that can be written";
    return item;
  }
  item.what = has_free(facts.state);
  if (*facts.state.free_bytes >= kStateNeededBytes) return item;
  item.verdict = CheckVerdict::warning;
  item.what += ": nearly full";
  item.fix = "df -h " + facts.state.path;
  return item;
}

CheckItem judge_restore_target(const SpaceFacts& facts) {
  CheckItem item{.name = "space.restore"};
  const std::string setting = "restore.target_directory";
  if (!facts.restore_target.free_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what = fmt::format("{} {} cannot be looked at", setting, facts.restore_target.path);
    item.fix = "ls -ld " + facts.restore_target.path + "; or set " + setting + " to a directory that can be written";
    return item;
  }
  item.what = has_free(facts.restore_target);
  if (!facts.database_bytes) return item;
  item.what += fmt::format("; the database has {}", format_bytes(*facts.database_bytes));
  if (*facts.restore_target.free_bytes >= *facts.database_bytes) return item;
  item.verdict = CheckVerdict::warning;
  item.what += ": a restore there would be refused";
  item.fix = fmt::format("set {} to a larger file system, or know the --target to use on the day: df -h", setting);
  return item;
}

}  // namespace

std::vector<CheckItem> judge_space(const SpaceFacts& facts) {
  return {judge_repository(facts), judge_pg_wal(facts), judge_state(facts), judge_restore_target(facts)};
}

}  // namespace spendsync::health
