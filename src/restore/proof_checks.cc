#include "restore/proof_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/subprocess.h"

namespace spendsync::restore {
namespace {

constexpr std::chrono::seconds kNoLimit{std::chrono::hours{24 * 365}};
constexpr const char* kSchema = "spendsync_proof";  // of the extensions, in the copy
constexpr const char* kSharedTablespace = "1664";   // catalog/pg_tablespace.dat: pg_global

using postgres::Connection;

bool tells_damage(const std::string& message) {
  return message.find("invalid page in block") != std::string::npos ||
         message.find("could not read block") != std::string::npos;
}

ProofCheck not_done(ProofCheck check, const std::string& why) {
  check.state = ProofCheck::State::not_done;
  check.why = why;
  return check;
}

/// The parts of "base/5/16384", "global/1260", "pg_tblspc/16390/PG_15_202209061/5/16384.1".
struct RelationFile {
  std::string tablespace;  // 0: the database's own
  std::string database;    // 0: all
  std::string node;
};
std::optional<RelationFile> parse_file(const std::string& file) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= file.size();) {
    const auto slash = std::min(file.find('/', at), file.size());
    parts.push_back(file.substr(at, slash - at));
    at = slash + 1;
  }
  const auto node = std::to_string(std::strtoul(parts.back().c_str(), nullptr, 10));
  if (parts.size() == 2 && parts[0] == "global") return RelationFile{kSharedTablespace, "0", node};
  if (parts.size() == 3 && parts[0] == "base") return RelationFile{"0", parts[1], node};
  if (parts.size() == 5 && parts[0] == "pg_tblspc") return RelationFile{parts[1], parts[3], node};
  return std::nullopt;
}

/// Never an error: the file tells as well.
void name_file(const RecoveredCluster& cluster, const std::vector<std::string>& databases, ProofFinding& finding,
               std::stop_token stop) {
  const auto file = parse_file(finding.relation);
  if (!file) return;
  for (const auto& database : databases) {
    auto connection = cluster.connect(database, stop);
    if (!connection) continue;
    auto row = connection->query(
        "select (select oid from pg_catalog.pg_database where datname = current_database()), "
        "pg_catalog.pg_filenode_relation($1::oid, $2::oid)::regclass::text",
        {file->tablespace, file->node}, stop);
    if (!row || row->empty()) continue;
    const bool its_own = file->database == "0" || row->rows.front()[0] == file->database;
    if (!its_own || !row->rows.front()[1]) continue;
    finding.database = database;
    finding.relation = *row->rows.front()[1];
    return;
  }
}

}  // namespace

// ---- pg_checksums

Result<ChecksumResult> run_pg_checksums(const RecoveredCluster& cluster, std::stop_token stop) {
  Command command;
  command.arguments = {cluster.bin_directory() + "/pg_checksums", "--check", "-D", cluster.data_directory()};
  command.environment["LC_ALL"] = "C";
  command.output_file = cluster.scratch_directory() + "/pg_checksums.out";
  TRY(run_command(command, stop, kNoLimit));
  std::ifstream output(command.output_file);
  return parse_checksum_output(output, cluster.data_directory());
}

Result<void> name_failed_pages(const RecoveredCluster& cluster, const ChecksumResult& result,
                               const SourceDamage& source, ProofCheck& check, std::stop_token stop) {
  if (result.failed == 0) return {};
  const auto databases = TRY(cluster.databases(stop));
  for (const auto& page : result.first) {
    ProofFinding finding;
    finding.relation = page.file;
    finding.what = fmt::format("block {} of {} does not match its checksum", page.block, page.file);
    finding.in_source = source.has_page(page.file, page.block);
    name_file(cluster, databases, finding, stop);
    check.add(std::move(finding));
  }
  check.findings_total = result.failed;
  return {};
}

// ---- pg_amcheck

namespace {

/// Databases where the extension cannot be made.
Result<bool> has_extension(const RecoveredCluster& cluster, const std::string& name, std::stop_token stop) {
  const auto databases = TRY(cluster.databases(stop));
  if (databases.empty()) return false;
  auto connection = TRY(cluster.connect(databases.front(), stop));
  const auto rows =
      TRY(connection.query("select 1 from pg_catalog.pg_available_extensions where name = $1", {name}, stop));
  return !rows.empty();
}

}  // namespace

