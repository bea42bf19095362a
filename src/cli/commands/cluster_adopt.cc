// spendsync-backup cluster adopt
#include "jobs/cluster_adopt.h"

#include <fmt/format.h>

#include "base/exit_code.h"
#include "base/time.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/typed_name.h"

namespace spendsync::cli {
namespace {

struct ClusterAdoptOptions {
  bool yes = false;
};

using repository::ClusterFolder;

std::string describe(SystemIdentifier identifier, int major_version) {
  return fmt::format("system identifier {}, PostgreSQL {}", identifier.to_string(), major_version);
}

void show(const Process& process, const std::vector<ClusterFolder>& earlier, const postgres::ServerInfo& server,
          const std::string& cluster) {
  for (const auto& folder : earlier) {
    process.output.line(fmt::format("before: {}  {}, first seen {}", cluster,
                                    describe(folder.identity.system_identifier, folder.identity.major_version),
                                    format_utc(folder.created)));
  }
  process.output.line(fmt::format("now:    {}  {}, {}", cluster,
                                  describe(server.system_identifier, server.version / 10000), server.data_directory));
}

Json to_json(const std::vector<ClusterFolder>& earlier, SystemIdentifier now, bool adopted) {
  Json before = Json::array();
  for (const auto& folder : earlier) before.push(folder.identity.system_identifier.to_string());
  return Json().set("system_identifier", now.to_string()).set("before", before).set("adopted", adopted);
}

Result<int> run_cluster_adopt(const Process& process, const ClusterAdoptOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto adoption = TRY(jobs::look_at_adoption(*wiring));
  const auto& server = adoption.server;
  const auto& cluster = wiring->config().cluster;
  const auto now = describe(server.system_identifier, server.version / 10000);
  if (adoption.known_already) {
    process.output.line(fmt::format("{} is known already with {}; there is nothing to adopt", cluster, now));
    process.output.summary("cluster adopt", to_json({}, server.system_identifier, false), kDone);
    return kDone;
  }
  show(process, adoption.earlier, server, cluster);
  if (!options.yes) TRY(ask_for_name(process, cluster, "let the new server take the place of the one before"));
  TRY(jobs::adopt(*wiring, adoption));
  process.output.line(fmt::format("adopted: {} is now {}", cluster, now));
  process.output.remark("backups of the server before stay restorable; they are listed with its system identifier");
  process.output.remark("next: spendsync-backup backup full");
  process.output.summary("cluster adopt", to_json(adoption.earlier, server.system_identifier, true), kDone);
  return kDone;
}

}  // namespace

CommandEntry cluster_adopt_command() {
  auto o = std::make_shared<ClusterAdoptOptions>();
  return {.name = "adopt",
          .description =
              "let a server with a new system identifier (pg_upgrade, rebuild) take the place of the one "
              "before",
          .options = {flag("--yes", o->yes, "do not ask for the cluster's name to be typed")},
          .examples = {{"cluster adopt", "after pg_upgrade: older backups stay restorable under the same name"}},
          .run = [o](const Process& process) { return run_cluster_adopt(process, *o); }};
}

}  // namespace spendsync::cli
