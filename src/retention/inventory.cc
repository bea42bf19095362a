#include "retention/inventory.h"

#include <algorithm>

#include "repository/manifest.h"
#include "repository/marks.h"
#include "repository/rollback.h"
#include "repository/verdicts.h"
#include "repository/wal_archive.h"

namespace spendsync::retention {

using repository::ObjectType;
using repository::Repository;
using storage::ObjectInfo;

namespace {

class Inventory {
 public:
  Inventory(Repository& repository, std::stop_token stop)
      : repository_(repository), layout_(repository.layout()), stop_(stop) {}

  Result<Facts> read() {
    facts_.segment_size = repository_.identity().wal_segment_size;
    TRY_CONTEXT(repository_.store().list(layout_.base(), "", [&](const ObjectInfo& info) { return see(info); }),
                "listing the repository");
    TRY(read_labels());
    TRY(read_verdicts());
    TRY(read_logs());
    TRY(read_histories());
    if (auto went_back = TRY(repository::find_rollback(repository_))) facts_.went_back = went_back->message();
    facts_.now = repository_.clock().now();  // after the listing: nothing in it is younger
    return std::move(facts_);
  }

 private:
  /// What a listing tells of one label's folder.
  struct Folder {
    Timestamp oldest = Timestamp::max();
    Timestamp newest{};
    uint64_t bytes = 0;
    uint64_t pack_bytes = 0;
    uint64_t manifest_size = 0;
    std::optional<Timestamp> manifest;   // when it was put
    std::optional<Timestamp> tombstone;  // below tombstones/
    bool leftovers = false;              // objects beside the manifest's key
    bool pins = false;
    std::optional<Label> parent;
  };

  Result<void> see(const ObjectInfo& info) {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    std::string_view text = info.key.text();
    if (text.starts_with(layout_.keys_prefix())) return ok();
    auto type = repository::classify_key(layout_, info.key);
    if (!type) {
      constexpr size_t kForeignMax = 100;
      if (facts_.foreign.size() < kForeignMax) facts_.foreign.emplace_back(text);
      return ok();
    }
    facts_.newest_object = std::max(facts_.newest_object, info.created);
    if (text.starts_with(layout_.backups_prefix())) {
      see_backup_object(*type, text.substr(layout_.backups_prefix().size()), info);
    } else if (text.starts_with(layout_.wal_prefix())) {
      see_wal_object(*type, text.substr(layout_.wal_prefix().size()), info);
    } else if (*type == ObjectType::log) {
      logs_.push_back(*Label::parse(text.substr(layout_.logs_prefix().size())));
    } else if (*type == ObjectType::tombstone) {
      see_tombstone(text.substr(layout_.tombstones_prefix().size()), info);
    }
    return ok();
  }

  /// `rest`: "<label>/..."; classify_key has parsed the label.
  void see_backup_object(ObjectType type, std::string_view rest, const ObjectInfo& info) {
    const auto slash = rest.find('/');
    const auto label = *Label::parse(rest.substr(0, slash));
    auto& folder = folders_[label];
    if (type == ObjectType::manifest) {
      folder.manifest = info.created;
      folder.manifest_size = info.size;
      return;
    }
    folder.leftovers = true;
    folder.bytes += info.size;
    folder.oldest = std::min(folder.oldest, info.created);
    if (type == ObjectType::started || type == ObjectType::pack) folder.newest = std::max(folder.newest, info.created);
    if (type == ObjectType::pack) folder.pack_bytes += info.size;
    if (type == ObjectType::pin) folder.pins = true;
    if (type == ObjectType::child) {
      const auto child = *Label::parse(rest.substr(rest.rfind('/') + 1));
      facts_.children[label].push_back(child);
    }
  }

  void see_wal_object(ObjectType type, std::string_view rest, const ObjectInfo& info) {
    constexpr size_t kTimelineDigits = 8;
    constexpr size_t kSegmentDigits = 24;
    auto& timeline = facts_.timelines[timeline_of(rest.substr(0, kTimelineDigits))];
    auto name = SegmentName::parse(rest.substr(kTimelineDigits + 1, kSegmentDigits), facts_.segment_size);
    if (!name) return;  // the history file, or a number that this segment size does not know
    if (type == ObjectType::wal) {
      timeline.segments.push_back({name->number, info.created, static_cast<uint32_t>(info.size)});
    } else if (type != ObjectType::history) {
      timeline.files.push_back({info.key.text(), name->number, info.created, info.size});
    }
  }

  static TimelineId timeline_of(std::string_view digits) {
    uint32_t value = 0;
    if (auto bytes = from_hex(digits)) {
      for (auto byte : *bytes) value = value << 8 | static_cast<uint32_t>(byte);
    }
    return {value};
  }

