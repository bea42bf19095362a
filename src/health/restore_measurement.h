// How long a restore really took, remembered on the host that did it: what estimates are measured by.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/types.h"

namespace spendsync::health {

/// A restore that ended with a recovered database.
struct RestoreMeasurement {
  std::string label;  // of the backup
  Timestamp finished;
  std::chrono::milliseconds duration{0};  // of the whole command
  uint64_t restored_bytes = 0;            // of the data directory
  uint64_t wal_bytes = 0;                 // replayed
  bool operator==(const RestoreMeasurement&) const = default;
};

/// Below the state directory, one file a cluster.
struct MeasurementPlace {
  std::string state_directory;  // empty: none
  std::string cluster;
};

/// The newest one replaces the one before. Errors: those of the file; none when there is no state directory.
Result<void> remember_restore(const MeasurementPlace& place, const RestoreMeasurement& measurement);
/// Empty when there is none, or it cannot be read.
std::optional<RestoreMeasurement> read_restore(const MeasurementPlace& place);

}  // namespace spendsync::health
