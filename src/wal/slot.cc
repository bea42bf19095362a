#include "wal/slot.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "base/file.h"
#include "base/time.h"

namespace spendsync::wal {

namespace {

constexpr uint64_t kMebibyte = 1u << 20;

SlotReservation keep(postgres::SlotState slot) {
  SlotReservation reservation;
  reservation.slot = std::move(slot);
  return reservation;
}

std::string created_notice(const std::string& name) {
  return fmt::format(
      "created the physical replication slot \"{}\": from now on the server keeps all WAL that is not yet in the "
      "repository, and does not start with wal_level = minimal; to drop it: spendsync-backup slot drop, or select "
      "pg_drop_replication_slot('{}')",
      name, name);
}

Result<std::map<std::string, std::string>> read_settings(postgres::Connection& connection, std::stop_token stop) {
  auto rows =
      TRY(connection.query("SELECT name, setting FROM pg_catalog.pg_settings"
                           " WHERE name IN ('max_slot_wal_keep_size', 'max_wal_size', 'synchronous_standby_names')",
                           {}, stop));
  std::map<std::string, std::string> settings;
  for (const auto& row : rows.rows) {
    if (row.size() == 2 && row[0]) settings[*row[0]] = row[1].value_or("");
  }
  return settings;
}

/// These settings count in MB; -1 is "no limit".
std::optional<uint64_t> parse_mebibytes(const std::string& setting) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(setting.data(), setting.data() + setting.size(), value);
  if (error != std::errc() || value < 0) return std::nullopt;
  return static_cast<uint64_t>(value) * kMebibyte;
}

void warn_of_limit(WalRetention& retention) {
  if (!retention.keep_size_bytes) {
    std::string room = retention.pg_wal_free_bytes
                           ? fmt::format(" ({} are free there)", format_bytes(*retention.pg_wal_free_bytes))
                           : "";
    retention.warnings.push_back(fmt::format(
        "max_slot_wal_keep_size is unlimited: should WAL no longer reach the repository, slot \"{}\" keeps it until "
        "the file system of pg_wal is full and the server stops{}; set a limit that fits there, at the price that WAL "
        "beyond it is lost and a new full backup is needed: alter system set max_slot_wal_keep_size = '...GB'",
        retention.slot.name, room));
    return;
  }
  if (*retention.keep_size_bytes < retention.max_wal_size_bytes) {
    retention.warnings.push_back(fmt::format(
        "max_slot_wal_keep_size ({}) is less than max_wal_size ({}): an ordinary burst of writes between two runs "
        "loses slot \"{}\", which leaves a gap and demands a new full backup",
        format_bytes(*retention.keep_size_bytes), format_bytes(retention.max_wal_size_bytes), retention.slot.name));
  }
  if (retention.pg_wal_free_bytes && *retention.keep_size_bytes > retention.slot.retained_bytes &&
      *retention.keep_size_bytes - retention.slot.retained_bytes > *retention.pg_wal_free_bytes) {
    retention.warnings.push_back(fmt::format(
        "max_slot_wal_keep_size ({}) is more than the file system of pg_wal can take ({} free, {} retained already): "
        "it does not protect the server",
        format_bytes(*retention.keep_size_bytes), format_bytes(*retention.pg_wal_free_bytes),
        format_bytes(retention.slot.retained_bytes)));
  }
}

void warn_of_state(WalRetention& retention) {
  const postgres::SlotState& slot = retention.slot;
  if (slot.is_lost()) {
    retention.warnings.push_back(
        fmt::format("slot \"{}\" is lost: the server has removed WAL that it was to keep", slot.name));
  } else if (slot.wal_status == "unreserved") {
    retention.warnings.push_back(fmt::format(
        "slot \"{}\" is unreserved: the next checkpoint may remove WAL that is not in the repository", slot.name));
  }
}

void warn_of_synchronous_replication(const std::string& names, std::vector<std::string>& warnings) {
  if (names.find('*') == std::string::npos && names.find("spendsync-backup") == std::string::npos) return;
  warnings.push_back(fmt::format(
      "synchronous_standby_names = '{}' takes our WAL stream for a synchronous standby: commits would wait until their "
      "segment is archived; name the real standbys there",
      names));
}

}  // namespace

Result<SlotReservation> reserve_slot(postgres::Connection& connection, const std::string& name, std::stop_token stop) {
  if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
  auto found = TRY(postgres::find_slot(connection, name));
  if (found && !found->is_lost()) return keep(*std::move(found));
  SlotReservation reservation;
  if (found) {
    reservation.was_lost = found->wal_status == "lost";
    TRY(postgres::drop_slot(connection, name));
    reservation.notices.push_back(
        reservation.was_lost
            ? fmt::format("the replication slot \"{}\" was lost: the server removed WAL that was not yet in the "
                          "repository (max_slot_wal_keep_size); it is dropped and made again",
                          name)
            : fmt::format("the replication slot \"{}\" reserved no WAL; it is dropped and made again", name));
  }
  auto created = postgres::create_slot(connection, name);
  if (!created) {
    if (!created.error().is(ErrorKind::already_exists)) return std::move(created).error();
    // Another run was faster: its slot is as good.
    found = TRY(postgres::find_slot(connection, name));
    if (!found || found->is_lost()) return std::move(created).error();
    reservation.slot = *std::move(found);
    return reservation;
  }
  reservation.slot = *std::move(created);
  reservation.created = true;
  reservation.notices.push_back(created_notice(name));
  return reservation;
}

Result<void> advance_slot(postgres::Connection& connection, const std::string& name, Lsn until, std::stop_token stop) {
  TRY(connection.query("SELECT pg_catalog.pg_replication_slot_advance($1::name, $2::pg_lsn)", {name, until.to_string()},
                       stop));
  return {};
}

Result<WalRetention> read_wal_retention(postgres::Connection& connection, const std::string& name,
                                        const std::string& data_directory, std::stop_token stop) {
  auto found = TRY(postgres::find_slot(connection, name));
  if (!found) return Error(ErrorKind::not_found, fmt::format("there is no replication slot \"{}\"", name));
  WalRetention retention;
  retention.slot = *std::move(found);
  auto settings = TRY(read_settings(connection, stop));
  retention.keep_size_bytes = parse_mebibytes(settings["max_slot_wal_keep_size"]);
  retention.max_wal_size_bytes = parse_mebibytes(settings["max_wal_size"]).value_or(0);
  if (!data_directory.empty()) {
    if (auto free = free_bytes(data_directory + "/pg_wal")) retention.pg_wal_free_bytes = *free;
  }
  warn_of_limit(retention);
  warn_of_state(retention);
  warn_of_synchronous_replication(settings["synchronous_standby_names"], retention.warnings);
  return retention;
}

std::string WalRetention::summary() const {
  std::string text = slot.wal_status.empty() ? "not reserved" : slot.wal_status;
  text += slot.safe_wal_size
              ? fmt::format(", safe_wal_size {}",
                            format_bytes(static_cast<uint64_t>(std::max<int64_t>(*slot.safe_wal_size, 0))))
              : ", safe_wal_size unlimited";
  text += fmt::format(", {} retained", format_bytes(slot.retained_bytes));
  if (pg_wal_free_bytes) text += fmt::format(", {} free in pg_wal", format_bytes(*pg_wal_free_bytes));
  return text;
}

}  // namespace spendsync::wal
