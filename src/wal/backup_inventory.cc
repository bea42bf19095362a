#include "wal/backup_inventory.h"

namespace spendsync::wal {

BackupInventory read_inventory(const repository::Catalog& catalog, const repository::Verdicts& verdicts) {
  BackupInventory inventory;
  for (const auto& entry : catalog.backups()) {
    auto base = entry.summary ? catalog.check_base(*entry.summary) : Result<void>();
    if (!base) {
      inventory.unreadable.push_back({entry.label, base.error()});
    } else if (entry.summary) {
      inventory.backups.push_back(*entry.summary);
      auto why = repository::why_damaged(verdicts, entry.label, entry.summary->parent);
      if (why) inventory.damaged.emplace(entry.label, *std::move(why));
    } else {
      inventory.unreadable.push_back({entry.label, entry.summary.error()});
    }
  }
  for (const auto& entry : catalog.logs()) {
    if (entry.record) {
      inventory.logs.push_back(*entry.record);
    } else {
      inventory.unreadable.push_back({entry.label, entry.record.error()});
    }
  }
  return inventory;
}

}  // namespace spendsync::wal