Result<ProofCheck> run_pg_amcheck(const RecoveredCluster& cluster, const SourceDamage& source, unsigned jobs,
                                  std::stop_token stop) {
  ProofCheck check{.name = "pg_amcheck"};
  check.unit = "relations";
  const auto program = cluster.bin_directory() + "/pg_amcheck";
  if (::access(program.c_str(), X_OK) != 0) return not_done(std::move(check), program + " is not there");
  const bool there = TRY(has_extension(cluster, "amcheck", stop));
  if (!there) return not_done(std::move(check), "the extension amcheck is not installed on this host");
  Command command;
  command.arguments = {program,          "--all",      "--install-missing", "--heapallindexed",
                       "--parent-check", "--progress", "--no-password",     fmt::format("--jobs={}", jobs)};
  const auto where = cluster.client_options();
  command.arguments.insert(command.arguments.end(), where.begin(), where.end());
  command.environment = {{"LC_ALL", "C"}, {"PGOPTIONS", "-c lock_timeout=60s"}};
  command.output_file = cluster.scratch_directory() + "/pg_amcheck.out";
  const auto ended = TRY(run_command(command, stop, kNoLimit));
  std::ifstream output(command.output_file);
  return judge_amcheck(parse_amcheck_output(output, source), ended.exit_status, source);
}

ProofCheck judge_amcheck(AmcheckResult result, int exit_status, const SourceDamage& source) {
  constexpr int kCorruptionFound = 2;
  auto& check = result.check;
  if (exit_status == kCorruptionFound && check.findings_total == 0) {
    check.add({"", "", "pg_amcheck reports corruption: " + result.last_line, source.is_told_in(result.last_line)});
  }
  if (exit_status == 0 || exit_status == kCorruptionFound) return std::move(check);
  if (tells_damage(result.last_line)) check.add({"", "", result.last_line, source.is_told_in(result.last_line)});
  return not_done(std::move(check), fmt::format("it ended with status {}: {}", exit_status, result.last_line));
}

// ---- pg_visibility

namespace {

/// Empty: the extension cannot be made.
Result<std::string> make_visibility_extension(Connection& connection, std::stop_token stop) {
  TRY(connection.query("set lock_timeout = '60s'", {}, stop));
  TRY(connection.query(fmt::format("create schema if not exists {}", kSchema), {}, stop));
  TRY(connection.query(fmt::format("create extension if not exists pg_visibility schema {}", kSchema), {}, stop));
  return connection.query_value(
      "select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid "
      "= e.extnamespace where e.extname = 'pg_visibility'",
      {}, stop);
}

Result<void> check_tables(Connection& connection, const std::string& database, bool shared, const SourceDamage& source,
                          ProofCheck& check, std::stop_token stop) {
  const auto schema = TRY(make_visibility_extension(connection, stop));
  const auto tables = TRY(connection.query(
      "select c.oid::text, n.nspname || '.' || c.relname, coalesce(pg_catalog.pg_relation_filepath(c.oid), '') from "
      "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'm', "
      "'t') and c.relpersistence <> 't' and (not c.relisshared or $1::bool) order by c.oid",
      {shared ? "true" : "false"}, stop));
  const auto sql = fmt::format(
      "select (select count(*) from {0}.pg_check_visible($1::oid::regclass)), (select count(*) from "
      "{0}.pg_check_frozen($1::oid::regclass))",
      schema);
  for (const auto& table : tables.rows) {
    const auto name = table[1].value_or("");
    const bool damaged_there = source.has_relation(table[2].value_or(""));
    auto wrong = connection.query(sql, {table[0].value_or("0")}, stop);
    ++check.checked;
    if (!wrong && (wrong.error().is(ErrorKind::cancelled) || wrong.error().is(ErrorKind::transient))) {
      return std::move(wrong).error();
    }
    if (!wrong) {
      check.add({database, name, wrong.error().message(), damaged_there});
      continue;
    }
    const auto& counts = wrong->rows.front();
    if (counts[0] == "0" && counts[1] == "0") continue;
    check.add({database, name,
               fmt::format("{} row versions on pages marked all-visible are not, {} on pages marked all-frozen are not",
                           counts[0].value_or("?"), counts[1].value_or("?")),
               damaged_there});
  }
  return {};
}

}  // namespace

Result<ProofCheck> check_visibility_maps(const RecoveredCluster& cluster, const SourceDamage& source,
                                         std::stop_token stop) {
  ProofCheck check{.name = "pg_visibility"};
  check.unit = "tables";
  const bool there = TRY(has_extension(cluster, "pg_visibility", stop));
  if (!there) return not_done(std::move(check), "the extension pg_visibility is not installed on this host");
  const auto databases = TRY(cluster.databases(stop));
  for (const auto& database : databases) {
    auto connection = cluster.connect(database, stop);
    auto checked = connection
                       ? check_tables(*connection, database, &database == &databases.front(), source, check, stop)
                       : Result<void>(std::move(connection).error());
    if (checked) continue;
    if (stop.stop_requested()) return std::move(checked).error();
    const auto& message = checked.error().message();
    if (tells_damage(message)) check.add({database, "", message, source.is_told_in(message)});
    check = not_done(std::move(check), fmt::format("database {}: {}", database, message));
  }
  return check;
}

}  // namespace spendsync::restore
