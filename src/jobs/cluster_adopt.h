// A new server takes the place of the one before under the configured name.
#pragma once

#include "jobs/wiring.h"

namespace spendsync::jobs {

struct Adoption {
  postgres::ServerInfo server;                     // that the connection leads to
  std::vector<repository::ClusterFolder> earlier;  // of the servers before
  bool known_already = false;                      // there is nothing to adopt
};

/// Changes nothing. Needs a wiring that writes. Errors: not_found where the repository holds nothing of the cluster;
/// those of the connection and of the store.
Result<Adoption> look_at_adoption(Wiring& wiring);
/// Errors: those of Repository::adopt.
Result<void> adopt(Wiring& wiring, const Adoption& adoption);

}  // namespace spendsync::jobs
