#include "jobs/timeline_fork.h"

#include <fmt/format.h>

#include "postgres/installation.h"
#include "repository/rollback.h"
#include "wal/archive_backlog.h"
#include "wal/lineage.h"

namespace spendsync::jobs {
namespace {

/// Numbers above the server's own that the repository knows, with their history files; one of which it has WAL alone
/// stands with an empty one.
Result<std::map<TimelineId, std::string>> used_timelines(repository::WalArchive& archive, TimelineId own) {
  std::map<TimelineId, std::string> used;
  auto with_wal = TRY(archive.timelines());
  for (TimelineId timeline : with_wal) used.emplace(timeline, "");
  auto with_history = TRY(archive.histories());
  for (TimelineId timeline : with_history) used[timeline] = TRY(archive.get_history(timeline));
  // Its own ancestry the server knows: what is given out here would take the place of its own files.
  std::erase_if(used, [&](const auto& entry) { return entry.first <= own; });
  return used;
}

std::string wal_directory(const TimelineForkScene& fork) { return fork.info.data_directory + "/pg_wal"; }
uint32_t segment_size(const TimelineForkScene& fork) { return fork.info.wal_segment_size; }

void warn_unless(const Context& context, const Result<uint64_t>& done) {
  if (done) return;
  context.log.warning("segments of the timeline that was left still wait to be archived, and will be refused: " +
                      done.error().message());
}

Result<postgres::TimelineFork> run_fork(const Context& context, const TimelineForkScene& fork) {
  postgres::TimelineForkSettings settings{.bin_directory = fork.server.bin_directory,
                                          .data_directory = fork.info.data_directory,
                                          .server_settings = {},
                                          .used = TRY(used_timelines(*fork.archive, fork.info.timeline))};
  bool outside = !fork.info.config_file.starts_with(fork.info.data_directory + "/");
  if (outside) settings.server_settings["config_file"] = fork.info.config_file;
  if (context.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the server was");
  // From here on the database is wanted back whatever comes: a stop that is asked for must not keep it down.
  auto stopped = postgres::stop_server(fork.server, {});
  auto forked = stopped ? postgres::fork_timeline(settings, context.stop)
                        : Result<postgres::TimelineFork>(std::move(stopped).error());
  if (forked) warn_unless(context, wal::stop_archiving_from(wal_directory(fork), fork.first_own, segment_size(fork)));
  auto started = postgres::start_server(fork.server, {});
  if (!started) {
    auto state = forked ? fmt::format("the server is on timeline {} now, but does not start", forked->timeline.value)
                        : "the server is down (" + forked.error().message() + ")";
    return std::move(started).error().with_context(state);
  }
  return forked;
}

}  // namespace

Result<TimelineForkScene> look_at_timeline(Wiring& wiring) {
  const auto& context = wiring.context();
  TimelineForkScene fork;
  auto connection = postgres::Connection::open(wiring.connection());
  if (!connection) {
    return std::move(connection).error().with_context("asking the server that is to get a new timeline");
  }
  fork.info = TRY(postgres::read_server_info(*connection));
  if (fork.info.in_recovery) {
    return Error(ErrorKind::refused, "the server is a standby: it gets a new timeline when it is promoted")
        .with_hint("pg_ctl promote -D " + fork.info.data_directory);
  }
  fork.repository = TRY(wiring.open_repository(fork.info.system_identifier));
  TRY(repository::expect_no_rollback(*fork.repository));
  fork.archive = std::make_unique<repository::WalArchive>(*fork.repository, repository::WalArchive::Settings{});
  auto bin =
      TRY(postgres::find_bin_directory(fork.info.version / 10000, wiring.config().database.bin_directory.value_or("")));
  fork.server = TRY(postgres::look_at_server(fork.info.data_directory, bin, context.stop));

  wal::WalLineage lineage({fork.info.data_directory + "/pg_wal", fork.info.wal_segment_size, fork.info.version / 10000,
                           fork.info.system_identifier},
                          *fork.archive);
  auto divergence = TRY(lineage.judge(*connection, fork.info.timeline, context.stop));
  if (!divergence) {
    return Error(ErrorKind::refused, fmt::format("the repository's WAL of timeline {} is this server's own: there is "
                                                 "nothing to part from",
                                                 fork.info.timeline.value))
        .with_hint("spendsync-backup check   # says what the next backup would meet");
  }
  fork.divergence = divergence->what;
  fork.first_own = divergence->first;
  return fork;
}

Result<postgres::TimelineFork> fork_timeline(Wiring& wiring, const TimelineForkScene& scene) {
  auto forked = TRY(run_fork(wiring.context(), scene));
  // Archiving may begin with a segment of the new timeline: who pushes it must find the history.
  TRY(scene.archive->put_history(forked.timeline, forked.history));
  return forked;
}

}  // namespace spendsync::jobs
