// spendsync-backup cluster adopt
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/typed_name.h"

namespace spendsync::cli {
namespace {

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

}  // namespace

Result<int> run_cluster_adopt(const Process& process, const ClusterAdoptOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  auto connection = TRY(postgres::Connection::open(wiring->connection(), process.stop));
  const auto server = TRY(postgres::read_server_info(connection));
  const auto& cluster = wiring->config().cluster;
  auto folders =
      TRY(repository::Repository::list_folders({.cluster = cluster, .state_directory = ""}, wiring->collaborators()));
  const auto own = std::find_if(folders.begin(), folders.end(), [&](const ClusterFolder& folder) {
    return folder.identity.system_identifier == server.system_identifier;
  });
  if (own != folders.end()) {
    process.output.line(fmt::format("{} is known already with {}; there is nothing to adopt", cluster,
                                    describe(server.system_identifier, server.version / 10000)));
    process.output.summary("cluster adopt", to_json({}, server.system_identifier, false), kDone);
    return kDone;
  }
  if (folders.empty()) {
    return Error(ErrorKind::not_found, fmt::format("the repository holds no backups of {} yet", cluster))
        .with_hint("there is nothing to adopt: run backup full");
  }
  show(process, folders, server, cluster);
  if (!options.yes) TRY(ask_for_name(process, cluster, "let the new server take the place of the one before"));
  TRY(repository::Repository::adopt({.cluster = cluster, .state_directory = wiring->state_directory()},
                                    wiring->identity_of(server), wiring->collaborators()));
  process.output.line(
      fmt::format("adopted: {} is now {}", cluster, describe(server.system_identifier, server.version / 10000)));
  process.output.remark("backups of the server before stay restorable; they are listed with its system identifier");
  process.output.remark("next: spendsync-backup backup full");
  process.output.summary("cluster adopt", to_json(folders, server.system_identifier, true), kDone);
  return kDone;
}

}  // namespace spendsync::cli
