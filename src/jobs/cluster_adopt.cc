#include "jobs/cluster_adopt.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::jobs {

using repository::ClusterFolder;

Result<Adoption> look_at_adoption(Wiring& wiring) {
  auto connection = TRY(postgres::Connection::open(wiring.connection(), wiring.context().stop));
  Adoption adoption;
  adoption.server = TRY(postgres::read_server_info(connection));
  const auto& cluster = wiring.config().cluster;
  auto folders =
      TRY(repository::Repository::list_folders({.cluster = cluster, .state_directory = ""}, wiring.collaborators()));
  adoption.known_already = std::ranges::any_of(folders, [&](const ClusterFolder& folder) {
    return folder.identity.system_identifier == adoption.server.system_identifier;
  });
  if (adoption.known_already) return adoption;
  if (folders.empty()) {
    return Error(ErrorKind::not_found, fmt::format("the repository holds no backups of {} yet", cluster))
        .with_hint("there is nothing to adopt: run backup full");
  }
  adoption.earlier = std::move(folders);
  return adoption;
}

Result<void> adopt(Wiring& wiring, const Adoption& adoption) {
  TRY(repository::Repository::adopt({.cluster = wiring.config().cluster, .state_directory = wiring.state_directory()},
                                    wiring.identity_of(adoption.server), wiring.collaborators()));
  return ok();
}

}  // namespace spendsync::jobs
