// "If this server died now": what would be lost and how long it would take, and whether that keeps the objectives.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "health/restore_measurement.h"

namespace spendsync::health {

/// What a restore to the last recoverable moment would have to do.
struct RecoveryWork {
  std::string label;                           // of the backup it begins with
  uint64_t restored_bytes = 0;                 // of the data directory
  uint64_t wal_bytes = 0;                      // to be replayed
  std::chrono::microseconds copy_duration{0};  // that making the backup took
};

struct VerdictFacts {
  Timestamp now;
  std::optional<Timestamp> restorable_until;  // empty: nothing can be restored
  bool all_stored = false;                    // the server says that it has written nothing since
  bool server_answers = true;                 // else its slot and what it has written since are not known
  bool problems = false;                      // something was found that the next backup or a restore would fail of
  std::optional<RecoveryWork> work;           // with restorable_until
  std::optional<RestoreMeasurement> measured;
  std::chrono::seconds rpo{0};
  std::chrono::seconds rto{0};
};

/// `unknown`: every objective that can be judged is kept, but the server does not answer.
enum class Safety { safe, unknown, unsafe };

/// Value type.
struct Verdict {
  Safety safety = Safety::unsafe;
  bool recoverable = false;
  std::chrono::microseconds loss{0};      // at most
  std::chrono::microseconds recovery{0};  // about
  bool measured = false;                  // else estimated
  std::string basis;                      // what `recovery` rests on
  std::vector<std::string> missed;        // objectives, one line each
  /// "SAFE     if this server died now: lose at most 3 min 12 s, back in about 41 s (measured: ...)".
  /// "NOT SAFE ..." where an objective is missed or a problem was found, "UNKNOWN  the server cannot be asked; ..."
  std::string headline() const;
  /// The same without its first word.
  std::string sentence() const;
};

/// WAL that one process replays in a second where nothing was measured: a careful figure for data that is not in
/// memory.
inline constexpr uint64_t kAssumedReplayBytesPerSecond = 32u << 20;

/// What starting, promoting and stopping a server takes beside that, where nothing was measured.
inline constexpr std::chrono::seconds kAssumedServerTime{5};

/// Pure. A measured restore is scaled by the bytes there are to restore and replay now.
Verdict judge(const VerdictFacts& facts);

}  // namespace spendsync::health
