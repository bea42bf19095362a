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
  /// Waits for the checkpoint that starts the backup. Errors: refused when full_page_writes is off on a standby's
  /// primary or wal_level is minimal; denied without the right to call the functions (hint: the grant); cancelled.
  static Result<BackupSession> start(Connection connection, Settings settings, std::stop_token stop);

  Lsn start_lsn() const { return start_.lsn; }
  /// Of the start. On a standby that has just followed a switch it is known for certain only from Stopped::start.
  TimelineId timeline() const { return start_.timeline; }
  Timestamp started() const { return started_; }
  /// The server was a standby when the backup started.
  bool on_standby() const { return in_recovery_; }

  struct Stopped {
    WalPosition start;  // as backup_label says it
    WalPosition stop;
    Timestamp stopped;           // the server's clock
    std::string backup_label;    // byte for byte (B2)
    std::string tablespace_map;  // byte for byte, may be empty
  };
  /// Does not wait for archiving: the caller proves that the WAL is in the repository (B14).
  /// Errors: conflict when a standby was promoted meanwhile (B6); transient when the session broke, which has ended the
  /// backup on the server; corrupt when the server's label cannot be read.
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

/// Strict reading of a backup_label (access/transam/xlogrecovery.c read_backup_label; B3). Errors: corrupt naming the
/// line; refused for one of a server-made incremental backup, which cannot start by itself.
struct BackupLabel {
  Lsn start_lsn;
  Lsn checkpoint_lsn;
  TimelineId timeline;
  bool from_standby = false;
  std::string label;
};
Result<BackupLabel> parse_backup_label(std::string_view text);

}  // namespace spendsync::postgres
