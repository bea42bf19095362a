// pg_backup_start .. pg_backup_stop (15+), pg_start_backup .. pg_stop_backup (13, 14): non-exclusive (B1 to B6).
#pragma once

#include "postgres/connection.h"

namespace spendsync::postgres {

/// Holds the session in which the backup runs. Destroying it without stop() ends the backup on the server.
class BackupSession {
 public:
  struct Settings {
    std::string label;
    bool fast_checkpoint = true;
  };
  /// Errors: refused when full_page_writes is off on a standby's primary, wal_level is minimal ...
  static Result<BackupSession> start(Connection connection, Settings settings, std::stop_token stop);

  Lsn start_lsn() const { return start_.lsn; }
  TimelineId timeline() const { return start_.timeline; }
  Timestamp started() const { return started_; }

  struct Stopped {
    WalPosition stop;
    Timestamp stopped;  // the server's clock
    std::string backup_label;    // byte for byte (B2)
    std::string tablespace_map;  // byte for byte, may be empty
  };
  /// Does not wait for archiving: the caller proves that the WAL is in the repository (B14).
  /// Errors: conflict when a standby was promoted meanwhile (B6); transient when the session broke.
  Result<Stopped> stop(std::stop_token stop);
  Connection& connection() { return connection_; }

 private:
  BackupSession(Connection connection, WalPosition start, Timestamp started, bool in_recovery)
      : connection_(std::move(connection)), start_(start), started_(started), in_recovery_(in_recovery) {}
  Connection connection_;
  WalPosition start_;
  Timestamp started_;
  bool in_recovery_;
};

/// Strict reading of a backup_label (B3). Errors: corrupt naming the line.
struct BackupLabel {
  Lsn start_lsn;
  Lsn checkpoint_lsn;
  TimelineId timeline;
  bool from_standby = false;
};
Result<BackupLabel> parse_backup_label(std::string_view text);

}  // namespace spendsync::postgres
