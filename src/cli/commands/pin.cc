// spendsync-backup pin LABEL [reason]; spendsync-backup unpin LABEL
#include "jobs/pin.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"

namespace spendsync::cli {
namespace {

struct PinOptions {
  std::string label;
  std::string reason;
};

struct UnpinOptions {
  std::string label;
};

using repository::Label;

Result<Label> backup_label(const std::string& text) {
  auto label = Label::parse(text);
  if (!label || label->type() == BackupType::transaction_logs) {
    return Error(ErrorKind::invalid, "'" + text + "' is no label of a full or incremental backup")
        .with_hint("`list` shows the labels, such as 20240315T000000Z-full");
  }
  return label;
}

Result<int> run_pin(const Process& process, const PinOptions& options) {
  const auto label = TRY(backup_label(options.label));
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  TRY(jobs::pin_backup(*wiring, label, options.reason));
  process.output.line(label.text() + " is pinned: it does not expire until `unpin " + label.text() + "`");
  process.output.summary("pin", Json().set("label", label.text()).set("reason", options.reason), kDone);
  return kDone;
}

Result<int> run_unpin(const Process& process, const UnpinOptions& options) {
  const auto label = TRY(backup_label(options.label));
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto pins = TRY(jobs::unpin_backup(*wiring, label));
  process.output.line(pins == 0 ? label.text() + " was not pinned"
                                : label.text() + " is not pinned any more: it expires in its turn");
  process.output.summary("unpin", Json().set("label", label.text()).set("pins", static_cast<uint64_t>(pins)), kDone);
  return kDone;
}

}  // namespace

CommandEntry pin_command() {
  auto o = std::make_shared<PinOptions>();
  return {.name = "pin",
          .description = "keep a backup whatever its age, until unpin",
          .arguments = {argument("label", o->label, "the backup, as `list` names it").required(),
                        argument("reason", o->reason, "why, for those who read it in `list` later")},
          .examples = {{"pin 20240315T000000Z-full 'before the upgrade'", "it does not expire until it is unpinned"}},
          .run = [o](const Process& process) { return run_pin(process, *o); }};
}

CommandEntry unpin_command() {
  auto o = std::make_shared<UnpinOptions>();
  return {.name = "unpin",
          .description = "let a pinned backup expire in its turn again",
          .arguments = {argument("label", o->label, "the backup, as `list` names it").required()},
          .examples = {{"unpin 20240315T000000Z-full", "the rules of retention hold for it again"}},
          .run = [o](const Process& process) { return run_unpin(process, *o); }};
}

}  // namespace spendsync::cli
