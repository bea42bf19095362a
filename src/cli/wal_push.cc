// spendsync-backup wal push %p
#include "backup/wal_push.h"

#include <algorithm>

#include "backup/archive_backlog.h"
#include "base/worker_group.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "repository/remembered.h"

namespace spendsync::cli {
namespace {

Result<backup::PushOutcome> push(const Process& process, const WalPushOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  const backup::PushRequest request{.path = options.path, .file_name = {}, .change_map = wiring->makes_change_maps()};
  const auto system_identifier = TRY(backup::identify_wal_file(request));
  auto repository = wiring->open_repository(system_identifier);
  if (!repository && repository.error().is(ErrorKind::not_found)) {
    // The first command that writes may be this one: the server is asked what the file does not say.
    auto connection = TRY(postgres::Connection::open(wiring->connection()));
    const auto server = TRY(postgres::read_server_info(connection));
    repository = wiring->open_or_create_repository(server);
  }
  auto opened = TRY(std::move(repository));
  repository::remember(*opened);  // a site may have no other command that writes
  repository::WalArchive archive(*opened,
                                 {.compression = wiring->compression(), .threads = std::min(4u, available_cores())});
  return backup::push_wal_file(archive, opened->identity(), request);
}

/// Our standard error is in PostgreSQL's log: whoever reads why archiving fails must see how long there is time.
void warn_of_backlog(const Process& process, const std::string& path) {
  auto slash = path.rfind('/');
  auto backlog = backup::read_archive_backlog(slash == std::string::npos ? "." : path.substr(0, slash));
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
        .with_exit_code(backup::push_exit_code(Error(outcome.error()).with_exit_code(exit_code(outcome.error(), 0))));
  }
  const bool known = outcome->outcome == repository::PutOutcome::already_identical;
  process.log.debug("pushed " + outcome->file_name + (known ? " (identical, stored before)" : ""));
  process.output.summary(
      "wal push", Json().set("file", outcome->file_name).set("bytes", outcome->bytes).set("already_stored", known),
      kDone);
  return kDone;
}

}  // namespace spendsync::cli
