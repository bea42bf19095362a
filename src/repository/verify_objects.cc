#include "repository/verify_objects.h"

#include "repository/verifier.h"

namespace spendsync::repository {

Result<VerifyReport> verify_cluster(Repository& repository, const VerifySettings& settings, std::stop_token stop) {
  Verifier verifier(repository, settings, stop);
  TRY(verifier.cluster());
  TRY(verifier.all_keys());
  return verifier.take();
}

Result<VerifyReport> verify_backup(Repository& repository, const Label& label, const VerifySettings& settings,
                                   std::stop_token stop) {
  Verifier verifier(repository, settings, stop);
  TRY(verifier.backup(label));
  return verifier.take();
}

Result<VerifyReport> verify_log(Repository& repository, const Label& label, const VerifySettings& settings,
                                std::stop_token stop) {
  Verifier verifier(repository, settings, stop);
  TRY(verifier.cluster());
  TRY(verifier.log(label));
  return verifier.take();
}

Result<VerifyReport> verify_wal_range(Repository& repository, const WalRange& range, const VerifySettings& settings,
                                      std::stop_token stop) {
  Verifier verifier(repository, settings, stop);
  TRY(verifier.cluster());
  TRY(verifier.wal_range(range));
  return verifier.take();
}

Result<VerifyReport> verify_everything(Repository& repository, const VerifySettings& settings, std::stop_token stop) {
  Verifier verifier(repository, settings, stop);
  TRY(verifier.cluster());
  TRY(verifier.all_keys());
  auto catalog = TRY(Catalog::load(repository, stop));
  for (const auto& entry : catalog.backups()) {
    TRY(verifier.backup(entry.label));
    if (!entry.summary) continue;
    const auto& summary = *entry.summary;
    // WAL of one timeline; where a standby was promoted meanwhile the backup has failed before (B6).
    if (summary.start.timeline == summary.stop.timeline) {
      auto until = summary.stop.lsn;
      // The segment in which a standby's backup ended was not complete then; the backup holds what it needs of it.
      if (summary.from_standby) until.value -= until.value % repository.identity().wal_segment_size;
      if (until > summary.start.lsn) TRY(verifier.wal_range({summary.start.timeline, summary.start.lsn, until}));
    }
  }
  for (const auto& entry : catalog.logs()) TRY(verifier.log(entry.label));
  TRY(verifier.all_others());
  TRY(verifier.chain(catalog));
  return verifier.take();
}

}  // namespace spendsync::repository
