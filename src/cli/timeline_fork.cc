// spendsync-backup timeline fork [--yes]
#include "postgres/timeline_fork.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/typed_name.h"
#include "postgres/installation.h"
#include "postgres/server_control.h"
#include "repository/rollback.h"
#include "wal/archive_backlog.h"
#include "wal/lineage.h"

namespace spendsync::cli {
namespace {

using postgres::OperatedServer;
using postgres::ServerInfo;

/// One run: what is looked at before the server is stopped.
struct Fork {
  const Process& process;
  std::unique_ptr<Wiring> wiring;
  ServerInfo info;
  OperatedServer server;
  SegmentName first_own;  // that is no part of the stored history
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::WalArchive> archive;
};

Result<Fork> look(const Process& process) {
  Fork fork{process, TRY(Wiring::open(process, Wiring::Access::writes)), {}, {}, {}, nullptr, nullptr};
  auto connection = postgres::Connection::open(fork.wiring->connection());
  if (!connection) {
    return std::move(connection).error().with_context("asking the server that is to get a new timeline");
  }
  fork.info = TRY(postgres::read_server_info(*connection));
  if (fork.info.in_recovery) {
    return Error(ErrorKind::refused, "the server is a standby: it gets a new timeline when it is promoted")
        .with_hint("pg_ctl promote -D " + fork.info.data_directory);
  }
  fork.repository = TRY(fork.wiring->open_repository(fork.info.system_identifier));
  TRY(repository::expect_no_rollback(*fork.repository));
  fork.archive = std::make_unique<repository::WalArchive>(*fork.repository, repository::WalArchive::Settings{});
  auto bin = TRY(postgres::find_bin_directory(fork.info.version / 10000,
                                              fork.wiring->config().database.bin_directory.value_or("")));
  fork.server = TRY(postgres::look_at_server(fork.info.data_directory, bin, process.stop));

  wal::WalLineage lineage({fork.info.data_directory + "/pg_wal", fork.info.wal_segment_size, fork.info.version / 10000,
                           fork.info.system_identifier},
                          *fork.archive);
  auto divergence = TRY(lineage.judge(*connection, fork.info.timeline, process.stop));
  if (!divergence) {
    return Error(ErrorKind::refused, fmt::format("the repository's WAL of timeline {} is this server's own: there is "
                                                 "nothing to part from",
                                                 fork.info.timeline.value))
        .with_hint("spendsync-backup check   # says what the next backup would meet");
  }
  process.output.remark(divergence->what);
  fork.first_own = divergence->first;
  return fork;
}

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

void print_what_it_costs(const Output& output, const Fork& fork) {
  output.line(fmt::format("the server on {} goes on with a timeline of its own:", fork.info.data_directory));
  output.line("  downtime      it is stopped (sessions are ended), recovers what lies in its pg_wal, and is started");
  output.line("                again: about as long as two restarts and two checkpoints");
  output.line(
      fmt::format("  kept          what the repository holds of timeline {}: it leads to the state that was left",
                  fork.info.timeline.value));
  output.line("  not covered   what this server committed since it was put back, until the next full backup ends");
  output.line("  standbys      they follow with recovery_target_timeline = 'latest', if they share its state");
}

std::string wal_directory(const Fork& fork) { return fork.info.data_directory + "/pg_wal"; }
uint32_t segment_size(const Fork& fork) { return fork.info.wal_segment_size; }

void warn_unless(const Fork& fork, const Result<uint64_t>& done) {
  if (done) return;
  fork.process.log.warning("segments of the timeline that was left still wait to be archived, and will be refused: " +
                           done.error().message());
}

Result<postgres::TimelineFork> run_fork(const Fork& fork) {
  postgres::TimelineForkSettings settings{.bin_directory = fork.server.bin_directory,
                                          .data_directory = fork.info.data_directory,
                                          .server_settings = {},
                                          .used = TRY(used_timelines(*fork.archive, fork.info.timeline))};
  bool outside = !fork.info.config_file.starts_with(fork.info.data_directory + "/");
  if (outside) settings.server_settings["config_file"] = fork.info.config_file;
  if (fork.process.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the server was");
  // From here on the database is wanted back whatever comes: a stop that is asked for must not keep it down.
  auto stopped = postgres::stop_server(fork.server, {});
  auto forked = stopped ? postgres::fork_timeline(settings, fork.process.stop)
                        : Result<postgres::TimelineFork>(std::move(stopped).error());
  if (forked) warn_unless(fork, wal::stop_archiving_from(wal_directory(fork), fork.first_own, segment_size(fork)));
  auto started = postgres::start_server(fork.server, {});
  if (!started) {
    auto state = forked ? fmt::format("the server is on timeline {} now, but does not start", forked->timeline.value)
                        : "the server is down (" + forked.error().message() + ")";
    return std::move(started).error().with_context(state);
  }
  return forked;
}

}  // namespace

Result<int> run_timeline_fork(const Process& process, const TimelineForkOptions& options) {
  auto fork = TRY(look(process));
  print_what_it_costs(process.output, fork);
  const auto& cluster = fork.wiring->config().cluster;
  if (!options.yes) TRY(ask_for_name(process, cluster, "stop the server and take it to a new timeline"));
  auto begun = process.clock.monotonic();
  auto forked = TRY(run_fork(fork));
  auto downtime = std::chrono::duration<double>(process.clock.monotonic() - begun);
  // Archiving may begin with a segment of the new timeline: who pushes it must find the history.
  TRY(fork.archive->put_history(forked.timeline, forked.history));
  process.output.line(fmt::format("the server runs on timeline {}, after {:.1f} s; next: spendsync-backup backup full",
                                  forked.timeline.value, downtime.count()));
  process.output.summary("timeline fork",
                         Json().set("timeline", forked.timeline.value).set("left", fork.info.timeline.value), kDone);
  return kDone;
}

}  // namespace spendsync::cli
