// Synthetic clusters, and what a restore of them resolves a request to.
#pragma once

#include "restore/target_resolution.h"
#include "wal/testing/synthetic_cluster.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;
using postgres::WalEvent;
using repository::CommitPoint;
using wal::at;
using wal::lsn;

class World : public wal::SyntheticCluster {
 public:
  World() = default;
  explicit World(wal::SyntheticCluster cluster) : SyntheticCluster(std::move(cluster)) {}

  World& zone(std::string_view name) {
    zone_ = MUST(TimeZone::find(name));
    return *this;
  }

  Result<ResolvedTarget> resolve(const RequestWords& words) {
    auto request = TRY(parse_request(words, zone_));
    summaries_read = 0;
    segments_scanned = 0;
    wal::WalCoverage wal = coverage();
    TargetResolution::Settings settings{.zone = zone_};
    settings.look_again = [&]() -> Result<void> {
      ++looks;
      if (uploading_) uploading_(looks);
      if (stopped_) return Error(ErrorKind::cancelled, "stopped");
      wal = coverage();
      return {};
    };
    settings.expired_wal = [&]() -> Result<std::vector<SegmentRun>> { return expired_; };
    return TargetResolution(settings, inventory(), wal, {}).resolve(request);
  }
  /// What another program does before the n-th further look (from 1 on).
  World& uploading(std::function<void(int)> uploading) {
    uploading_ = std::move(uploading);
    return *this;
  }
  World& stopped() {
    stopped_ = true;
    return *this;
  }
  World& expired(uint32_t timeline, uint64_t first, uint64_t last) {
    expired_.push_back({{TimelineId{timeline}, first}, {TimelineId{timeline}, last}});
    return *this;
  }
  int looks = 0;

 private:
  std::function<void(int)> uploading_;
  bool stopped_ = false;
  std::vector<SegmentRun> expired_;
  TimeZone zone_ = TimeZone::utc();
};

inline World a_day() { return World(wal::a_day()); }
inline World with_gap() { return World(wal::with_gap()); }

}  // namespace spendsync::restore
