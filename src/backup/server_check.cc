#include "backup/server_check.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/condition.h"
#include "postgres/control_file.h"

namespace spendsync::backup {

namespace {

Result<postgres::DataDirectory> open_data_directory(const postgres::ServerInfo& info) {
  auto directory = postgres::DataDirectory::open(info.data_directory);
  if (directory) return directory;
  auto error = std::move(directory).error();
  if (error.is(ErrorKind::not_found)) {
    return Error(ErrorKind::refused,
                 fmt::format("the server's data directory {} is not on this host", info.data_directory))
        .with_hint("run the backup where the server runs");
  }
  if (error.is(ErrorKind::denied)) {
    return std::move(error).with_hint("run the backup as the owner of the data directory, or as root");
  }
  return error;
}

/// The directory of that name might be another host's, or a copy.
Result<void> check_same_cluster(const postgres::ServerInfo& info) {
  auto control = TRY(postgres::read_control_file(info.data_directory));
  if (control.control.system_identifier == info.system_identifier) return {};
  return Error(ErrorKind::refused,
               fmt::format("{} belongs to the cluster {}, but the server is {}", info.data_directory,
                           control.control.system_identifier.to_string(), info.system_identifier.to_string()))
      .with_hint("run the backup where the server runs");
}

Result<void> check_state(const postgres::ServerInfo& info) {
  if (info.wal_level == "minimal") {
    return Error(ErrorKind::refused, "the server has wal_level=minimal, so a backup could never be recovered")
        .with_condition(Condition::wal_level_minimal)
        .with_hint("alter system set wal_level = 'replica', then restart the server");
  }
  return {};
}

/// Streaming needs the REPLICATION attribute, which no grant replaces.
Result<void> check_role(postgres::Connection& connection, int major, std::stop_token stop) {
  std::string function = major >= 15 ? "pg_backup_start(text, boolean)" : "pg_start_backup(text, boolean, boolean)";
  auto rows =
      TRY(connection.query("SELECT current_user, (r.rolsuper OR r.rolreplication)::text,"
                           " has_function_privilege($1, 'execute')::text"
                           " FROM pg_roles r WHERE r.rolname = current_user",
                           {function}, stop));
  if (rows.rows.size() != 1) return Error(ErrorKind::internal, "the server does not know its own current_user");
  const auto& row = rows.rows.front();
  auto user = row[0].value_or("");
  if (row[1] != "true") {
    return Error(ErrorKind::denied, fmt::format("role \"{}\" may not stream WAL", user))
        .with_condition(Condition::server_rights_missing)
        .with_hint(fmt::format("alter role \"{}\" replication", user));
  }
  if (row[2] != "true") {
    auto stop_function = major >= 15 ? "pg_backup_stop(boolean)" : "pg_stop_backup(boolean, boolean)";
    return Error(ErrorKind::denied, fmt::format("role \"{}\" may not call {}", user, function))
        .with_condition(Condition::server_rights_missing)
        .with_hint(fmt::format("grant execute on function {}, {} to \"{}\"", function, stop_function, user));
  }
  return {};
}

/// pg_backup_start would say so as well, but only after its checkpoint: without full page images of the primary no
/// page that is torn while it is copied could be repaired (xlog.c, do_pg_backup_start).
Result<void> check_hot_standby(postgres::Connection& connection, std::stop_token stop) {
  auto full_page_writes =
      TRY(connection.query_value("SELECT full_page_writes::text FROM pg_control_checkpoint()", {}, stop));
  if (full_page_writes == "true") return {};
  return Error(ErrorKind::refused,
               "the primary of this standby has full_page_writes=off: a backup made here could not be trusted")
      .with_hint("alter system set full_page_writes = on, and reload the primary; or back the primary up");
}

bool lies_in(const std::string& path, const std::string& directory) { return path.starts_with(directory + "/"); }

}  // namespace

Result<CheckedServer> check_server(postgres::Connection& connection, std::stop_token stop) {
  auto info = TRY(postgres::read_server_info(connection));
  TRY(check_state(info));
  TRY(check_role(connection, connection.server_major(), stop));
  auto directory = TRY(open_data_directory(info));
  TRY(check_same_cluster(info));
  auto version = TRY(connection.query_value("SHOW server_version", {}, stop));
  std::vector<std::string> warnings;
  if (!info.data_checksums) {
    warnings.push_back("the cluster has no data checksums: damaged pages cannot be noticed");
  }
  if (info.in_recovery) {
    TRY(check_hot_standby(connection, stop));
  } else if (!info.full_page_writes) {
    warnings.push_back("full_page_writes is off; the server turns it on while a backup runs");
  }
  return CheckedServer{std::move(info), std::move(version), std::move(directory), std::move(warnings)};
}

repository::ClusterIdentity identity_of(const CheckedServer& server, const std::string& cluster) {
  repository::ClusterIdentity identity;
  identity.cluster = cluster;
  identity.system_identifier = server.info.system_identifier;
  identity.major_version = server.major();
  identity.catalog_version = server.info.catalog_version;
  identity.page_size = server.info.page_size;
  identity.wal_segment_size = server.info.wal_segment_size;
  identity.relation_segment_size = server.info.relation_segment_size;
  return identity;
}

std::map<std::string, std::string> recovery_facts(const CheckedServer& server) {
  std::map<std::string, std::string> facts(server.info.recovery_settings.begin(), server.info.recovery_settings.end());
  facts["data_directory"] = server.info.data_directory;
  facts["data_directory_mode"] = server.directory.group_access() ? "0750" : "0700";
  for (const auto& [name, path] :
       {std::pair("config_file", server.info.config_file), std::pair("hba_file", server.info.hba_file)}) {
    if (!path.empty() && !lies_in(path, server.info.data_directory)) facts[name] = path;
  }
  return facts;
}

}  // namespace spendsync::backup
