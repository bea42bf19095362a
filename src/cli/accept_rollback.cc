// spendsync-backup init --accept-rollback
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "repository/rollback.h"

namespace spendsync::cli {
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

void print(const Output& output, const AcceptedRollback& accepted) {
  output.line(fmt::format("Given up of the server with system identifier {}: record {}, {}, and whatever went with it.",
                          accepted.server.to_string(), accepted.sequence, accepted.gone));
  output.line(accepted.newest ? fmt::format("The newest record that counts from now on: {}", *accepted.newest)
                              : std::string("There is no record of it any more."));
}

Json to_json(const AcceptedRollback& accepted) {
  Json json;
  json.set("system_identifier", accepted.server.to_string());
  json.set("gone", accepted.gone).set("sequence", accepted.sequence);
  if (accepted.newest) json.set("newest", *accepted.newest);
  return json;
}

}  // namespace

Result<int> run_accept_rollback(const Process& process) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const auto settings = wiring->repository_settings();
  // A damaged folder keeps nobody from accepting what another one has lost: only the next step is then not known.
  const auto folders = repository::Repository::list_folders(settings, wiring->collaborators());
  const auto all = TRY(repository::accept_rollbacks(settings, wiring->collaborators(), process.stop));
  Json json = Json::array();
  for (const auto& accepted : all) {
    print(process.output, accepted);
    json.push(to_json(accepted));
  }
  const bool adopt =
      folders && std::ranges::any_of(all, [&](const auto& accepted) { return has_to_adopt(accepted, *folders); });
  if (all.empty()) {
    process.output.line("The repository holds the newest record that this host has seen: nothing was changed.");
  } else {
    process.output.line(
        fmt::format("Next: {}spendsync-backup backup full. Moments that only the records given up covered cannot be "
                    "restored; `list` shows what can.",
                    adopt ? "spendsync-backup cluster adopt, then: " : ""));
  }
  process.output.summary("init", Json().set("accepted", std::move(json)).set("adopt", adopt), kDone);
  return kDone;
}

}  // namespace spendsync::cli
