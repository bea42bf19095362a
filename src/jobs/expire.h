// Retention, as the configuration says.
#pragma once

#include <functional>

#include "jobs/wiring.h"
#include "retention/expiry.h"

namespace spendsync::jobs {

/// What becomes of one server's backups.
struct ServerExpiry {
  SystemIdentifier server;
  std::string earlier{};  // how the server is called that the present one has adopted; empty: it is the present one
  uint32_t segment_size = 0;
  retention::Plan plan;
  std::optional<retention::ExpiryReport> report{};  // of what was done, up to a failure; empty: nothing
};

struct ExpireRequest {
  bool dry_run = false;
  bool over_cap = false;  // also where more backups go at once than expire.deletion_cap allows
  std::function<void(const ServerExpiry&)> planned{};  // before anything of this server is removed; may be empty
};

struct ExpireReport {
  bool dry_run = false;
  std::vector<ServerExpiry> servers;  // the present one first; up to the one that failed
  std::optional<Error> failure{};     // refused: over the cap, nothing of that server was changed
  uint64_t denied() const;            // objects that the store would not remove
};

/// Needs a wiring that writes. Errors before anything was planned; later ones are in the report.
Result<ExpireReport> expire(Wiring& wiring, const ExpireRequest& request);

/// After a backup that succeeded, where expire.automatic says so; the present server alone.
struct AutomaticExpiry {
  bool asked_for = false;
  std::optional<retention::Plan> plan{};
  std::optional<retention::ExpiryReport> report{};  // empty: nothing was to be done
  std::optional<Error> failure{};                   // also: over the cap. The backup stands all the same
};
AutomaticExpiry expire_after_backup(Wiring& wiring);

}  // namespace spendsync::jobs
