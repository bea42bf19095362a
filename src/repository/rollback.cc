#include "repository/rollback.h"

#include <algorithm>

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

Repository::Settings settings_of(const Repository& repository) {
  return {.cluster = repository.layout().path().cluster, .state_directory = repository.state_directory()};
}

Result<void> expect_remembered_here(Repository& repository) {
  return expect_remembered(settings_of(repository), repository.id(), repository.store().description());
}

}  // namespace

Result<void> expect_newest_seen(Repository& repository) {
  const auto seen = read_newest_seen(repository);
  if (!seen) return ok();
  const bool kept = TRY(is_there_or_expired(repository, seen->record.key));
  if (!kept) return went_back(repository, *seen);
  return ok();
}

Result<void> expect_no_rollback(Repository& repository) {
  TRY(expect_remembered_here(repository));
  return expect_newest_seen(repository);
}

Result<std::optional<Error>> find_rollback(Repository& repository) {
  auto found = [](Result<void> checked) -> Result<std::optional<Error>> {
    if (checked) return std::optional<Error>();
    if (!checked.error().is(ErrorKind::refused)) return std::move(checked).error();
    return std::optional(std::move(checked).error());
  };
  auto own = TRY(found(expect_no_rollback(repository)));
  if (own) return own;
  const auto self = repository.layout().path().system_identifier;
  for (auto server : remembered_servers(settings_of(repository))) {
    const bool earlier = std::ranges::count(repository.adopted(), server) > 0;
    if (server == self || earlier) continue;
    auto other = TRY(found(expect_newest_seen(*repository.of_server(server))));
    if (other) return other;
  }
  return std::optional<Error>();
}

namespace {

Result<std::optional<AcceptedRollback>> accept_for(Repository& repository, std::stop_token stop) {
  const auto seen = TRY(find_newest_seen(repository));
  if (!seen) return std::optional<AcceptedRollback>();
  const bool kept = TRY(is_there_or_expired(repository, seen->record.key));
  if (kept) return std::optional<AcceptedRollback>();
  AcceptedRollback accepted{.server = repository.layout().path().system_identifier,
                            .gone = seen->record.key,
                            .sequence = seen->sequence,
                            .newest = {}};
  const auto catalog = TRY(Catalog::load(repository, stop));
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

}  // namespace

Result<std::vector<AcceptedRollback>> accept_rollbacks(const Repository::Settings& settings,
                                                       const Collaborators& collaborators, std::stop_token stop) {
  const auto handles = TRY(Repository::open_remembered(settings, collaborators));
  std::vector<AcceptedRollback> accepted;
  for (const auto& handle : handles) {
    auto one = TRY(accept_for(*handle, stop));
    if (one) accepted.push_back(*std::move(one));
  }
  return accepted;
}

}  // namespace spendsync::repository
