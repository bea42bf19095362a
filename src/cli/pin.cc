// spendsync-backup pin LABEL [reason]; spendsync-backup unpin LABEL
#include "base/condition.h"
#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/host_name.h"
#include "repository/marks.h"

namespace spendsync::cli {
namespace {

using repository::Label;
using repository::Repository;

Result<Label> backup_label(const std::string& text) {
  auto label = Label::parse(text);
  if (!label || label->type() == BackupType::transaction_logs) {
    return Error(ErrorKind::invalid, "'" + text + "' is no label of a full or incremental backup")
        .with_hint("`list` shows the labels, such as 20240315T000000Z-full");
  }
  return label;
}

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

Result<int> run_pin(const Process& process, const PinOptions& options) {
  const auto label = TRY(backup_label(options.label));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  TRY(warn_of_rollbacks(process, folders));
  auto* repository = TRY(folder_of(folders, label));
  TRY(repository::pin_backup(*repository, label, options.reason, host_name()));
  process.output.line(label.text() + " is pinned: it does not expire until `unpin " + label.text() + "`");
  process.output.summary("pin", Json().set("label", label.text()).set("reason", options.reason), kDone);
  return kDone;
}

Result<int> run_unpin(const Process& process, const UnpinOptions& options) {
  const auto label = TRY(backup_label(options.label));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  TRY(warn_of_rollbacks(process, folders));
  auto* repository = TRY(folder_of(folders, label));
  const auto pins = TRY(repository::unpin_backup(*repository, label));
  process.output.line(pins == 0 ? label.text() + " was not pinned"
                                : label.text() + " is not pinned any more: it expires in its turn");
  process.output.summary("unpin", Json().set("label", label.text()).set("pins", static_cast<uint64_t>(pins)), kDone);
  return kDone;
}

}  // namespace spendsync::cli
