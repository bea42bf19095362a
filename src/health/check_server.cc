#include "health/check_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/exit_code.h"
#include "base/time.h"

namespace spendsync::health {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;

std::string as_superuser(const std::string& sql) { return "in psql, as a superuser: " + sql; }
std::string then_reload(const std::string& sql) { return as_superuser(sql + " SELECT pg_reload_conf();"); }
std::string then_restart(const std::string& sql, const ServerFacts& facts) {
  return as_superuser(sql) + fmt::format(
                                 " then restart the server: pg_ctl restart -D {} (Debian: systemctl restart "
                                 "postgresql)",
                                 facts.info.data_directory);
}

CheckItem judge_rights(const ServerFacts& facts) {
  const auto& health = facts.health;
  CheckItem item{.name = "server.rights"};
  std::vector<std::string> missing;
  std::string grants;
  auto lacks = [&](bool has, const std::string& what, const std::string& grant) {
    if (has) return;
    missing.push_back(what);
    grants += (grants.empty() ? "" : " ") + grant;
  };
  auto execute = [&](const std::string& function) {
    return fmt::format("GRANT EXECUTE ON FUNCTION {} TO \"{}\";", function, health.role);
  };
  lacks(health.may_stream, "stream WAL", fmt::format("ALTER ROLE \"{}\" REPLICATION;", health.role));
  lacks(health.may_start_backup, "call " + health.start_function, execute(health.start_function));
  lacks(health.may_stop_backup, "call " + health.stop_function, execute(health.stop_function));
  lacks(health.may_switch_wal, "call pg_switch_wal()", execute("pg_switch_wal()"));
  lacks(health.may_read_settings, "read all settings",
        fmt::format("GRANT pg_read_all_settings TO \"{}\";", health.role));
  if (missing.empty()) {
    item.what = fmt::format("role \"{}\" has the rights that backups need", health.role);
    return item;
  }
  item.verdict = CheckVerdict::problem;
  item.what = fmt::format("role \"{}\" may not {}", health.role, fmt::join(missing, ", "));
  item.fix = as_superuser(grants);
  item.exit_code = kRefused;
  return item;
}

CheckItem judge_wal_level(const ServerFacts& facts) {
  CheckItem item{.name = "server.wal_level", .what = "wal_level = " + facts.info.wal_level};
  if (facts.info.wal_level != "minimal") return item;
  item.verdict = CheckVerdict::problem;
  item.what += ": a backup could never be recovered";
  item.fix = then_restart("ALTER SYSTEM SET wal_level = 'replica';", facts);
  item.exit_code = kRefused;
  return item;
}

CheckItem judge_wal_senders(const ServerFacts& facts) {
  const auto& health = facts.health;
  CheckItem item{.name = "server.wal_senders",
                 .what = fmt::format("{} of max_wal_senders = {} in use", health.wal_senders, health.max_wal_senders)};
  if (health.wal_senders < health.max_wal_senders) return item;
  item.verdict = CheckVerdict::problem;
  item.what += ": WAL cannot be streamed";
  item.fix = then_restart(fmt::format("ALTER SYSTEM SET max_wal_senders = {};", health.wal_senders + 5), facts);
  item.exit_code = kRefused;
  return item;
}

CheckItem judge_missing_slot(const ServerFacts& facts) {
  const auto& health = facts.health;
  CheckItem item{.name = "server.slot"};
  if (health.slots >= health.max_slots) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format("slot {} cannot be made: {} of max_replication_slots = {} in use", facts.slot_name,
                            health.slots, health.max_slots);
    item.fix = then_restart(fmt::format("ALTER SYSTEM SET max_replication_slots = {};", health.slots + 5), facts) +
               "; or drop one that nobody uses: SELECT slot_name, active FROM pg_replication_slots;";
    item.exit_code = kRefused;
  } else if (facts.has_backups) {
    item.verdict = CheckVerdict::warning;
    item.what = fmt::format("there is no slot {}: the server keeps no WAL for us", facts.slot_name);
    item.fix = "spendsync-backup backup transaction_logs   # makes it again";
  } else {
    item.what = fmt::format("there is no slot {} yet; the first backup makes it", facts.slot_name);
  }
  return item;
}

CheckItem judge_slot(const ServerFacts& facts) {
  if (!facts.slot) return judge_missing_slot(facts);
  const auto& slot = *facts.slot;
  CheckItem item{.name = "server.slot",
                 .what = fmt::format("{}: {}, {}, holds back {}", slot.name, slot.active ? "active" : "idle",
                                     slot.wal_status.empty() ? "not reserved" : slot.wal_status,
                                     format_bytes(slot.retained_bytes))};
  if (slot.is_lost()) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format(
        "slot {} is lost: the server has removed WAL that was not stored; moments after the newest "
        "backup are missing until a new one",
        slot.name);
    item.fix = "spendsync-backup backup full";
    item.exit_code = kObjectiveMissed;
  } else if (slot.wal_status == "unreserved") {
    item.verdict = CheckVerdict::problem;
    item.what =
        fmt::format("slot {} is about to be lost: the next checkpoint may remove WAL that is not stored", slot.name);
    item.fix = "spendsync-backup backup transaction_logs";
    item.exit_code = kObjectiveMissed;
  } else if (slot.safe_wal_size && *slot.safe_wal_size < static_cast<int64_t>(facts.health.max_wal_size_bytes) &&
             facts.health.slot_keep_size_bytes >= facts.health.max_wal_size_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what += fmt::format("; after {} more of WAL it may be lost",
                             format_bytes(static_cast<uint64_t>(std::max<int64_t>(0, *slot.safe_wal_size))));
    item.fix = "spendsync-backup backup transaction_logs";
  }
  return item;
}

