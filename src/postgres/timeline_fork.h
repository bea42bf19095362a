// Onto a new timeline without replaying anything: how a server leaves a timeline that it shares with WAL of others.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/types.h"

namespace spendsync::postgres {

struct TimelineForkSettings {
  std::string bin_directory;
  std::string data_directory;  // of a server that was shut down cleanly
  /// Where they lie outside the data directory (Debian): config_file, hba_file, ident_file. May be empty.
  std::map<std::string, std::string> server_settings;
  /// Timelines that are used elsewhere, with what their history files say. The server takes the first number above its
  /// own that is neither here nor in its pg_wal (access/timeline.c, findNewestTimeLine). A number whose file nobody
  /// has may stand here with any text: the server only looks whether there is a file.
  std::map<TimelineId, std::string> used;
};

struct TimelineFork {
  TimelineId timeline;  // the new one
  std::string history;  // its history file
};

/// Starts the server for itself alone (a socket in a private directory) with a recovery.signal and a restore_command
/// that gives out the history files of `used` and nothing else: it replays what lies in its own pg_wal, chooses the new
/// timeline, and is shut down cleanly. Nothing of it is left in the configuration or in the directory.
/// Errors: refused as root; conflict when a server runs; internal when the timeline chosen is one of `used`; those of
/// the server, with its last FATAL message: the directory can then be started as before.
Result<TimelineFork> fork_timeline(const TimelineForkSettings& settings, std::stop_token stop);

}  // namespace spendsync::postgres
