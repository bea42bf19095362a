// A run that began and left no manifest: found, judged, and handed to BackupRun to be taken up again.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <vector>

#include "repository/manifest.h"

namespace spendsync::repository {

class SentFrames;

/// Where a live run's lock is held: only a session of that server and database can tell whether the run lives. A
/// server is told from its standby, which has the same system identifier, by its host and data directory.
struct LockDomain {
  std::string host;
  std::string data_directory;
  std::string database;
  bool operator==(const LockDomain&) const = default;
  std::string to_string() const;  // "db1:/var/lib/postgresql/15/main, database postgres"
};

/// What `started` and `resumed/<run id>` say (docs/format/manifest.md).
struct RunStart {
  Label label = Label::make(Timestamp{}, BackupType::full);
  RunId run;
  std::string host;
  std::string tool_version;
  Timestamp created{};
  std::optional<Label> parent;
  std::vector<KeyRecord> keys;
  std::optional<LockDomain> lock;  // none: it was not locked, or nobody said where
};
std::string encode_run_start(const RunStart& start);
/// Errors: corrupt.
Result<RunStart> parse_run_start(ByteView text);

/// Labels of this type that have `started` and no manifest (nor a tombstone at its key) and began at most `max_age`
/// ago; the newest first. Whether a run is still alive, the repository cannot tell: the caller must know
/// (RunStart::lock).
Result<std::vector<Label>> find_interrupted(Repository& repository, BackupType type, std::chrono::seconds max_age,
                                            std::stop_token stop);

/// The document `started` of a run. Errors: not_found, corrupt, denied.
Result<RunStart> read_run_start(Repository& repository, const Label& label);

/// One such run with the frames that it has sent. Move-only.
class InterruptedRun {
 public:
  /// Errors: not_found, corrupt, denied when `started` or its meta key cannot be had: nothing can be used again then;
  /// refused when its keys were made for other keys than those of the repository's wrappers (KeyRing::why_outdated):
  /// what goes on under them would be closed to a new key, or open to one that was given up.
  static Result<InterruptedRun> open(Repository& repository, const Label& label, std::stop_token stop);
  InterruptedRun(InterruptedRun&&) noexcept;
  InterruptedRun& operator=(InterruptedRun&&) noexcept;
  ~InterruptedRun();

  const RunStart& start() const { return start_; }
  uint64_t packs() const;
  uint64_t stored_bytes() const;  // of those packs: what need not be sent again where nothing has changed

 private:
  friend class BackupRun;
  InterruptedRun();
  RunStart start_;
  KeyRecord meta_key_;
  std::unique_ptr<SentFrames> sent_;
};

}  // namespace spendsync::repository
