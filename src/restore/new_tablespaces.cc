#include "restore/new_tablespaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/condition.h"
#include "base/worker_group.h"
#include "postgres/wal/change_map.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/path_record.h"
#include "restore/plan.h"
#include "restore/planned_wal.h"

namespace spendsync::restore {

using postgres::WalEvent;

namespace {

constexpr size_t kReaders = 8;  // small range reads, which wait for the store most of the time

/// What a segment's change map proves.
struct MapProof {
  bool names_none = false;  // of the records that begin and end in [from, until) none makes a tablespace
  Lsn from;
  Lsn until;
};

class Search {
 public:
  Search(repository::WalArchive& archive, const RestorePlan& plan, std::stop_token stop)
      : archive_(archive), plan_(plan), stop_(std::move(stop)), names_(replayed_segments(plan)) {}

  Result<std::vector<NewTablespace>> run() {
    TRY(read_maps());
    std::optional<size_t> last_read;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (is_proved(i)) continue;
      if (stop_.stop_requested())
        return Error(ErrorKind::cancelled, "stopped while looking for new tablespaces in WAL");
      // A record may have begun in the segment before.
      if (i > 0 && last_read != i - 1) TRY(read_segment(i - 1));
      TRY(read_segment(i));
      last_read = i;
    }
    return std::move(found_);
  }

 private:
  Result<void> read_maps() {
    proofs_.resize(names_.size());
    std::atomic<size_t> next = 0;  // outlives the group
    WorkerGroup group(stop_);
    for (size_t i = 0; i < std::min(kReaders, names_.size()); ++i) {
      group.spawn("change-maps", [&](std::stop_token stop) -> Result<void> {
        for (size_t at = next++; at < names_.size(); at = next++) {
          if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while reading change maps");
          proofs_[at] = proof_of(names_[at]);
        }
        return {};
      });
    }
    return group.join();
  }

  /// A map that cannot be read proves nothing: the segment is read instead, which tells why where it matters.
  MapProof proof_of(SegmentName name) {
    if (!is_whole_in_repository(plan_, name)) return {};
    auto stored = archive_.read_change_map(name);
    if (!stored || !stored->map) return {};
    auto map = postgres::ChangeMap::decode(*stored->map);
    if (!map || map->changes.incomplete()) return {};
    return {map->changes.tablespaces().empty(), map->from, map->until};
  }

  /// By its own map, which must begin no later than the one before it ends.
  bool is_proved(size_t i) const {
    const auto& proof = proofs_[i];
    if (!proof.names_none) return false;
    // A segment that begins with a record of its own has a page header before it.
    Lsn start = names_[i].start(plan_.wal.segment_size);
    if (proof.from.value <= start.value + postgres::kLongPageHeaderSize) return true;
    if (i == 0) return proof.from <= plan_.target.backup.start.lsn;
    return names_[i - 1].timeline == names_[i].timeline && proofs_[i - 1].until >= proof.from;
  }

  /// With the one before it where that was read last.
  Result<void> read_segment(size_t i) {
    auto content = replayed_content(archive_, plan_, names_[i]);
    if (!content && content.error().is(ErrorKind::not_found) && is_in_backup(names_[i])) {
      // Recovery takes it from the backup's own packs, which the backup has looked through for such records.
      scanner_.reset();
      return {};
    }
    if (!content) return std::move(content).error().with_context("looking for new tablespaces in WAL");
    if (!scanner_ || scanner_->reader().at_end() || !feed(i, *content)) {
      scanner_.emplace(postgres::CommitScanner::Settings{.segment_size = plan_.wal.segment_size,
                                                         .major_version = plan_.target.backup.major_version});
      TRY(feed(i, *content));
    }
    return {};
  }

  bool is_in_backup(SegmentName name) const {
    const auto& own = plan_.wal.in_backup;
    return own && own->contains(name);
  }

  Result<void> feed(size_t i, ByteView content) {
    size_t known = found_.size();
    auto commit = [&](const WalEvent& event) -> Result<void> {
      if (event.kind != WalEvent::Kind::commit) return {};
      for (size_t at = known; at < found_.size(); ++at) {
        if (!found_[at].made && event.start > found_[at].position) found_[at].made = event.time;
      }
      return {};
    };
    return scanner_->feed(names_[i], content, commit, [&](const postgres::WalRecord& record) { return see(record); });
  }

  Result<void> see(const postgres::WalRecord& record) {
    if (record.start < plan_.target.backup.start.lsn || !replays(plan_.target, record.start, record.previous))
      return {};
    auto named = TRY(postgres::path_record_of(record, plan_.target.backup.major_version, scratch_));
    if (!named || named->kind != postgres::PathRecord::Kind::tablespace_created || named->location.empty()) return {};
    bool known = std::ranges::any_of(found_, [&](const auto& one) { return one.position == record.start; });
    if (!known) found_.push_back({named->tablespace, named->location, record.start});
    return {};
  }

  repository::WalArchive& archive_;
  const RestorePlan& plan_;
  std::stop_token stop_;
  std::vector<SegmentName> names_;
  std::vector<MapProof> proofs_;
  std::optional<postgres::CommitScanner> scanner_;
  postgres::WalRecordContents scratch_;
  std::vector<NewTablespace> found_;
};

/// What names the last state before the record on a command line.
Result<std::string> state_before(const RestorePlan& plan, wal::WalCoverage& wal, Lsn position) {
  const auto& backup = plan.target.backup;
  auto path = wal.path_to(plan.target.recovery.timeline);
  auto last = TRY(wal.last_commit(path, backup.stop.lsn, position));
  if (!last) return fmt::format("the end of the backup: {} {}", to_string(backup.label.type()), backup.label.text());
  auto commit = TRY(wal.commit_ending_at(path, last->lsn));
  if (!commit) return format_utc(last->time);
  return fmt::format("{}: --target-lsn {}{}", format_utc(last->time), commit->start.to_string(),
                     wal.timelines().size() > 1 ? fmt::format(" --target-timeline {}", path.timeline().value) : "");
}

}  // namespace

Result<std::vector<NewTablespace>> find_new_tablespaces(repository::WalArchive& archive, const RestorePlan& plan,
                                                        std::stop_token stop) {
  if (!plan.restores_database()) return std::vector<NewTablespace>();
  return Search(archive, plan, std::move(stop)).run();
}

Result<void> refuse_new_tablespaces(const RestorePlan& plan, wal::WalCoverage& wal) {
  if (plan.new_tablespaces.empty()) return {};
  const auto& first = plan.new_tablespaces.front();
  auto before = TRY(state_before(plan, wal, first.position));
  return Error(ErrorKind::refused,
               fmt::format("tablespace {} was made {}(WAL position {}) after {}: replaying that would write into {}, "
                           "where a server's files may lie",
                           first.oid, first.made ? "at " + format_utc(*first.made) + " " : "",
                           first.position.to_string(), plan.target.backup.label.text(), first.location))
      .with_condition(Condition::tablespace_after_backup)
      .with_hint(fmt::format("take an incremental backup first (spendsync-backup backup incremental): moments after it "
                             "can be restored; the last state before the tablespace is {}; what lies between is "
                             "reached by restore --in-place alone, which replaces the server",
                             before));
}

}  // namespace spendsync::restore
