// The server on the data directory that is replaced: stopped, and started as it was.
#include <fmt/format.h>

#include "base/exit_code.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "postgres/server_process.h"
#include "restore/in_place/original_place.h"

namespace spendsync::restore {

namespace {

constexpr std::chrono::seconds kStopTimeout(60);
constexpr std::chrono::seconds kStartTimeout(3600);
constexpr std::chrono::milliseconds kPoll(100);

}  // namespace

Result<bool> OriginalPlace::stop_server(std::stop_token stop) {
  if (!exists(data())) return false;
  bool running = TRY(postgres::is_running(data()));
  if (!running) return false;
  if (!unfinished()) {
    state_.was_running = true;
    auto options = read_text_file(data() + "/postmaster.opts");
    if (options) state_.server_options = *options;
    auto operated = postgres::look_at_server(data(), settings_.bin_directory, stop);
    if (operated) operated_ = *std::move(operated);
    TRY(save_state());
  }
  if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the server was");
  // From here on what becomes of the server has to be known: a stop that is asked for takes effect afterwards.
  Command command;
  command.arguments = {settings_.bin_directory + "/pg_ctl",  "-D",  data(), "-m", "immediate", "-w", "-t",
                       std::to_string(kStopTimeout.count()), "stop"};
  static_cast<void>(run_checked(command, {}, kStopTimeout + std::chrono::seconds(10)));
  TRY(wait_until_ended({}));
  if (!unfinished()) TRY(save_state());
  return true;
}

/// Backends that outlived their postmaster end by themselves as soon as they notice.
Result<void> OriginalPlace::wait_until_ended(std::stop_token stop) const {
  auto deadline = clock_->monotonic() + kStopTimeout;
  while (true) {
    bool running = TRY(postgres::is_running(data()));
    if (!running) return {};
    if (clock_->monotonic() > deadline) {
      return Error(ErrorKind::conflict, fmt::format("the server on {} does not stop", data()))
          .with_hint("stop it by hand, then run the same command again");
    }
    TRY(clock_->sleep_for(kPoll, stop));
  }
}

/// pg_ctl restart takes the options out of postmaster.opts, as an operator's would.
Result<void> OriginalPlace::start(const std::string& log, std::stop_token stop) const {
  bool known = !state_.server_options.empty();
  if (known) TRY(replace_file(data() + "/postmaster.opts", as_bytes(state_.server_options), 0600));
  Command command;
  command.arguments = {
      settings_.bin_directory + "/pg_ctl", "-D", data(), "-l", log, "-w", "-t", std::to_string(kStartTimeout.count()),
      known ? "restart" : "start"};
  TRY(run_checked(command, stop, kStartTimeout));
  return {};
}

Result<void> OriginalPlace::start_server(std::stop_token stop) const {
  auto log = data() + "/restore-start.log";
  auto started = start(log, stop);
  if (started) return {};
  return std::move(started)
      .error()
      .with_context("starting the restored server")
      .with_hint(fmt::format("it is recovered and stopped; its log is {}", log));
}

Error OriginalPlace::give_up(Error failed) {
  return_tablespaces();
  static_cast<void>(remove_tree(aside_wal()));  // copies of what is still in pg_wal
  if (!state_.was_running) {
    static_cast<void>(forget_state());
    return failed;
  }
  auto running = postgres::is_running(data());
  if (running && *running) return failed;  // it did not stop, or somebody has started it
  // A stop that was asked for must not keep the database down.
  auto started = operated_ ? postgres::start_server(*operated_, {}) : start(data() + "/restore-start.log", {});
  if (!started) {
    auto command =
        operated_ ? operated_->start_command() : fmt::format("{}/pg_ctl -D {} start", settings_.bin_directory, data());
    return std::move(failed)
        .with_context(fmt::format("nothing was restored, but the server was stopped and does not start again ({}); "
                                  "start it with: {}",
                                  started.error().message(), command))
        .with_exit_code(kFailed);
  }
  static_cast<void>(forget_state());
  return std::move(failed).with_context("nothing was restored; the server was stopped, and runs again");
}

}  // namespace spendsync::restore
