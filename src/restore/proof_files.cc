// Every database opened, every relation's file looked for: a file that is not there has no page that could be wrong.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "restore/proof_checks.h"

namespace spendsync::restore {

namespace {

/// "16384_fsm.2" is file "16384_fsm", segment 2; a name without a number segment 0. Empty: no relation's file.
std::optional<std::pair<std::string, uint64_t>> parse_segment(const std::string& name) {
  const auto dot = name.find('.');
  const auto file = name.substr(0, dot);
  const bool is_relation = !file.empty() && file.front() >= '0' && file.front() <= '9';
  if (!is_relation) return std::nullopt;
  if (dot == std::string::npos) return std::pair(file, uint64_t{0});
  const auto number = name.substr(dot + 1);
  const bool digits =
      !number.empty() && number.size() < 10 && std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  return std::pair(file, std::strtoull(number.c_str(), nullptr, 10));
}

/// Files of relations, by directory.
using FilesOf = std::map<std::string, std::set<std::string>>;

/// Adds those that are missing to the check. Returns all that belong to a relation: what else lies there, as parts of a
/// relation that was dropped while the backup ran, is nobody's.
Result<FilesOf> look_for_files(postgres::Connection& connection, const std::string& database, bool shared,
                               ProofCheck& check, std::stop_token stop) {
  const auto relations = TRY(connection.query(
      "select n.nspname || '.' || c.relname, f.path, (pg_catalog.pg_stat_file(f.path, true)).size is not null from "
      "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace, lateral (select "
      "pg_catalog.pg_relation_filepath(c.oid) as path) f where f.path is not null and c.relpersistence <> 't' and (not "
      "c.relisshared or $1::bool) order by c.oid",
      {shared ? "true" : "false"}, stop));
  FilesOf files;
  for (const auto& relation : relations.rows) {
    const auto path = relation[1].value_or("");
    ++check.checked;
    const auto slash = path.rfind('/');
    files[path.substr(0, slash)].insert(path.substr(slash + 1));
    if (relation[2] == "t") continue;
    check.add({database, relation[0].value_or(""), "its file " + path + " is missing", false});
  }
  return files;
}

}  // namespace

std::vector<std::string> missing_segments(const std::vector<std::string>& names, const std::set<std::string>& files) {
  std::map<std::string, std::set<uint64_t>> segments;
  for (const auto& name : names) {
    auto parsed = parse_segment(name);
    const bool belongs = parsed && files.contains(parsed->first.substr(0, parsed->first.find('_')));
    if (belongs) segments[parsed->first].insert(parsed->second);
  }
  std::vector<std::string> missing;
  for (const auto& [file, there] : segments) {
    uint64_t expected = 0;
    for (uint64_t number : there) {
      if (number != expected) {
        missing.push_back(expected == 0 ? file : fmt::format("{}.{}", file, expected));
        break;
      }
      ++expected;
    }
  }
  return missing;
}

Result<ProofCheck> check_relation_files(const RecoveredCluster& cluster, std::stop_token stop) {
  ProofCheck check{.name = "relation files"};
  check.unit = "relations";
  const auto databases = TRY(cluster.databases(stop));
  FilesOf files;
  for (const auto& database : databases) {
    auto connection = cluster.connect(database, stop);
    auto looked = connection ? look_for_files(*connection, database, &database == &databases.front(), check, stop)
                             : Result<FilesOf>(std::move(connection).error());
    if (looked) {
      for (auto& [directory, names] : *looked) files[directory].merge(names);
      continue;
    }
    if (stop.stop_requested()) return std::move(looked).error();
    check.add({database, "", "it cannot be opened: " + looked.error().message(), false});
  }
  for (const auto& [directory, relations] : files) {
    const auto names = TRY(list_directory(cluster.data_directory() + "/" + directory));
    for (const auto& name : missing_segments(names, relations)) {
      check.add({"", directory + "/" + name, "it is missing although a later part of the same file is there", false});
    }
  }
  const auto others = TRY(cluster.databases_without_connections(stop));
  for (const auto& database : others) check.why += (check.why.empty() ? "not opened: " : ", ") + database;
  return check;
}

}  // namespace spendsync::restore
