#include "jobs/accept_rollback.h"

#include <algorithm>

namespace spendsync::jobs {
namespace {

using repository::AcceptedRollback;
using repository::ClusterFolder;

/// Whether the server's folder is gone while others lie under the name that know nothing of it: it is then as new there
/// as it was before `cluster adopt`.
bool has_to_adopt(const AcceptedRollback& accepted, const std::vector<ClusterFolder>& folders) {
  return !folders.empty() && std::ranges::none_of(folders, [&](const ClusterFolder& folder) {
    return folder.identity.system_identifier == accepted.server ||
           std::ranges::count(folder.adopted, accepted.server) > 0;
  });
}

}  // namespace

Result<AcceptedRollbacks> accept_rollbacks(Wiring& wiring) {
  const auto settings = wiring.repository_settings();
  // A damaged folder keeps nobody from accepting what another one has lost: only the next step is then not known.
  const auto folders = repository::Repository::list_folders(settings, wiring.collaborators());
  AcceptedRollbacks all;
  all.accepted = TRY(repository::accept_rollbacks(settings, wiring.collaborators(), wiring.context().stop));
  all.has_to_adopt = folders && std::ranges::any_of(all.accepted, [&](const auto& accepted) {
                       return has_to_adopt(accepted, *folders);
                     });
  return all;
}

}  // namespace spendsync::jobs
