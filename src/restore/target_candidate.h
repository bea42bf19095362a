// What the parts of target_resolution.h share. Inside this folder only.
#pragma once

#include "restore/target_resolution.h"

namespace spendsync::restore {

/// One way to reach a moment.
struct TargetResolution::Candidate {
  wal::RecoveryWindow window;
  wal::WalCoverage::TimeSearch search;
};

/// The newest by where it ended; of equals the one with the later label.
inline bool ended_before(const repository::ManifestSummary& a, const repository::ManifestSummary& b) {
  if (a.stopped != b.stopped) return a.stopped < b.stopped;
  return a.label < b.label;
}

}  // namespace spendsync::restore