  /// Of a backup: "backups/<label>/manifest".
  void see_tombstone(std::string_view rest, const ObjectInfo& info) {
    constexpr std::string_view kFolder = "backups/";
    constexpr std::string_view kName = "/manifest";
    if (!rest.starts_with(kFolder) || !rest.ends_with(kName)) return;
    auto label = Label::parse(rest.substr(kFolder.size(), rest.size() - kFolder.size() - kName.size()));
    if (label) folders_[*label].tombstone = info.created;
  }

  Result<void> read_labels() {
    for (const auto& [full, children] : facts_.children) {
      for (const auto& child : children) {
        auto found = folders_.find(child);
        if (found != folders_.end()) found->second.parent = full;
      }
    }
    for (const auto& [label, folder] : folders_) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
      if (folder.manifest) {
        TRY(read_backup(label, folder));
      } else {
        add_run(label, folder, folder.tombstone);
      }
    }
    return ok();
  }

  Result<void> read_backup(const Label& label, const Folder& folder) {
    auto summary = repository::read_manifest_summary(repository_, label, folder.manifest_size);
    if (!summary && summary.error().is(ErrorKind::not_found)) return ok();  // expired since the listing
    if (!summary && summary.error().is(ErrorKind::conflict)) {
      add_run(label, folder, folder.manifest);
      return ok();
    }
    if (!summary && !is_damage(summary.error())) return std::move(summary).error();
    BackupFact fact = summary ? fact_of(*summary) : BackupFact{};
    fact.label = label;
    if (!summary) fact.damaged = summary.error().message();
    // What cannot be restored must not pass for the last good full.
    if (summary && folder.pack_bytes < summary->stored_bytes) fact.damaged = "packs of it are missing or cut short";
    if (folder.pins) {
      auto pins = TRY(repository::read_pins(repository_, label));
      if (!pins.empty()) fact.pinned = pins.front().reason;
    }
    facts_.backups.push_back(std::move(fact));
    return ok();
  }

  /// Of the object, not of the way to it.
  static bool is_damage(const Error& error) {
    return error.is(ErrorKind::corrupt) || error.is(ErrorKind::unsupported) || error.is(ErrorKind::exhausted);
  }

  Result<void> read_verdicts() {
    const auto verdicts = TRY(repository::read_verdicts(repository_, stop_));
    for (auto& backup : facts_.backups) {
      auto verdict = verdicts.find(backup.label);
      if (verdict != verdicts.end()) backup.verified = verdict->second.good ? Verified::good : Verified::failed;
      if (repository::why_damaged(verdicts, backup.label, backup.parent)) backup.verified = Verified::failed;
    }
    return ok();
  }

  static BackupFact fact_of(const repository::ManifestSummary& summary) {
    BackupFact fact;
    fact.parent = summary.parent;
    fact.started = summary.started;
    fact.stopped = summary.stopped;
    fact.start = summary.start;
    fact.stop = summary.stop;
    fact.complete = summary.complete();
    fact.page_failures = summary.page_failures;
    fact.sequence = summary.chain.sequence;
    fact.stored_bytes = summary.stored_bytes;
    return fact;
  }

  void add_run(const Label& label, const Folder& folder, std::optional<Timestamp> gone_since) {
    RunFact run;
    run.label = label;
    run.parent = folder.parent;
    run.began = folder.leftovers ? folder.oldest : label.start();
    run.last_sign = std::max(folder.newest, run.began);
    run.bytes = folder.bytes;
    run.leftovers = folder.leftovers;
    run.gone_since = gone_since;
    facts_.runs.push_back(std::move(run));
  }

  Result<void> read_logs() {
    for (const auto& label : logs_) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
      auto record = repository::get_log_record(repository_, label);
      if (!record && record.error().is(ErrorKind::not_found)) continue;
      if (!record && !is_damage(record.error())) return std::move(record).error();
      LogFact fact;
      fact.label = label;
      if (record) {
        fact.finished = record->finished;
        fact.ranges = record->ranges;
        fact.sequence = record->chain.sequence;
      } else {
        fact.damaged = record.error().message();
      }
      facts_.logs.push_back(std::move(fact));
    }
    return ok();
  }

  Result<void> read_histories() {
    repository::WalArchive archive(repository_, {});
    for (auto& [id, timeline] : facts_.timelines) {
      auto text = archive.get_history(id);
      if (text) {
        auto history = postgres::parse_timeline_history(id, *text);
        if (history) timeline.history = *std::move(history);
        continue;
      }
      const bool absent = text.error().is(ErrorKind::not_found);
      if (!absent && !is_damage(text.error())) return std::move(text).error();
      if (absent && id == TimelineId{1}) timeline.history = postgres::initial_history(id);
    }
    return ok();
  }

  Repository& repository_;
  const repository::Layout& layout_;
  std::stop_token stop_;
  std::map<Label, Folder> folders_;
  std::vector<Label> logs_;
  Facts facts_;
};

}  // namespace

Result<Facts> read_facts(Repository& repository, std::stop_token stop) { return Inventory(repository, stop).read(); }

}  // namespace spendsync::retention
