// WAL of a stopped server that nobody has archived yet: it holds the newest commits.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "repository/repository.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

struct WalRescueSettings {
  std::string wal_directory;    // pg_wal of the stopped server
  std::string aside_directory;  // for what the repository does not take; made (0700) when it is needed
};

struct WalRescue {
  struct Kept {
    std::string name;
    std::string why;
  };
  std::vector<std::string> stored;    // in the repository, under these names; the last segment as `.partial`
  std::vector<Kept> aside;            // copied to the aside directory
  std::optional<SegmentName> newest;  // that the server had begun; empty: pg_wal held none
};

/// Stores through push_wal_file what the repository lacks: history files, whole segments, and of the newest timeline
/// the last segment, which ends where the server died, as `.partial`. Segments that were only recycled or allocated
/// ahead are told by their first page and passed over. The server must not run.
/// A timeline that the repository would not take from an archive_command (push_wal_file, "Timelines") is accepted: who
/// restores a server in place says that this is the server to go on with.
/// Every segment is compared with what the repository has under its name: another server may have written on the same
/// timeline. Calling it again stores nothing twice. Errors: those of reading pg_wal and of writing the aside
/// directory; transient ones of the store. What the repository cannot take, or has with other content, goes aside.
Result<WalRescue> rescue_wal(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                             const WalRescueSettings& settings, std::stop_token stop);

}  // namespace spendsync::wal
