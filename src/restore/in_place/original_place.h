// The data directory that a restore in place replaces, and the server on it.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "postgres/server_control.h"
#include "restore/plan.h"

namespace spendsync::restore {

/// What must be known after a kill to go on where an in-place restore was (kInPlaceFile).
struct InPlaceState {
  std::string control;         // digest of pg_control when this was written; empty: there was none
  std::string plan;            // RestorePlan::resume_id of what was restored
  bool was_running = false;    // before the first attempt
  std::string server_options;  // postmaster.opts: how it was started
  std::string stamp;           // of the first attempt, in the names of what is moved aside: none had it before
  std::string moved_to;        // the old data directory; empty: rewritten, or there was none
  uint32_t timeline = 0;       // of the server's newest WAL; 0: it had none
  bool restored = false;       // all is done but the start
};

/// One thread. Paths are absolute and without links.
class OriginalPlace {
 public:
  struct Settings {
    std::string data;
    std::string bin_directory;
  };
  /// Reads the state that an interrupted attempt left, and forgets one that a server has run on since: what it says is
  /// of the past.
  static Result<OriginalPlace> look(Settings settings, const Clock& clock);

  const std::string& data() const { return settings_.data; }
  InPlaceState& state() { return state_; }
  /// The directory holds an unfinished restore: the old one is aside or being rewritten already.
  bool unfinished() const;
  /// What lies there is as it was before the first attempt, but for a server that it stopped.
  bool untouched() const { return !unfinished() && !state_.restored; }
  /// Of this attempt alone: what an earlier one kept is no part of this server's WAL.
  std::string aside_wal() const { return settings_.data + ".unarchived-wal-" + state_.stamp; }
  std::string kept_files() const { return settings_.data + ".files.before-" + state_.stamp; }

  /// Errors: refused when something that no restore of this program made lies where captured files are staged
  /// (<data>.files).
  Result<void> check_staging() const;
  /// Remembers whether it runs, and stops it: immediate, since the checkpoint of a clean shutdown may recycle WAL that
  /// is not archived yet, and only WAL counts here. Waits for processes that outlived their postmaster, `stop` or not.
  /// True when it ran. Errors: conflict when it does not end; cancelled before it was asked to.
  Result<bool> stop_server(std::stop_token stop);
  /// Whether move_aside() can be expected to succeed. Errors: refused for a mount point and where the directory above
  /// cannot be written: hint --delta.
  Result<void> check_movable() const;
  /// Whether the locations of tablespaces that replay will make can be freed: each is there, or can be made, and what
  /// lies in it is this server's. Errors: refused, naming the location.
  Result<void> check_new_locations(const RestorePlan& plan) const;
  /// For a restore that moves nothing else (--delta, or one that is taken up again): the directories of this version
  /// get another name; what an interrupted replay has made there is removed. Errors: as move_aside.
  Result<void> free_new_locations(const RestorePlan& plan);
  /// The data directory, and in each tablespace the directory of this version, get another name; an empty one that is
  /// marked as unfinished takes the data directory's place in the same instant. Durable.
  /// Errors: refused when the directory cannot be renamed (a mount point, another's parent directory): hint --delta;
  /// conflict when somebody has started the server again. After an error everything lies where it lay.
  Result<void> move_aside(const RestorePlan& plan);
  /// For the same place rewritten.
  Result<void> save_state();
  Result<void> forget_state() const;
  /// As if no attempt had been made before.
  void begin_anew();
  /// As it was started before.
  Result<void> start_server(std::stop_token stop) const;
  /// For an error after which everything lies where it lay: `failed`, with what became of the server that ran before
  /// the first attempt. It is started again. Where that fails the exit code is that of a failure, and the message has
  /// the command. What was moved or kept aside by this attempt is put back or removed.
  Error give_up(Error failed);

 private:
  OriginalPlace(Settings settings, const Clock& clock) : settings_(std::move(settings)), clock_(&clock) {}
  bool is_taken(const std::string& stamp) const;
  Result<void> save_state_in(const std::string& directory) const;
  Result<void> start(const std::string& log, std::stop_token stop) const;
  Result<void> wait_until_ended(std::stop_token stop) const;
  Result<void> move_tablespaces(const RestorePlan& plan);
  Result<void> move_version_directory(const std::string& location, const std::string& version);
  bool is_own_location(const std::string& location) const;
  /// The way back, where the data directory could not follow them.
  void return_tablespaces();
  Result<void> exchange(const std::string& fresh) const;
  Result<void> exchange_in_steps(const std::string& fresh) const;

  Settings settings_;
  const Clock* clock_;
  InPlaceState state_;
  std::optional<postgres::OperatedServer> operated_;                    // the server that stop_server() found running
  std::vector<std::pair<std::string, std::string>> moved_tablespaces_;  // from, to
};

}  // namespace spendsync::restore
