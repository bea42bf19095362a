#include "repository/wal_continuity.h"

#include "base/condition.h"
#include "repository/wal_archive.h"

namespace spendsync::repository {

std::string WalBreak::describe(uint32_t segment_size) const {
  if (found == expected) {
    return "WAL segment " + after.file_name(segment_size) + " does not go on where " + before.file_name(segment_size) +
           " ends: the records before its first one are others than the last ones there";
  }
  return "WAL segment " + after.file_name(segment_size) + " does not go on where " + before.file_name(segment_size) +
         " ends: its first record follows one at " + found.to_string() + ", the last one before it begins at " +
         expected.to_string();
}

std::optional<WalBreak> WalContinuity::add(SegmentName name, const SegmentEdges& edges) {
  bool follows = last_ && name.number == last_->number + 1;
  if (!follows) {
    last_record_.reset();
    last_whole_.reset();
    last_tail_.reset();
  }
  std::optional<WalBreak> found;
  if (follows && edges.first_previous && last_record_ && *edges.first_previous != *last_record_ &&
      edges.first_previous != last_whole_) {
    found = WalBreak{*last_, name, *last_record_, *edges.first_previous};
  } else if (follows && edges.previous_tail && last_tail_ && *edges.previous_tail != *last_tail_) {
    Lsn position = edges.first_previous.value_or(Lsn{});
    found = WalBreak{*last_, name, position, position};
  }
  last_ = name;
  if (edges.last_record) last_record_ = edges.last_record;
  if (edges.last_whole) last_whole_ = edges.last_whole;
  last_tail_ = edges.tail;
  return found;
}

Error wal_diverged(std::string what) {
  return Error(ErrorKind::conflict, std::move(what))
      .with_condition(Condition::wal_diverged)
      .with_hint(
          "the server was put back to an earlier state, or another server archives here; nothing was stored. If this "
          "server is the one to go on with: spendsync-backup timeline fork");
}

Result<std::vector<WalBreak>> find_breaks(WalArchive& archive, const std::vector<SegmentName>& path,
                                          std::stop_token stop) {
  std::vector<WalBreak> breaks;
  WalContinuity continuity;
  for (SegmentName name : path) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while comparing WAL segments");
    auto meta = archive.read_meta(name);
    // What is damaged or gone says nothing about its neighbours; verify names it.
    if (!meta && (meta.error().is(ErrorKind::not_found) || meta.error().is(ErrorKind::corrupt))) continue;
    if (!meta) return std::move(meta).error();
    if (auto found = continuity.add(name, meta->summary.edges)) breaks.push_back(*found);
  }
  return breaks;
}

}  // namespace spendsync::repository
