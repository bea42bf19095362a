#include "health/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace spendsync::health {
namespace {

using std::chrono::duration;
using std::chrono::microseconds;

constexpr double kShortestCopySeconds = 0.5;  // a tiny backup's duration says nothing about a rate

microseconds from_seconds(double seconds) {
  return std::chrono::duration_cast<microseconds>(duration<double>(seconds));
}

void estimate_by_measurement(const VerdictFacts& facts, Verdict& verdict) {
  const auto& measured = *facts.measured;
  const auto then = static_cast<double>(std::max<uint64_t>(1, measured.restored_bytes + measured.wal_bytes));
  const auto now = static_cast<double>(facts.work->restored_bytes + facts.work->wal_bytes);
  const double seconds = duration<double>(measured.duration).count();
  // Starting, recovering and stopping a server takes its time however little there is to copy.
  verdict.recovery = from_seconds(seconds * std::max(1.0, now / then));
  verdict.measured = true;
  verdict.basis = fmt::format("the restore of {} on {}: {} in {}", measured.label, format_utc(measured.finished),
                              format_bytes(measured.restored_bytes + measured.wal_bytes),
                              format_duration(std::chrono::duration_cast<microseconds>(measured.duration)));
}

void estimate_by_backup(const VerdictFacts& facts, Verdict& verdict) {
  const auto& work = *facts.work;
  const double copy = std::max(kShortestCopySeconds, duration<double>(work.copy_duration).count());
  const double replay = static_cast<double>(work.wal_bytes) / static_cast<double>(kAssumedReplayBytesPerSecond);
  verdict.recovery = from_seconds(copy + replay) + kAssumedServerTime;
  verdict.basis =
      fmt::format("{} was made in {}, WAL replay taken as {}/s; no restore was measured on this host yet", work.label,
                  format_duration(work.copy_duration), format_bytes(kAssumedReplayBytesPerSecond));
}

}  // namespace

Verdict judge(const VerdictFacts& facts) {
  Verdict verdict;
  if (!facts.restorable_until || !facts.work) {
    verdict.missed.push_back("nothing can be restored: neither RPO nor RTO is kept");
    return verdict;
  }
  verdict.recoverable = true;
  if (!facts.all_stored) verdict.loss = std::max(microseconds(0), facts.now - *facts.restorable_until);
  if (facts.measured) {
    estimate_by_measurement(facts, verdict);
  } else {
    estimate_by_backup(facts, verdict);
  }
  if (verdict.loss > facts.rpo) {
    verdict.missed.push_back(fmt::format("RPO: up to {} would be lost, objectives.rpo is {}",
                                         format_duration(verdict.loss), format_duration(facts.rpo)));
  }
  if (verdict.recovery > facts.rto) {
    verdict.missed.push_back(fmt::format("RTO: it would take about {}, objectives.rto is {}",
                                         format_duration(verdict.recovery), format_duration(facts.rto)));
  }
  const bool sound = verdict.missed.empty() && !facts.problems;
  if (sound) verdict.safety = facts.server_answers ? Safety::safe : Safety::unknown;
  return verdict;
}

std::string Verdict::headline() const {
  const char* word = safety == Safety::safe ? "SAFE    " : safety == Safety::unknown ? "UNKNOWN " : "NOT SAFE";
  return fmt::format("{} {}", word, sentence());
}

std::string Verdict::sentence() const {
  if (!recoverable) return "if this server died now: everything would be lost; there is nothing to restore";
  const std::string lose = loss == microseconds(0) ? "lose nothing" : "lose at most " + format_duration(loss);
  return fmt::format(
      "{}: {}, back in about {} ({})",
      safety == Safety::unknown ? "the server cannot be asked; if it is lost" : "if this server died now", lose,
      format_duration(recovery), measured ? "measured" : "estimated");
}

}  // namespace spendsync::health
