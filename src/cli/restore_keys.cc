// How the server that a restore recovers opens WAL when the repository is opened with an escrow key.
#include "cli/restore_steps.h"

namespace spendsync::cli {
namespace {

/// The server that recovers runs `wal get`, which must open WAL keys but is handed no secret: it asks this process.
Result<std::unique_ptr<crypto::KeyBroker>> lend_escrow_key(Wiring& wiring, const std::string& directory,
                                                           restore::ExecuteSettings& settings) {
  if (wiring.escrow_key() == nullptr) return std::unique_ptr<crypto::KeyBroker>();
  const std::string socket = directory + "/keys";
  settings.program_options = {"--escrow-key-socket", socket};
  return crypto::KeyBroker::start(*wiring.escrow_key(), socket);
}

/// With --no-start the first start recovers, when this process is gone: restore_command then names the key's file.
Result<void> name_escrow_key(Wiring& wiring, const GlobalOptions& global, restore::ExecuteSettings& settings) {
  if (!global.escrow_key) return ok();
  if (wiring.passphrase_typed()) {
    return Error(ErrorKind::refused,
                 "with --no-start the server recovers later, when nobody is there to type the escrow key's passphrase")
        .with_hint("give it in a file (--escrow-passphrase-file), or restore without --no-start");
  }
  auto key = TRY(absolute_path(*global.escrow_key));
  settings.program_options = {"--escrow-key", key};
  if (!global.escrow_passphrase_file) return ok();
  auto passphrase = TRY(absolute_path(*global.escrow_passphrase_file));
  settings.program_options.insert(settings.program_options.end(), {"--escrow-passphrase-file", passphrase});
  return ok();
}

}  // namespace

Result<std::unique_ptr<crypto::KeyBroker>> provide_escrow_key(const Process& process, Wiring& wiring,
                                                              const RestoreOptions& options,
                                                              const std::string& directory,
                                                              restore::ExecuteSettings& settings) {
  if (!options.no_start) return lend_escrow_key(wiring, directory, settings);
  TRY(name_escrow_key(wiring, process.global, settings));
  return std::unique_ptr<crypto::KeyBroker>();
}

}  // namespace spendsync::cli
