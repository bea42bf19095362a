// A connection to the server through libpq.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/types.h"

namespace spendsync::postgres {

/// Rows of text; SQL NULL is an empty optional.
struct Rows {
  std::vector<std::vector<std::optional<std::string>>> rows;
  bool empty() const { return rows.empty(); }
};

/// One session. One thread at a time. Session settings are forced at connect: no statement, lock or idle timeouts,
/// UTC, ISO dates, standard strings, an application_name, search_path pg_catalog (name the schema of every table:
/// nobody else's functions are run by our right). A pooler between us and the server is refused (pg_backend_pid changes
/// between statements or the protocol lacks it).
class Connection {
 public:
  struct Settings {
    std::string connection_string;  // libpq keyword=value or URI
    std::string application_name = "spendsync-backup";
    std::chrono::seconds connect_timeout{10};
    bool replication = false;  // physical replication protocol
  };
  /// Without dbname (and PGDATABASE) it is `postgres`. client_encoding is SQL_ASCII: text arrives byte for byte, which
  /// backup_label and tablespace_map need. Errors: transient when the server cannot be reached or is starting (hint:
  /// what to check), denied on a failed login (says user, method where known), unsupported below 13 or above 18,
  /// invalid for a malformed connection string, cancelled.
  static Result<Connection> open(Settings settings, std::stop_token stop = {});
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs one statement with text parameters. Cancels it and returns `cancelled` when asked to stop.
  /// Errors carry SQLSTATE (see has_sqlstate) and the server's own message and hint; a broken session is transient.
  Result<Rows> query(const std::string& sql, const std::vector<std::string>& parameters, std::stop_token stop = {});
  Result<std::string> query_value(const std::string& sql, const std::vector<std::string>& parameters = {},
                                  std::stop_token stop = {});
  int server_version() const;  // PQserverVersion: 150020
  int server_major() const { return server_version() / 10000; }
  void* native() const;  // PGconn*, for the streaming code of this folder

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether an error that query() returned has this SQLSTATE, as "55006".
bool has_sqlstate(const Error& error, std::string_view sqlstate);

/// What a backup needs to know about the server, read in one go.
struct ServerInfo {
  int version = 0;
  SystemIdentifier system_identifier;
  std::string data_directory;
  std::string config_file;  // outside the data directory on Debian
  std::string hba_file;
  uint32_t page_size = 0;
  uint32_t wal_segment_size = 0;
  uint32_t relation_segment_size = 0;  // bytes
  uint32_t catalog_version = 0;
  bool data_checksums = false;
  bool in_recovery = false;
  TimelineId timeline;
  std::string wal_level;
  std::string archive_mode;
  std::string archive_command;
  std::string archive_library;  // 15 and later
  bool full_page_writes = true;
  Lsn current_lsn;  // write position, or replayed position on a standby
  Timestamp now;
  /// What a minimal postgresql.conf for recovery needs: the hot_standby parameters (R12, at least as large), lc_*,
  /// time zones, preloaded libraries. Each may stand in a configuration file as it is.
  std::vector<std::pair<std::string, std::string>> recovery_settings;
};
/// Errors: denied when the role may not read the settings or the control data (hint: the grant).
Result<ServerInfo> read_server_info(Connection& connection);

}  // namespace spendsync::postgres