/// Half of what is free beside what the slot holds already, whole GiB, and never below max_wal_size.
std::string suggested_limit(const ServerFacts& facts) {
  uint64_t limit = 16 * kGibibyte;
  if (facts.pg_wal_free_bytes) {
    limit = *facts.pg_wal_free_bytes / 2 + (facts.slot ? facts.slot->retained_bytes : 0);
  }
  limit = std::max({limit / kGibibyte, (2 * facts.health.max_wal_size_bytes + kGibibyte - 1) / kGibibyte, uint64_t{1}});
  return then_reload(fmt::format("ALTER SYSTEM SET max_slot_wal_keep_size = '{}GB';", limit));
}

CheckItem judge_slot_limit(const ServerFacts& facts) {
  CheckItem item{.name = "server.slot_limit"};
  const std::string free =
      facts.pg_wal_free_bytes ? fmt::format(" ({} free)", format_bytes(*facts.pg_wal_free_bytes)) : "";
  if (!facts.health.slot_keep_size_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what = "max_slot_wal_keep_size is unlimited: if backups stop running, the slot fills the disk of pg_wal" +
                free + " and the server goes down; with a limit the slot is given up instead and a new full is needed";
    item.fix = suggested_limit(facts);
    return item;
  }
  const uint64_t limit = *facts.health.slot_keep_size_bytes;
  const uint64_t held = facts.slot ? facts.slot->retained_bytes : 0;
  item.what = fmt::format("max_slot_wal_keep_size = {}: what the server keeps for us before it gives the slot up",
                          format_bytes(limit));
  if (limit < facts.health.max_wal_size_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what += fmt::format("; that is less than max_wal_size ({}), so one burst of writes loses the slot",
                             format_bytes(facts.health.max_wal_size_bytes));
    item.fix = suggested_limit(facts);
  } else if (facts.pg_wal_free_bytes && limit > held && limit - held > *facts.pg_wal_free_bytes) {
    item.verdict = CheckVerdict::warning;
    item.what += "; that is more than the disk of pg_wal can take" + free + ", so it does not protect the server";
    item.fix = suggested_limit(facts);
  }
  return item;
}

CheckItem judge_archiver(const ServerFacts& facts) {
  const auto& info = facts.info;
  const auto& archiver = facts.health.archiver;
  CheckItem item{.name = "server.archiver"};
  if (info.archive_mode == "off") {
    item.what = "archive_mode = off; WAL comes from the slot";
  } else if (info.archive_command.empty() && info.archive_library.empty()) {
    item.verdict = CheckVerdict::warning;
    item.what =
        fmt::format("archive_mode = {}, but there is no archive_command: pg_wal grows without end", info.archive_mode);
    item.fix = then_reload("ALTER SYSTEM SET archive_command = 'spendsync-backup wal push %p';") +
               " (or /bin/true: the slot delivers WAL as well)";
  } else if (archiver.is_failing()) {
    item.verdict = CheckVerdict::problem;
    item.what = fmt::format("archiving fails: {} failures, the last at {} with {}; pg_wal grows until it works",
                            archiver.failed_count, format_utc(*archiver.last_failed), archiver.last_failed_wal);
    item.fix = fmt::format("read the server's log for what this command says, and mend it: {}", info.archive_command);
    item.exit_code = kRefused;
  } else {
    item.what = archiver.last_archived
                    ? "archive_command works; the last success was at " + format_utc(*archiver.last_archived)
                    : std::string("archive_command has not been needed yet");
  }
  return item;
}

CheckItem judge_durability(const ServerFacts& facts) {
  CheckItem item{.name = "server.durability", .what = "fsync and full_page_writes are on"};
  if (!facts.health.fsync) {
    item.verdict = CheckVerdict::warning;
    item.what = "fsync is off: a crash of this host destroys the database, and what was backed up since may be damaged";
    item.fix = then_reload("ALTER SYSTEM SET fsync = on;");
  } else if (!facts.info.full_page_writes) {
    item.verdict = CheckVerdict::warning;
    item.what = "full_page_writes is off: a crash can tear pages; the server turns it on only while a backup runs";
    item.fix = then_reload("ALTER SYSTEM SET full_page_writes = on;");
  }
  return item;
}

CheckItem judge_checksums(const ServerFacts& facts) {
  CheckItem item{.name = "server.checksums", .what = "data checksums are on"};
  if (facts.info.data_checksums) return item;
  item.verdict = CheckVerdict::warning;
  item.what = "data checksums are off: damaged pages are backed up without anybody noticing";
  item.fix = fmt::format("with the server stopped: pg_checksums --enable -D {}", facts.info.data_directory);
  return item;
}

CheckItem judge_synchronous(const ServerFacts& facts) {
  const auto& names = facts.health.synchronous_standby_names;
  CheckItem item{.name = "server.synchronous", .what = "no commit waits for our WAL stream"};
  if (names.find('*') == std::string::npos && names.find("spendsync-backup") == std::string::npos) return item;
  item.verdict = CheckVerdict::warning;
  item.what =
      fmt::format("synchronous_standby_names = '{}' takes our WAL stream for a standby: commits wait for it", names);
  item.fix = "name the real standbys: " + then_reload("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (...)';");
  return item;
}

}  // namespace

std::vector<CheckItem> judge_server(const ServerFacts& facts) {
  return {judge_rights(facts),     judge_wal_level(facts),  judge_wal_senders(facts),
          judge_slot(facts),       judge_slot_limit(facts), judge_archiver(facts),
          judge_durability(facts), judge_checksums(facts),  judge_synchronous(facts)};
}

}  // namespace spendsync::health
