// spendsync-backup wal get %f %p
#include "base/condition.h"
#include "cli/commands.h"
#include "wal/get.h"

namespace spendsync::cli {

int run_wal_get(const Process& process, const WalGetOptions& options) {
  std::unique_ptr<Wiring> wiring;
  std::unique_ptr<repository::Repository> repository;
  // Opened only when it is needed: most answers of a running restore come from its plan and its window.
  const wal::OpenRepository open = [&]() -> Result<repository::Repository*> {
    wiring = TRY(Wiring::open(process, Wiring::Access::reads));
    // A plan names its server: it may be one that the present one has adopted.
    std::optional<SystemIdentifier> server;
    if (options.plan) {
      auto plan = wal::read_wal_plan(*options.plan);
      if (plan) server = plan->system_identifier;
    }
    repository = TRY(wiring->open_repository(server));
    return repository.get();
  };
  const wal::WalGetRequest request{.file_name = options.file, .path = options.path, .plan = options.plan};
  const auto outcome = wal::wal_get(request, open, process.clock, process.stop);
  if (outcome.exit_code == wal::kWalFailed) {
    process.log.failure(Error(ErrorKind::internal, outcome.message)
                            .with_condition(Condition::wal_not_delivered)
                            .with_hint(outcome.hint));
  } else if (!outcome.message.empty()) {
    process.log.debug(outcome.message);
  }
  return outcome.exit_code;
}

}  // namespace spendsync::cli
