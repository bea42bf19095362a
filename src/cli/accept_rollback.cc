// spendsync-backup init --accept-rollback
#include <fmt/format.h>

#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "repository/catalog.h"
#include "repository/rollback.h"

namespace spendsync::cli {

Result<int> run_accept_rollback(const Process& process) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  Json all = Json::array();
  bool any = false;
  for (const auto& folder : folders) {
    const auto catalog = TRY(repository::Catalog::load(*folder, process.stop));
    const auto accepted = TRY(repository::accept_rollback(*folder, catalog, process.stop));
    if (!accepted) continue;
    any = true;
    process.output.line(
        fmt::format("Given up: record {}, {}, and whatever went with it.", accepted->sequence, accepted->gone));
    process.output.line(accepted->newest
                            ? fmt::format("The newest record that counts from now on: {}", *accepted->newest)
                            : std::string("There is no record any more."));
    Json json;
    json.set("system_identifier", folder->identity().system_identifier.to_string());
    json.set("gone", accepted->gone).set("sequence", accepted->sequence);
    if (accepted->newest) json.set("newest", *accepted->newest);
    all.push(std::move(json));
  }
  process.output.line(
      any ? "Next: spendsync-backup backup full. Moments that only the records given up covered cannot be "
            "restored; `list` shows what can."
          : "The repository holds the newest record that this host has seen: nothing was changed.");
  process.output.summary("init", Json().set("accepted", std::move(all)), kDone);
  return kDone;
}

}  // namespace spendsync::cli
