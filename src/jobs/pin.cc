#include "jobs/pin.h"

#include "base/condition.h"
#include "jobs/cluster_folders.h"
#include "jobs/host_name.h"
#include "repository/marks.h"

namespace spendsync::jobs {
namespace {

using repository::Label;
using repository::Repository;

using Folders = std::vector<std::unique_ptr<Repository>>;

/// The folder whose backup it is: the present server's, or that of one before it.
Result<Repository*> folder_of(const Folders& folders, const Label& label) {
  for (const auto& folder : folders) {
    auto manifest = folder->store().stat(folder->layout().manifest(label));
    if (manifest) return folder.get();
    if (!manifest.error().is(ErrorKind::not_found)) return std::move(manifest).error();
  }
  return Error(ErrorKind::not_found, "there is no backup " + label.text())
      .with_hint("`list` shows what there is")
      .with_condition(Condition::no_such_backup);
}

}  // namespace

Result<void> pin_backup(Wiring& wiring, const Label& label, const std::string& reason) {
  const auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  TRY(warn_of_rollbacks(wiring.context(), folders));
  auto* repository = TRY(folder_of(folders, label));
  return repository::pin_backup(*repository, label, reason, host_name());
}

Result<size_t> unpin_backup(Wiring& wiring, const Label& label) {
  const auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  TRY(warn_of_rollbacks(wiring.context(), folders));
  auto* repository = TRY(folder_of(folders, label));
  return repository::unpin_backup(*repository, label);
}

}  // namespace spendsync::jobs
