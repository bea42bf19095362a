// A connection to the server through libpq.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
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
/// UTC, ISO dates, standard strings, an application_name. A pooler between us and the server is refused
/// (pg_backend_pid changes between statements or the protocol lacks it).
class Connection {
 public:
  struct Settings {
    std::string connection_string;  // libpq keyword=value or URI
    std::string application_name = "spendsync-backup";
    std::chrono::seconds connect_timeout{10};
    bool replication = false;  // physical replication protocol
  };
  /// Errors: transient when the server cannot be reached or is starting (hint: what to check), denied on a failed
  /// login (says user, method where known), unsupported below 13 or above 18.
  static Result<Connection> open(Settings settings);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Runs one statement with text parameters. Cancels it and returns `cancelled` when asked to stop.
  /// Errors carry SQLSTATE and the server's own message and hint; a broken session is transient.
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
  bool full_page_writes = true;
  Lsn current_lsn;  // write position, or replayed position on a standby
  Timestamp now;
  /// The settings that recovery needs at least as large (hot_standby parameters, R12), plus lc_*, time zone, version.
  std::vector<std::pair<std::string, std::string>> recovery_settings;
};
Result<ServerInfo> read_server_info(Connection& connection);

}  // namespace spendsync::postgres
