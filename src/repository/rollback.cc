#include "repository/rollback.h"

#include "base/condition.h"
#include "base/time.h"
#include "repository/catalog.h"
#include "repository/chain.h"
#include "repository/remembered.h"

namespace spendsync::repository {

namespace {

Error went_back(const Repository& repository, const NewestSeen& seen) {
  return Error(ErrorKind::refused, "the repository at " + repository.store().description() +
                                       " went back to an earlier state, or its newest record was removed: this host " +
                                       "has seen record " + std::to_string(seen.sequence) + ", " + seen.record.key +
                                       ", and it is not there")
      .with_condition(Condition::repository_went_back)
      .with_hint(
          "mount or bring back the newer state; only if what is gone is gone for good: spendsync-backup init "
          "--accept-rollback, then: spendsync-backup backup full");
}

Result<void> expect_remembered_here(Repository& repository) {
  const Repository::Settings settings{.cluster = repository.layout().path().cluster,
                                      .state_directory = repository.state_directory()};
  return expect_remembered(settings, repository.id(), repository.store().description());
}

}  // namespace

Result<std::optional<Error>> find_rollback(Repository& repository) {
  auto same = expect_remembered_here(repository);
  if (!same) return std::optional(std::move(same).error());
  const auto seen = read_newest_seen(repository);
  if (!seen) return std::optional<Error>();
  const bool kept = TRY(is_there_or_expired(repository, seen->record.key));
  return kept ? std::optional<Error>() : std::optional(went_back(repository, *seen));
}

Result<void> expect_no_rollback(Repository& repository) {
  auto found = TRY(find_rollback(repository));
  if (found) return *std::move(found);
  return ok();
}

Result<std::optional<AcceptedRollback>> accept_rollback(Repository& repository, const Catalog& catalog,
                                                        std::stop_token stop) {
  const auto seen = read_newest_seen(repository);
  if (!seen) return std::optional<AcceptedRollback>();
  const bool kept = TRY(is_there_or_expired(repository, seen->record.key));
  if (kept) return std::optional<AcceptedRollback>();
  AcceptedRollback accepted{.gone = seen->record.key, .sequence = seen->sequence, .newest = {}};
  auto newest = newest_record(repository.layout(), catalog);
  if (newest) {
    auto digest = TRY(digest_object(repository.store(), *newest, stop));
    // The number stays: what is written from now on must not share one with what may turn up again.
    TRY(replace_newest_seen(repository, NewestSeen{seen->sequence, {newest->text(), digest}}));
    accepted.newest = newest->text();
  } else {
    TRY(replace_newest_seen(repository, std::nullopt));
  }
  return std::optional(std::move(accepted));
}

}  // namespace spendsync::repository
