#include "repository/catalog.h"

#include <algorithm>
#include <set>

#include "repository/findings.h"

namespace spendsync::repository {
namespace {

/// Labels among the folders of a prefix; other names are verify's business.
std::vector<Label> labels_of(const std::vector<std::string>& names) {
  std::vector<Label> labels;
  for (std::string_view name : names) {
    if (name.empty() || name.back() != '/') continue;
    auto label = Label::parse(name.substr(0, name.size() - 1));
    if (label) labels.push_back(*std::move(label));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

Result<std::optional<storage::ObjectInfo>> stat_if_there(storage::ObjectStore& store, const storage::ObjectKey& key) {
  auto info = store.stat(key);
  if (info) return std::optional(*std::move(info));
  if (info.error().is(ErrorKind::not_found)) return std::optional<storage::ObjectInfo>();
  return std::move(info).error();
}

Result<UnfinishedRun> find_unfinished(Repository& repository, const Label& label) {
  auto started = TRY(stat_if_there(repository.store(), repository.layout().started(label)));
  return UnfinishedRun{label, started ? started->created : label.start()};
}

}  // namespace

Result<Catalog> Catalog::load(Repository& repository, std::stop_token stop) {
  Catalog catalog;
  auto& store = repository.store();
  auto names = TRY(store.list_level(repository.layout().backups_prefix()));
  for (const auto& label : labels_of(names)) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    auto manifest = TRY(stat_if_there(store, repository.layout().manifest(label)));
    if (!manifest) {
      auto expired = TRY(stat_if_there(store, repository.layout().tombstone(repository.layout().manifest(label))));
      if (expired) continue;  // its packs go later
      auto run = TRY(find_unfinished(repository, label));
      catalog.unfinished_.push_back(std::move(run));
      continue;
    }
    BackupEntry entry;
    entry.label = label;
    entry.manifest_size = manifest->size;
    entry.summary = read_manifest_summary(repository, label, manifest->size);
    if (!entry.summary && says_nothing_of_the_object(entry.summary.error())) return std::move(entry.summary).error();
    if (!entry.summary && entry.summary.error().is(ErrorKind::conflict)) continue;   // collected: it never was a backup
    if (!entry.summary && entry.summary.error().is(ErrorKind::not_found)) continue;  // expired since the listing
    catalog.backups_.push_back(std::move(entry));
  }
  auto prefix = repository.layout().logs_prefix();
  std::vector<Label> logs;
  TRY(store.list(prefix, "", [&](const storage::ObjectInfo& info) {
    auto label = Label::parse(std::string_view(info.key.text()).substr(prefix.size()));
    if (label) logs.push_back(*std::move(label));
    return ok();
  }));
  for (const auto& label : logs) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    LogEntry entry;
    entry.label = label;
    entry.record = get_log_record(repository, label);
    if (!entry.record && says_nothing_of_the_object(entry.record.error())) return std::move(entry.record).error();
    catalog.logs_.push_back(std::move(entry));
  }
  return catalog;
}

const BackupEntry* Catalog::find(const Label& label) const {
  for (const auto& entry : backups_) {
    if (entry.label == label) return &entry;
  }
  return nullptr;
}

const LogEntry* Catalog::find_log(const Label& label) const {
  for (const auto& entry : logs_) {
    if (entry.label == label) return &entry;
  }
  return nullptr;
}

Result<void> Catalog::check_base(const ManifestSummary& backup) const {
  if (!backup.parent) return ok();
  const auto* full = find(*backup.parent);
  if (full == nullptr) {
    return Error(ErrorKind::not_found,
                 backup.label.text() + " cannot be restored: its full " + backup.parent->text() + " is missing");
  }
  if (full->summary) return ok();
  return Error(ErrorKind::corrupt, backup.label.text() + " cannot be restored: its full " + backup.parent->text() +
                                       " cannot be read: " + full->summary.error().message());
}

std::vector<const ManifestSummary*> Catalog::readable_backups() const {
  std::vector<const ManifestSummary*> readable;
  for (const auto& entry : backups_) {
    if (entry.summary) readable.push_back(&*entry.summary);
  }
  std::stable_sort(readable.begin(), readable.end(),
                   [](const auto* a, const auto* b) { return a->stopped < b->stopped; });
  return readable;
}

const ManifestSummary* Catalog::newest_stopped_by(Timestamp moment, const Filter& accept) const {
  const ManifestSummary* newest = nullptr;
  for (const auto* summary : readable_backups()) {
    if (summary->stopped <= moment && (!accept || accept(*summary))) newest = summary;
  }
  return newest;
}

const ManifestSummary* Catalog::newest_stopped_before(Lsn position, const Filter& accept) const {
  const ManifestSummary* newest = nullptr;
  for (const auto* summary : readable_backups()) {
    bool suits = summary->stop.lsn <= position && (!accept || accept(*summary));
    if (suits && (newest == nullptr || newest->stop.lsn <= summary->stop.lsn)) newest = summary;
  }
  return newest;
}

const ManifestSummary* Catalog::newest(const Filter& accept) const {
  return newest_stopped_by(Timestamp::max(), accept);
}

uint64_t Catalog::newest_sequence() const {
  uint64_t newest = 0;
  for (const auto& entry : backups_) {
    if (entry.summary) newest = std::max(newest, entry.summary->chain.sequence);
  }
  for (const auto& entry : logs_) {
    if (entry.record) newest = std::max(newest, entry.record->chain.sequence);
  }
  return newest;
}

std::vector<std::string> Catalog::heads(const Layout& layout) const {
  std::set<std::string> cited;
  auto note = [&](const ChainLink& link) {
    for (const auto& record : link.predecessors) cited.insert(record.key);
  };
  for (const auto& entry : backups_) {
    if (entry.summary) note(entry.summary->chain);
  }
  for (const auto& entry : logs_) {
    if (entry.record) note(entry.record->chain);
  }
  std::vector<std::string> heads;
  auto offer = [&](const storage::ObjectKey& key) {
    if (!cited.contains(key.text())) heads.push_back(key.text());
  };
  for (const auto& entry : backups_) {
    if (entry.summary) offer(layout.manifest(entry.label));
  }
  for (const auto& entry : logs_) {
    if (entry.record) offer(layout.log(entry.label));
  }
  return heads;
}

}  // namespace spendsync::repository
