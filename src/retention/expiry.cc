#include "retention/expiry.h"

#include "repository/manifest.h"

namespace spendsync::retention {

using repository::Layout;
using storage::ObjectInfo;
using storage::ObjectKey;

namespace {

Result<std::vector<ObjectKey>> keys_below(storage::ObjectStore& store, const std::string& prefix,
                                          const std::string& start_after = "") {
  std::vector<ObjectKey> keys;
  TRY(store.list(prefix, start_after, [&](const ObjectInfo& info) -> Result<void> {
    keys.push_back(info.key);
    return ok();
  }));
  return keys;
}

}  // namespace

Result<void> Expiry::carry_out(const Plan& plan) {
  for (const auto& backup : plan.backups) TRY_CONTEXT(expire_backup(backup), "expiring " + backup.label.text());
  for (const auto& run : plan.runs) TRY_CONTEXT(collect(run), "collecting " + run.label.text());
  for (const auto& log : plan.logs) TRY_CONTEXT(expire_log(log), "expiring " + log.label.text());
  // A backup that stays after all needs WAL that the plan gave up.
  if (report_.yielded.empty()) {
    for (const auto& wal : plan.wal) TRY_CONTEXT(expire_wal(wal), "expiring transaction logs");
  }
  for (const auto& item : plan.sweeps) TRY_CONTEXT(sweep(item), "removing what is left of " + item.label.text());
  return ok();
}

/// The mark first, then a look at who needs it: whoever comes after the mark yields to it.
Result<void> Expiry::expire_backup(const ExpiredBackup& backup) {
  TRY(check_stop());
  TRY(repository::mark_expiring(repository_, backup.label, host_));
  const auto needed = TRY(needed_after_all(backup.label));
  if (needed) {
    report_.yielded.push_back(backup.label.text() + " stays: " + *needed);
    return ok();
  }
  const auto manifest = repository_.layout().manifest(backup.label);
  TRY(repository::put_tombstone(repository_, manifest, backup.why));
  const bool removed = TRY(remove(manifest));
  if (removed) ++report_.backups;
  return ok();
}

Result<std::optional<std::string>> Expiry::needed_after_all(const Label& label) {
  const auto pins = TRY(repository::read_pins(repository_, label));
  if (!pins.empty()) return std::optional<std::string>("it was pinned meanwhile: " + pins.front().reason);
  const auto prefix = repository_.layout().children_prefix(label);
  const auto marks = TRY(keys_below(repository_.store(), prefix));
  for (const auto& mark : marks) {
    auto child = Label::parse(std::string_view(mark.text()).substr(prefix.size()));
    if (!child) continue;
    const bool gone = TRY(is_gone(*child));
    if (!gone) return std::optional<std::string>(child->text() + " needs it");
  }
  return std::optional<std::string>();
}

/// A child is gone when it can no longer be or become a backup: its manifest has been expired, or a tombstone stands
/// in its place. Anything else, also a mark without any run, may be one that has just begun.
Result<bool> Expiry::is_gone(const Label& child) {
  const auto manifest = repository_.layout().manifest(child);
  auto info = repository_.store().stat(manifest);
  if (!info && info.error().is(ErrorKind::not_found)) return repository_.is_tombstoned(manifest);
  const auto there = TRY(std::move(info));
  auto summary = repository::read_manifest_summary(repository_, child, there.size);
  return !summary && summary.error().is(ErrorKind::conflict);
}

/// The tombstone at its manifest's key: a writer that lives after all loses its commit, and nothing else.
Result<void> Expiry::collect(const CollectedRun& run) {
  TRY(check_stop());
  const bool collected = TRY(repository::collect_run(repository_, run.label, run.why));
  if (collected) {
    ++report_.runs;
  } else {
    report_.yielded.push_back(run.label.text() + " stays: it was completed meanwhile");
  }
  return ok();
}

Result<void> Expiry::expire_log(const ExpiredLog& log) {
  TRY(check_stop());
  const auto key = repository_.layout().log(log.label);
  TRY(repository::put_tombstone(repository_, key, log.why));
  const bool removed = TRY(remove(key));
  if (removed) ++report_.logs;
  return ok();
}

/// One tombstone for the run; then the oldest first, so that an interruption opens no gap in what stays.
Result<void> Expiry::expire_wal(const ExpiredWal& wal) {
  TRY(repository::put_wal_tombstone(repository_, wal.run, "nothing that is kept needs it"));
  for (const auto& file : wal.files) {
    auto key = TRY(ObjectKey::parse(file));
    TRY(remove(key));
  }
  if (wal.segments == 0) return ok();
  const auto size = repository_.identity().wal_segment_size;
  for (auto name = wal.run.first; name <= wal.run.last; name = name.next()) {
    TRY(check_stop());
    const bool removed = TRY(remove(repository_.layout().segment(name, size)));
    if (removed) ++report_.segments;
  }
  return ok();
}

/// Packs first; what tells of the label's past (`started`, marks) last. A tombstone at the manifest's key stays.
Result<void> Expiry::sweep(const Sweep& item) {
  const auto& layout = repository_.layout();
  auto keys = TRY(keys_below(repository_.store(), layout.packs_prefix(item.label)));
  const auto others = TRY(keys_below(repository_.store(), layout.backup_prefix(item.label)));
  for (const auto& key : others) {
    const bool pack = key.text().starts_with(layout.packs_prefix(item.label));
    if (!pack && key != layout.manifest(item.label)) keys.push_back(key);
  }
  for (const auto& key : keys) {
    TRY(check_stop());
    TRY(remove(key));
  }
  ++report_.sweeps;
  return ok();
}

/// False: the store does not allow it (an object lock, a role without the right).
Result<bool> Expiry::remove(const ObjectKey& key) {
  auto removed = repository_.store().remove(key);
  if (removed) {
    ++report_.objects;
    return true;
  }
  if (!removed.error().is(ErrorKind::denied)) return std::move(removed).error();
  constexpr size_t kDeniedMax = 100;
  if (report_.denied.size() < kDeniedMax) report_.denied.push_back(key.text() + ": " + removed.error().message());
  ++report_.denied_total;
  return false;
}

Result<void> Expiry::check_stop() const {
  if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped; the next expire goes on");
  return ok();
}

}  // namespace spendsync::retention
