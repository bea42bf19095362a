// Proves backups by what is stored of them: every object is read and authenticated.
#pragma once

#include "jobs/wiring.h"
#include "repository/catalog.h"
#include "repository/verify_objects.h"

namespace spendsync::jobs {

struct VerifyRequest {
  std::string type{};  // this and `date`: which backups; both empty with `all`
  std::string date{};
  bool all = false;                                // everything that the repository holds of the present server
  std::optional<std::string> system_identifier{};  // of the server whose backups are meant
  std::optional<unsigned> workers{};
};

/// What was verified and what came of it.
struct VerifyOutcome {
  repository::Catalog catalog;
  std::vector<repository::Label> labels;
  std::vector<std::pair<repository::Label, repository::VerifyReport>> reports;  // of each label
  repository::VerifyReport total;
};

/// Keeps the verdicts for `list`, `status`, restores and expire; where the role may only read, a warning says so.
/// Errors: not_found where there is no such backup; those of the store; cancelled.
Result<VerifyOutcome> verify(Wiring& wiring, const VerifyRequest& request, Progress& progress);

}  // namespace spendsync::jobs
