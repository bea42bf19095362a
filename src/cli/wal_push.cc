// spendsync-backup wal push %p
#include <algorithm>

#include "base/worker_group.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "postgres/control_file.h"
#include "postgres/data_directory.h"
#include "repository/remembered.h"
#include "repository/rollback.h"
#include "wal/archive_backlog.h"
#include "wal/push.h"

namespace spendsync::cli {
namespace {

/// What the repository records of the server whose data directory is the working directory, as it is archive_command's.
/// Nothing where it is another's, or none: `writer` is what the pushed file says of itself.
std::optional<repository::ClusterIdentity> identity_of_working_directory(const Wiring& wiring,
                                                                         SystemIdentifier writer) {
  const auto directory = postgres::DataDirectory::open(".");
  if (!directory) return std::nullopt;
  const auto read = postgres::read_control_file(".");
  if (!read || read->control.system_identifier != writer) return std::nullopt;
  const auto& control = read->control;
  repository::ClusterIdentity identity;
  identity.cluster = wiring.config().cluster;
  identity.system_identifier = control.system_identifier;
  identity.major_version = directory->major_version();
  identity.catalog_version = control.catalog_version;
  identity.page_size = control.page_size;
  identity.wal_segment_size = control.wal_segment_size;
  identity.relation_segment_size = uint64_t{control.relation_segment_blocks} * control.page_size;
  return identity;
}

/// The first command that writes may be this one. A server that shuts down archives its last segments when it answers
/// nobody any more, so it is asked only where its files do not say what it is.
Result<std::unique_ptr<repository::Repository>> create_repository(Wiring& wiring,
                                                                  std::optional<SystemIdentifier> writer) {
  if (writer) {
    if (auto identity = identity_of_working_directory(wiring, *writer)) {
      return wiring.open_or_create_repository(*identity);
    }
  }
  auto connection = TRY(postgres::Connection::open(wiring.connection()));
  const auto server = TRY(postgres::read_server_info(connection));
  return wiring.open_or_create_repository(server);
}

Result<wal::PushOutcome> push(const Process& process, const WalPushOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const wal::PushRequest request{.path = options.path, .file_name = {}, .change_map = wiring->makes_change_maps()};
  const auto system_identifier = TRY(wal::identify_wal_file(request));
  auto repository = wiring->open_repository(system_identifier);
  if (!repository && repository.error().is(ErrorKind::not_found)) {
    repository = create_repository(*wiring, system_identifier);
  }
  auto opened = TRY(std::move(repository));
  TRY(repository::expect_no_rollback(*opened));  // the server keeps its WAL: nothing is lost by not taking it
  repository::remember(*opened);                 // a site may have no other command that writes
  repository::WalArchive archive(*opened,
                                 {.compression = wiring->compression(), .threads = std::min(4u, available_cores())});
  return wal::push_wal_file(archive, opened->identity(), request);
}

/// Our standard error is in PostgreSQL's log: whoever reads why archiving fails must see how long there is time.
void warn_of_backlog(const Process& process, const std::string& path) {
  auto slash = path.rfind('/');
  auto backlog = wal::read_archive_backlog(slash == std::string::npos ? "." : path.substr(0, slash));
  if (backlog && backlog->segments > 0) process.log.warning(backlog->describe());
}

}  // namespace

Result<int> run_wal_push(const Process& process, const WalPushOptions& options) {
  const auto outcome = push(process, options);
  if (!outcome) {
    warn_of_backlog(process, options.path);
    // PostgreSQL writes our standard error into its log; the exit code keeps the segment and has it pushed again.
    return Error(outcome.error())
        .with_context("pushing " + options.path)
        .with_exit_code(wal::push_exit_code(Error(outcome.error()).with_exit_code(exit_code(outcome.error(), 0))));
  }
  const bool known = outcome->outcome == repository::PutOutcome::already_identical;
  process.log.debug("pushed " + outcome->file_name + (known ? " (identical, stored before)" : ""));
  process.output.summary(
      "wal push", Json().set("file", outcome->file_name).set("bytes", outcome->bytes).set("already_stored", known),
      kDone);
  return kDone;
}

}  // namespace spendsync::cli
