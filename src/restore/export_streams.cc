#include "restore/export_streams.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "base/condition.h"
#include "base/subprocess.h"
#include "restore/checked_output.h"
#include "restore/nearest_names.h"

namespace spendsync::restore {
namespace {

constexpr std::chrono::seconds kNoLimit{std::chrono::hours{24 * 365}};
constexpr size_t kNamesShown = 5;
/// Nobody else works on the copy: who holds a lock there is a prepared transaction, and will not let go.
constexpr const char* kLockWait = "--lock-wait-timeout=60000";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string program_of(const LogicalExport& what) { return what.database.empty() ? "pg_dumpall" : "pg_dump"; }

std::string last_words(const std::string& said) {
  auto lines = lines_of(said);
  constexpr size_t kMost = 3;
  if (lines.size() > kMost) lines.erase(lines.begin(), lines.end() - kMost);
  return lines.empty() ? std::string("it said nothing") : fmt::format("{}", fmt::join(lines, "; "));
}

Error failed(const std::string& program, const CommandOutput& output) {
  const bool full = output.err.find("No space left on device") != std::string::npos ||
                    output.err.find("Disk quota exceeded") != std::string::npos;
  Error error(full ? ErrorKind::exhausted : ErrorKind::internal,
              fmt::format("{} failed with status {}: {}", program, output.exit_status, last_words(output.err)));
  return full ? std::move(error).with_condition(Condition::no_space).with_hint("write to a place with more room")
              : std::move(error);
}

Error not_there(const std::string& what, const std::string& name, const std::vector<std::string>& nearest) {
  Error error(ErrorKind::not_found, fmt::format("there is no {} {} at that moment", what, name));
  if (nearest.empty()) return std::move(error).with_hint("where it was dropped, choose a moment before that");
  return std::move(error).with_hint(fmt::format(
      "the nearest names: {}; where it was dropped, choose a moment before that", fmt::join(nearest, ", ")));
}

Result<void> check_database(const RecoveredCluster& cluster, const std::string& database, std::stop_token stop) {
  auto databases = TRY(cluster.databases(stop));
  if (std::ranges::find(databases, database) != databases.end()) return {};
  return not_there("database", database, nearest_names(database, std::move(databases), kNamesShown));
}

Result<std::vector<std::string>> names_in(const RecoveredCluster& cluster, const std::string& database,
                                          const std::string& sql, std::stop_token stop) {
  auto connection = TRY(cluster.connect(database, stop));
  auto rows = TRY(connection.query(sql, {}, stop));
  std::vector<std::string> names;
  for (auto& row : rows.rows) names.push_back(row.front().value_or(""));
  return names;
}

/// The pattern in: pg_dump: error: no matching tables were found for pattern "ordres"
std::string pattern_in(const std::string& said) {
  const auto begin = said.find("for pattern \"");
  if (begin == std::string::npos) return "";
  const auto first = begin + std::string_view("for pattern \"").size();
  return said.substr(first, said.find("\"\n", first) - first);
}

/// What pg_dump said, told with the names that exist.
Result<Error> explain_failure(const RecoveredCluster& cluster, const LogicalExport& what, const CommandOutput& output,
                              std::stop_token stop) {
  const bool tables = output.err.find("no matching tables were found") != std::string::npos;
  const bool schemas = output.err.find("no matching schemas were found") != std::string::npos;
  if (!tables && !schemas) return failed(program_of(what), output);
  auto name = pattern_in(output.err);
  auto names = TRY(names_in(cluster, what.database,
                            tables ? "select n.nspname || '.' || c.relname from pg_catalog.pg_class c join "
                                     "pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in "
                                     "('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> "
                                     "'information_schema'"
                                   : "select nspname from pg_catalog.pg_namespace where nspname !~ '^pg_'",
                            stop));
  return not_there(tables ? "table" : "schema", name + " in database " + what.database,
                   nearest_names(name, std::move(names), kNamesShown));
}

std::vector<std::string> dump_arguments(const RecoveredCluster& cluster, const LogicalExport& what,
                                        const std::string& database) {
  std::vector<std::string> arguments{cluster.bin_directory() + "/" + program_of(what),
                                     "--dbname=" + cluster.connection_string(database), "--no-password", kLockWait};
  if (what.schema_only) arguments.emplace_back("--schema-only");
  if (what.data_only) arguments.emplace_back("--data-only");
  if (what.database.empty()) return arguments;
  arguments.emplace_back("--strict-names");
  arguments.emplace_back(what.custom_format ? "--format=custom" : "--format=plain");
  for (const auto& table : what.tables) arguments.push_back("--table=" + table);
  for (const auto& schema : what.schemas) arguments.push_back("--schema=" + schema);
  return arguments;
}

/// Links into the sandbox would lead nowhere once it is gone.
Result<void> make_links_relative(const RecoveredCluster& cluster) {
  for (const auto& tablespace : cluster.report().tablespaces) {
    const auto link = fmt::format("{}/pg_tblspc/{}", cluster.data_directory(), tablespace.oid);
    struct stat status {};
    if (::lstat(link.c_str(), &status) != 0) return Error::from_errno(errno, "cannot look at " + link);
    if (!S_ISLNK(status.st_mode)) continue;  // in place already (allow_in_place_tablespaces)
    const auto target = fmt::format("../../data-tablespaces/{}", tablespace.oid);
    if (::unlink(link.c_str()) != 0 || ::symlink(target.c_str(), link.c_str()) != 0) {
      return Error::from_errno(errno, "cannot change " + link);
    }
  }
  return {};
}

}  // namespace

Result<void> check_dump_program(const std::string& bin_directory, int major, const LogicalExport& what) {
  const auto program = bin_directory + "/" + program_of(what);
  if (::access(program.c_str(), X_OK) == 0) return {};
  return Error(ErrorKind::refused, program + " is not there")
      .with_hint(fmt::format("install PostgreSQL's client programs (Debian: postgresql-client-{})", major));
}

Result<std::vector<std::string>> write_dump(const RecoveredCluster& cluster, const LogicalExport& what, int output,
                                            std::stop_token stop) {
  if (!what.database.empty()) TRY(check_database(cluster, what.database, stop));
  auto databases = TRY(cluster.databases(stop));
  if (databases.empty()) return Error(ErrorKind::not_found, "the copy has no database that takes connections");
  Command command;
  command.arguments = dump_arguments(cluster, what, what.database.empty() ? databases.front() : what.database);
  command.environment["LC_ALL"] = "C";  // its messages are read
  auto result = TRY(run_with_checked_output(std::move(command), output, stop));
  if (result.exit_status == 0) return lines_of(result.err);
  auto error = TRY(explain_failure(cluster, what, result, stop));
  return error;
}

Result<std::vector<std::string>> write_tar(const RecoveredCluster& cluster, int output, std::stop_token stop) {
  TRY(make_links_relative(cluster));
  const auto& data = cluster.data_directory();
  const auto parent = data.substr(0, data.find_last_of('/'));
  Command command;
  command.arguments = {"tar", "--create", "--file=-", "--format=posix", "--sort=name", "--directory", parent, "data"};
  if (exists(data + "-tablespaces")) command.arguments.emplace_back("data-tablespaces");
  command.environment["LC_ALL"] = "C";
  command.output_descriptor = output;
  auto result = run_command(command, stop, kNoLimit);
  if (!result) return std::move(result).error().with_exit_code(1);  // "not found" is said of what is exported alone
  if (result->exit_status != 0) return failed("tar", *result);
  return lines_of(result->err);
}

}  // namespace spendsync::restore
