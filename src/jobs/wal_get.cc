#include "jobs/wal_get.h"

namespace spendsync::jobs {

wal::WalGetOutcome get_wal(const Context& context, const Sources& sources, const wal::WalGetRequest& request) {
  std::unique_ptr<Wiring> wiring;
  std::unique_ptr<repository::Repository> repository;
  const wal::OpenRepository open = [&]() -> Result<repository::Repository*> {
    wiring = TRY(Wiring::open(context, sources, Wiring::Access::reads));
    // A plan names its server: it may be one that the present one has adopted.
    std::optional<SystemIdentifier> server;
    if (request.plan) {
      auto plan = wal::read_wal_plan(*request.plan);
      if (plan) server = plan->system_identifier;
    }
    repository = TRY(wiring->open_repository(server));
    return repository.get();
  };
  return wal::wal_get(request, open, context.clock, context.stop);
}

}  // namespace spendsync::jobs
