#include "backup/incremental_base.h"

#include <fmt/format.h>

#include "base/time.h"
#include "repository/catalog.h"

namespace spendsync::backup {

using repository::ManifestSummary;

namespace {

constexpr const char* kTakeFull = "take a new full backup: spendsync-backup backup full";

/// One that cannot be read is the newest all the same: passing it over would refer to an older one in silence.
const repository::BackupEntry* newest_full(const repository::Catalog& catalog) {
  const repository::BackupEntry* newest = nullptr;
  for (const auto& entry : catalog.backups()) {
    if (entry.label.type() == BackupType::full) newest = &entry;  // ascending
  }
  return newest;
}

Result<void> expect_same_layout(const ManifestSummary& full, const ServerState& server) {
  bool same = full.major_version == server.major_version && full.catalog_version == server.catalog_version &&
              full.page_size == server.page_size;
  if (same) return {};
  return Error(ErrorKind::refused,
               fmt::format("{} is of another version of this server: nothing can refer to it", full.label.text()))
      .with_hint(kTakeFull);
}

/// Pages are compared by their content, whatever history they have; what a file's times prove depends on it.
std::vector<std::string> find_doubts(const ManifestSummary& full, const ServerState& server) {
  std::vector<std::string> doubts;
  if (full.stop.timeline != server.timeline) {
    doubts.push_back(
        fmt::format("the server is on timeline {}, the full on {}", server.timeline.value, full.stop.timeline.value));
  }
  if (full.data_checksums != server.data_checksums) {
    doubts.push_back(fmt::format("data checksums were turned {} since the full", server.data_checksums ? "on" : "off"));
  }
  if (server.now < full.stopped) {
    doubts.push_back(
        fmt::format("the clock says {}, before the full's end ({})", format_utc(server.now), format_utc(full.stopped)));
  }
  if (full.host != server.host) doubts.push_back(fmt::format("the full was taken on {}", full.host));
  return doubts;
}

}  // namespace

Result<IncrementalBase> choose_base(repository::Repository& repository, const ServerState& server,
                                    std::stop_token stop) {
  IncrementalBase base;
  auto catalog = TRY(repository::Catalog::load(repository, stop));
  const auto* full = newest_full(catalog);
  if (full == nullptr) return base;
  auto damaged = [&](Error error) {
    error = std::move(error).with_context("the full that the incremental would refer to");
    return error.is(ErrorKind::corrupt) || error.is(ErrorKind::not_found) ? std::move(error).with_hint(kTakeFull)
                                                                          : std::move(error);
  };
  if (!full->summary) return damaged(Error(full->summary.error()).with_context(full->label.text()));
  TRY(expect_same_layout(*full->summary, server));
  auto files = repository::BaseFiles::open(repository, full->label, stop);
  if (!files) return damaged(std::move(files).error());
  base.files = *std::move(files);
  base.doubts = find_doubts(base.files->summary(), server);
  return base;
}

}  // namespace spendsync::backup
