#include "restore/recovered_databases.h"

#include <fmt/format.h>

#include "base/file.h"

namespace spendsync::restore {

namespace {

/// A line each.
Result<std::vector<std::string>> find_unusable(postgres::Connection& connection, const std::string& data_directory,
                                               const repository::ManifestSummary& backup, std::stop_token stop) {
  const auto version = fmt::format("PG_{}_{}", backup.major_version, backup.catalog_version);
  std::vector<std::string> unusable;
  const auto tablespaces = TRY(connection.query(
      "select oid::text, spcname from pg_catalog.pg_tablespace where oid not in (1663, 1664) order by 2", {}, stop));
  for (const auto& row : tablespaces.rows) {
    const auto path = fmt::format("pg_tblspc/{}/{}", row[0].value_or(""), version);
    if (exists(data_directory + "/" + path)) continue;
    unusable.push_back(
        fmt::format("tablespace {} is listed without its files: {} is missing (a DROP TABLESPACE was under "
                    "way at the target)",
                    row[1].value_or(""), path));
  }
  const auto databases = TRY(connection.query(
      "select oid::text, datname, dattablespace::text, datconnlimit = -2 from pg_catalog.pg_database order by 2", {},
      stop));
  for (const auto& row : databases.rows) {
    const auto place =
        row[2] == "1663" ? std::string("base") : fmt::format("pg_tblspc/{}/{}", row[2].value_or(""), version);
    const auto path = fmt::format("{}/{}", place, row[0].value_or(""));
    const bool is_there = exists(data_directory + "/" + path);
    if (is_there && row[3] != "t") continue;
    unusable.push_back(fmt::format("database {} cannot be opened: {} (a DROP DATABASE was under way at the target)",
                                   row[1].value_or(""), is_there ? "it is marked invalid" : path + " is missing"));
  }
  return unusable;
}

}  // namespace

void look_at_databases(std::optional<postgres::Connection>& connection, const postgres::ServerProcess& process,
                       const RestorePlan& plan, RecoveryResult& result, std::stop_token stop) {
  Result<void> looked;
  for (const char* user : {"", "postgres"}) {
    for (const char* database : {"postgres", "template1"}) {
      if (connection) break;
      auto opened = postgres::Connection::open({.connection_string = process.connection_string(database, user)}, stop);
      if (opened) connection.emplace(std::move(*opened));
      if (!opened) looked = std::move(opened).error();
    }
  }
  if (connection) {
    auto found = find_unusable(*connection, plan.paths.data, plan.target.backup, stop);
    looked = found ? Result<void>() : Result<void>(found.error());
    if (found) result.unusable = std::move(*found);
  }
  if (!looked) result.unchecked = looked.error().message();
}

}  // namespace spendsync::restore
