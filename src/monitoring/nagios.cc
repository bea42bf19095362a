#include "monitoring/nagios.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::monitoring {
namespace {

const char* name_of(NagiosState state) {
  switch (state) {
    case NagiosState::ok:
      return "OK";
    case NagiosState::warning:
      return "WARNING";
    case NagiosState::critical:
      return "CRITICAL";
    case NagiosState::unknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

/// A bar begins the performance data and a newline ends the line: neither may come from a message.
std::string plain(std::string text) {
  std::replace(text.begin(), text.end(), '|', '/');
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

NagiosState state_of(const NagiosFacts& facts) {
  if (facts.verdict.safety == health::Safety::unsafe || !facts.problems.empty()) return NagiosState::critical;
  if (facts.verdict.safety == health::Safety::unknown) return NagiosState::unknown;
  return facts.warnings.empty() ? NagiosState::ok : NagiosState::warning;
}

double seconds_of(std::chrono::microseconds time) { return std::chrono::duration<double>(time).count(); }

std::string performance_data(const NagiosFacts& facts) {
  std::string text;
  if (facts.verdict.recoverable) {
    text += fmt::format(" data_loss={:.0f}s;{};{};0 recovery={:.0f}s;{};{};0", seconds_of(facts.verdict.loss),
                        facts.rpo.count(), facts.rpo.count(), seconds_of(facts.verdict.recovery), facts.rto.count(),
                        facts.rto.count());
  }
  if (facts.unstored_wal_bytes) text += fmt::format(" unstored_wal={}B;;;0", *facts.unstored_wal_bytes);
  if (facts.slot_retained_bytes) text += fmt::format(" slot_retained={}B;;;0", *facts.slot_retained_bytes);
  return text.empty() ? "" : " |" + text;
}

}  // namespace

NagiosLine to_nagios(const NagiosFacts& facts) {
  NagiosLine line;
  line.state = state_of(facts);
  std::string text = facts.verdict.sentence();
  for (const auto* list : {&facts.verdict.missed, &facts.problems, &facts.warnings}) {
    for (const auto& finding : *list) text += "; " + finding;
  }
  line.text = fmt::format("SPENDSYNC {} - {}{}", name_of(line.state), plain(text), performance_data(facts));
  return line;
}

NagiosLine unknown_to_nagios(const std::string& why) {
  return {NagiosState::unknown, fmt::format("SPENDSYNC {} - {}", name_of(NagiosState::unknown), plain(why))};
}

}  // namespace spendsync::monitoring
