#include "restore/recovered_cluster.h"

#include <fmt/format.h>
#include <sys/un.h>

#include "postgres/installation.h"

namespace spendsync::restore {

using postgres::Connection;
using postgres::ServerProcess;

namespace {

constexpr std::chrono::seconds kStartTimeout{600};
constexpr std::chrono::seconds kStopTimeout{600};
constexpr int kPort = 5432;              // only names the socket
constexpr int kEventTriggersSince = 17;  // and triggers on login with them

/// An error must not send anybody to a log that goes with the sandbox.
Error without_lost_log(Error error, const std::string& sandbox) {
  if (error.hint().find(sandbox) == std::string::npos) return error;
  Error told(error.kind(), error.message());
  if (error.exit_code()) told = std::move(told).with_exit_code(*error.exit_code());
  return std::move(told)
      .with_condition(error.condition())
      .with_hint("a restore of the same to a directory of its own (`restore ... --target DIR`) keeps the server's log");
}

}  // namespace

Result<RecoveredCluster> RecoveredCluster::make(repository::Repository& repository, const SandboxDirectory& sandbox,
                                                const RestorePlan& plan, const ExecuteSettings& settings,
                                                Progress& progress, std::stop_token stop) {
  auto bin_directory = TRY(postgres::find_bin_directory(plan.target.backup.major_version, settings.bin_directory));
  RecoveredCluster cluster(sandbox, plan.target.backup, std::move(bin_directory));
  TRY(make_directories(cluster.scratch_, 0700));
  auto report = execute_restore(repository, plan, settings, progress, stop);
  if (!report) return without_lost_log(std::move(report).error(), sandbox.path());
  cluster.report_ = *std::move(report);
  return cluster;
}

Result<void> RecoveredCluster::start(const std::vector<std::string>& known_roles, std::stop_token stop) {
  auto settings = TRY(server_settings());
  auto started = TRY(ServerProcess::start(std::move(settings)));
  server_.emplace(std::move(started));
  auto ready = server_->wait_until_ready(kStartTimeout, stop);
  if (!ready) return without_lost_log(std::move(ready).error(), scratch_).with_context("starting the recovered copy");
  for (const char* database : {"postgres", "template1"}) {
    maintenance_database_ = database;
    auto found = find_superuser(known_roles, stop);
    if (found) {
      superuser_ = *std::move(found);
      return {};
    }
    if (found.error().is(ErrorKind::cancelled)) return std::move(found).error();
  }
  return Error(ErrorKind::refused,
               "the recovered copy has no role that this program knows: neither the running user's, "
               "nor postgres, nor the one of database.connection")
      .with_hint("restore to a directory of its own with `restore ... --target DIR` and open that");
}

Result<void> RecoveredCluster::stop() {
  auto stopped = server_->stop(ServerProcess::StopMode::fast, kStopTimeout);
  if (stopped) server_.reset();
  return stopped;
}

/// Everything that matters is given on the command line, over whatever postgresql.auto.conf came from the source.
Result<ServerProcess::Settings> RecoveredCluster::server_settings() {
  ServerProcess::Settings server;
  server.bin_directory = bin_directory_;
  server.data_directory = data_directory_;
  server.log_file = scratch_ + "/server.log";
  server.port = kPort;
  server.socket_directory = scratch_;
  if (scratch_.size() + sizeof("/.s.PGSQL.5432.lock") > sizeof(sockaddr_un::sun_path)) {
    auto made = TRY(ScratchDirectory::create("/tmp", "spendsync-sandbox-socket-"));
    socket_elsewhere_.emplace(std::move(made));
    server.socket_directory = socket_elsewhere_->path();
  }
  socket_directory_ = server.socket_directory;
  server.settings = recovery_server_settings(backup_, backup_.major_version, report_.limits);
  server.settings["config_file"] = scratch_ + "/postgresql.conf";
  server.settings["hba_file"] = scratch_ + "/pg_hba.conf";
  server.settings["ident_file"] = scratch_ + "/pg_ident.conf";
  server.settings["fsync"] = "off";  // it is thrown away
  server.settings["synchronous_standby_names"] = "";
  server.settings["default_transaction_read_only"] = "off";
  if (backup_.major_version >= kEventTriggersSince) server.settings["event_triggers"] = "off";
  TRY(replace_file(scratch_ + "/postgresql.conf", {}, 0600));
  TRY(replace_file(scratch_ + "/pg_hba.conf", as_bytes("local all all trust\n"), 0600));
  TRY(replace_file(scratch_ + "/pg_ident.conf", {}, 0600));
  return server;
}

Result<std::string> RecoveredCluster::find_superuser(const std::vector<std::string>& known_roles,
                                                     std::stop_token stop) const {
  std::vector<std::string> roles = known_roles;
  roles.insert(roles.end(), {"postgres", ""});
  for (const auto& role : roles) {
    auto connection =
        Connection::open({.connection_string = server_->connection_string(maintenance_database_, role)}, stop);
    if (!connection) {
      if (connection.error().is(ErrorKind::cancelled)) return std::move(connection).error();
      continue;
    }
    auto rows = TRY(connection->query(
        "select rolname from pg_catalog.pg_roles where rolsuper and rolcanlogin order by oid limit 1", {}, stop));
    if (!rows.empty()) return rows.rows.front().front().value_or("");
  }
  return Error(ErrorKind::not_found, "no superuser");
}

std::string RecoveredCluster::connection_string(const std::string& database) const {
  return server_->connection_string(database, superuser_);
}

std::vector<std::string> RecoveredCluster::client_options() const {
  return {"--host=" + socket_directory_, fmt::format("--port={}", kPort), "--username=" + superuser_};
}

Result<Connection> RecoveredCluster::connect(const std::string& database, std::stop_token stop) const {
  return Connection::open({.connection_string = connection_string(database)}, stop);
}

Result<std::vector<std::string>> RecoveredCluster::databases(std::stop_token stop) const {
  return list_databases("datallowconn and datconnlimit <> -2", std::move(stop));
}

Result<std::vector<std::string>> RecoveredCluster::databases_without_connections(std::stop_token stop) const {
  return list_databases("not datallowconn", std::move(stop));
}

Result<std::vector<std::string>> RecoveredCluster::list_databases(const std::string& condition,
                                                                  std::stop_token stop) const {
  auto connection = TRY(connect(maintenance_database_, stop));
  auto rows =
      TRY(connection.query("select datname from pg_catalog.pg_database where " + condition + " order by 1", {}, stop));
  std::vector<std::string> names;
  for (auto& row : rows.rows) names.push_back(row.front().value_or(""));
  return names;
}

}  // namespace spendsync::restore
