#include "jobs/sandbox.h"

#include <sys/un.h>

#include "base/scratch_directory.h"
#include "postgres/connection_role.h"
#include "restore/target_directory.h"
#include "restore/target_surroundings.h"

namespace spendsync::jobs {

Result<std::string> work_directory(Wiring& wiring, const std::optional<std::string>& asked) {
  auto parent = TRY(absolute_path(asked.value_or(wiring.config().restore.target_directory)));
  parent = TRY(restore::normalize_target(parent));
  TRY(restore::check_surroundings(parent + "/sandbox", wiring.store().description()));
  return parent;
}

Result<Sandbox> plan_sandbox(Wiring& wiring, const RestoreSelection& selection, const SandboxSettings& settings) {
  const auto& context = wiring.context();
  auto words = selection.words;
  words.database_only = true;
  const auto request = TRY(restore::parse_request(words, wiring.config().schedules.timezone));
  const auto parent = TRY(work_directory(wiring, settings.work_directory));
  auto made = restore::SandboxDirectory::make(parent, context.clock, context.log, context.stop);
  if (!made && made.error().is(ErrorKind::denied)) {
    return std::move(made).error().with_hint(
        "the program runs as the owner of the data directory: choose a place where that user may write with "
        "--work-directory");
  }
  auto opened = TRY(std::move(made));
  auto directory = std::make_unique<restore::SandboxDirectory>(std::move(opened));
  auto prepare = prepare_settings(wiring);
  prepare.target = directory->data_directory();
  auto chosen = TRY(choose_restore(wiring, selection, request, prepare));
  TRY(restore::check_space(chosen.plan));
  return Sandbox{std::move(directory), std::move(chosen.repository), std::move(chosen.plan), std::nullopt};
}

Result<void> recover_in(Sandbox& sandbox, Wiring& wiring, const RestoreSelection& selection,
                        const SandboxSettings& settings, Progress& progress) {
  // It lies in the sandbox, so that it goes with it, unless the path is too long for the socket that lends keys.
  auto directory = sandbox.directory->path() + "/program";
  std::optional<ScratchDirectory> elsewhere;
  if (directory.size() + sizeof("/keys") > sizeof(sockaddr_un::sun_path)) {
    auto made = TRY(ScratchDirectory::create("/tmp", "ssb-sandbox-"));
    elsewhere.emplace(std::move(made));
    directory = elsewhere->path();
  }
  TRY(make_directories(directory, 0700));
  const auto command = TRY(provide_restore_command(wiring, directory, false));
  auto execute = TRY(execute_settings(wiring, selection, command));
  execute.make_configuration = settings.make_configuration;
  auto cluster = TRY(restore::RecoveredCluster::make(*sandbox.repository, *sandbox.directory, sandbox.plan, execute,
                                                     progress, wiring.context().stop));
  sandbox.cluster.emplace(std::move(cluster));
  return ok();
}

std::vector<std::string> known_roles(const Wiring& wiring) {
  auto role = postgres::role_of(wiring.config().database.connection);
  return role ? std::vector<std::string>{*role} : std::vector<std::string>{};
}

}  // namespace spendsync::jobs
