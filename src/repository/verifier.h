// The steps of verify_objects.h. Inside this folder only.
#pragma once

#include <map>

#include "crypto/wrapped_key.h"
#include "repository/backup_reader.h"
#include "repository/findings.h"
#include "repository/pack_verifier.h"

namespace spendsync::repository {

/// One verification. Its steps may be called in any order; objects that several steps share are read once.
class Verifier {
 public:
  Verifier(Repository& repository, VerifySettings settings, std::stop_token stop);

  Result<void> cluster();
  Result<void> all_keys();
  Result<void> backup(const Label& label);
  Result<void> log(const Label& label);
  Result<void> wal_range(const WalRange& range);
  /// Every object below the cluster's folder that the steps above have not read.
  Result<void> all_others();
  Result<void> chain(const Catalog& catalog);
  VerifyReport take() { return findings_.take(); }

 private:
  using ProvedPacks = std::map<uint32_t, std::vector<ProvedFrame>>;  // by pack id; packs that failed are missing

  Result<void> check_wraps(const std::vector<KeyRecord>& keys);
  Result<void> check_wrap(const crypto::KeyId& id, const std::string& wrap_id);
  Result<void> open_wrap(const storage::ObjectKey& key, const crypto::WrappedKey& wrapped);
  Result<void> check_started(const Label& label);
  Result<void> check_resumed(const Label& label, const RunId& run);
  Result<std::optional<ProvedPacks>> check_backup_packs(const Label& label, const Manifest& manifest);
  Result<void> check_pack_names(const Label& label, const Manifest& manifest);
  Result<void> check_files(const Label& label, const ProvedPacks& own, const ProvedPacks& base);
  Result<void> check_file(const FileEntry& entry, const storage::ObjectKey& manifest_key, FrameReader& reader,
                          const ProvedPacks& own, const ProvedPacks& base);
  Result<void> check_segment(SegmentName name, Lsn needed_until);
  Result<void> check_continuity(SegmentName first, SegmentName last);
  Result<bool> has_substitute(SegmentName name, Lsn needed_until);
  Result<void> check_wal_object(ObjectType type, const storage::ObjectKey& key);
  Result<void> check_history(TimelineId timeline);
  Result<void> check_other(const storage::ObjectInfo& info);
  Result<void> check_others(const std::vector<storage::ObjectInfo>& batch);
  /// Calls `work(i)` for every i below `count` on settings.workers threads.
  Result<void> in_parallel(size_t count, const std::function<Result<void>(size_t)>& work);

  Repository& repository_;
  VerifySettings settings_;
  std::stop_token stop_;
  Findings findings_;
  WalArchive archive_;
};

}  // namespace spendsync::repository
