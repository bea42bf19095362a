#include "health/check_tablespaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace spendsync::health {

Result<std::vector<ServerTablespace>> read_tablespaces(postgres::Connection& connection, std::stop_token stop) {
  // In-place ones, in the data directory itself, have a relative location.
  auto rows =
      TRY(connection.query("select oid, spcname, pg_catalog.pg_tablespace_location(oid) from pg_catalog.pg_tablespace "
                           "where pg_catalog.pg_tablespace_location(oid) like '/%' order by oid",
                           {}, stop));
  std::vector<ServerTablespace> tablespaces;
  for (auto& row : rows.rows) {
    ServerTablespace tablespace{0, row[1].value_or(""), row[2].value_or("")};
    auto oid = row[0].value_or("");
    std::from_chars(oid.data(), oid.data() + oid.size(), tablespace.oid);
    tablespaces.push_back(std::move(tablespace));
  }
  return tablespaces;
}

CheckItem judge_tablespaces(const std::vector<ServerTablespace>& tablespaces, const wal::BackupInventory& backups) {
  CheckItem item{.name = "server.tablespaces", .what = "the newest backup has every tablespace of the server"};
  auto ended_before = [](const auto& a, const auto& b) { return a.stopped < b.stopped; };
  auto newest = std::ranges::max_element(backups.backups, ended_before);
  if (newest == backups.backups.end()) {
    item.what = "there is no backup yet that a tablespace could be newer than";
    return item;
  }
  for (const auto& tablespace : tablespaces) {
    bool known = std::ranges::any_of(newest->tablespaces, [&](const auto& one) { return one.oid == tablespace.oid; });
    if (known) continue;
    item.verdict = CheckVerdict::warning;
    item.what = fmt::format(
        "tablespace {} ({}) is newer than {}: no point in time after it can be restored or exported until the next "
        "backup, except in place",
        tablespace.name, tablespace.location, newest->label.text());
    item.fix = "spendsync-backup backup incremental";
    return item;
  }
  return item;
}

CheckItem check_tablespaces(postgres::Connection& connection, const wal::BackupInventory& backups,
                            std::stop_token stop) {
  auto tablespaces = read_tablespaces(connection, std::move(stop));
  if (tablespaces) return judge_tablespaces(*tablespaces, backups);
  return {.name = "server.tablespaces",
          .verdict = CheckVerdict::not_checked,
          .what = "because the server does not tell its tablespaces: " + tablespaces.error().message()};
}

}  // namespace spendsync::health
