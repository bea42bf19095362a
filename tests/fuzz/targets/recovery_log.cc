#include "fuzz/targets.h"
#include "postgres/recovery_progress.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto text = as_text(input);
  const auto outcome = postgres::parse_recovery_log(text);
  const auto fatal = postgres::last_fatal_messages(text);
  return outcome.stop != postgres::RecoveryOutcome::Stop::none || outcome.complete || outcome.redo_start ||
         !fatal.empty();
}

std::string line(const std::string& message, const std::string& level = "LOG") {
  return "2026-11-23 14:20:13.123 UTC [4711] " + level + ":  " + message + "\n";
}

}  // namespace

Target recovery_log_target() {
  return {"recovery_log",
          reads,
          texts({line("starting PostgreSQL 15.20 (Debian 15.20-0+deb12u1) on x86_64-pc-linux-gnu") +
                     line("redo starts at 0/2000028") + line("consistent recovery state reached at 0/2000100") +
                     line("recovery stopping before commit of transaction 742, time 2026-11-23 14:20:06.000001+00") +
                     line("redo done at 0/3000148 system usage: CPU: user: 0.00 s") +
                     line("last completed transaction was at log time 2026-11-23 15:20:05.25+01") +
                     line("selected new timeline ID: 2") + line("archive recovery complete"),
                 line("recovery stopping at restore point \"a\", time b\", time 2026-11-23 14:20:06+00"),
                 line("could not locate required checkpoint record", "FATAL") + line("check the label", "HINT")}),
          texts({"", "\n\n", line("restored log file \"000000010000000000000002\" from archive")}),
          {"PANIC:  ", "FATAL:  ", "DETAIL:  ", "recovery stopping after WAL location (LSN) \"0/1\"", "\""}};
}

}  // namespace spendsync::fuzz
