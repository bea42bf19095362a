#include "jobs/restore_in_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/exit_code.h"
#include "base/scratch_directory.h"
#include "postgres/installation.h"
#include "postgres/server_process.h"
#include "postgres/wal/begun_segments.h"
#include "restore/captured_put_back.h"
#include "restore/in_place/original_place.h"
#include "wal/rescue.h"

namespace spendsync::jobs {
namespace {

Result<std::string> configured_place(const Wiring& wiring) {
  const auto& configured = wiring.config().database.data_directory;
  if (!configured) {
    return Error(ErrorKind::invalid, "--in-place needs to know where the database lies")
        .with_hint("set database.data_directory in " + wiring.loaded().file)
        .with_exit_code(kUsage);
  }
  std::unique_ptr<char, decltype(&std::free)> real(::realpath(configured->c_str(), nullptr), &std::free);
  return restore::normalize_target(real ? std::string(real.get()) : *configured);
}

/// Refuses a directory that is another cluster's, before anything else is done.
Result<std::unique_ptr<repository::Repository>> open_repository_of(Wiring& wiring, const std::string& data) {
  std::optional<SystemIdentifier> identifier;
  bool unfinished = exists(data + "/" + repository::kUnfinishedMarker);
  auto names = exists(data) ? list_directory(data) : Result<std::vector<std::string>>(std::vector<std::string>{});
  if (!names) return std::move(names).error();
  if (!unfinished && !names->empty()) identifier = TRY(restore::identify_data_directory(data));
  auto repository = wiring.open_repository(identifier);
  if (repository || !identifier || !repository.error().is(ErrorKind::not_found)) return repository;
  return Error(ErrorKind::refused, fmt::format("{} is of the cluster with system identifier {}: the repository holds "
                                               "nothing of it",
                                               data, identifier->to_string()))
      .with_hint("restore into a new directory with --target DIR");
}

using restore::OriginalPlace;

/// One restore in place, step by step.
class InPlaceRestore {
 public:
  InPlaceRestore(Wiring& wiring, const InPlaceRequest& request, restore::RestoreRequest target,
                 repository::Repository& repository, OriginalPlace place, Progress& progress)
      : wiring_(wiring),
        request_(request),
        target_(std::move(target)),
        repository_(repository),
        place_(std::move(place)),
        progress_(progress) {
    report_.data_directory = place_.data();
  }

  Result<InPlaceReport> run() {
    auto done = attempt();
    // A second run of the same command goes on with what was begun. What was not is as if it had not been asked for:
    // a server that this attempt, or an earlier one that was killed, has stopped runs again.
    if (done) return std::move(report_);
    if (request_.plan_only) return std::move(done).error();
    if (place_.untouched()) return place_.give_up(std::move(done).error());
    bool refused = done.error().is(ErrorKind::refused) && begun_;
    return refused ? std::move(done).error().with_exit_code(kFailed) : std::move(done).error();
  }

 private:
  const Context& context() const { return wiring_.context(); }

  Result<void> attempt() {
    TRY(place_.check_staging());
    auto plan = TRY(make_plan());
    if (!request_.plan_only && place_.state().restored && !place_.unfinished()) {
      if (place_.state().plan == plan.resume_id) return start_only();
      TRY(place_.forget_state());  // of another request, which came to its end but for the start
      place_.begin_anew();
      plan = TRY(make_plan());
    }
    request_.planned(plan);
    if (request_.plan_only) {
      report_.plan = std::move(plan);
      return ok();
    }
    TRY(expect_plan(request_.plan_id, plan));
    TRY(prepare_execution());
    TRY(check(plan));
    TRY(request_.confirm(plan.cluster, place_.data()));
    return replace();
  }

  /// All that can be refused is refused while the server still runs.
  Result<void> check(const restore::RestorePlan& plan) {
    TRY(restore::check_space(plan));
    if (!request_.delta && !place_.unfinished()) TRY(place_.check_movable());
    TRY(place_.check_new_locations(plan));
    TRY(check_reach(plan));
    return restore::check_restore(repository_, plan, execution_, progress_, context().stop);
  }

  /// From stopping the server on.
  Result<void> replace() {
    bool stopped = TRY(place_.stop_server(context().stop));
    if (stopped) context().remark("stopped the server on " + place_.data());
    if (!place_.unfinished()) TRY(save_wal());
    auto plan = TRY(make_plan());
    TRY(check_reach(plan));
    TRY(place_.check_new_locations(plan));
    context().remark(fmt::format("recovering to {}, state of {}", restore::describe_target(plan.target),
                                 format_utc(plan.target.reached)));
    if (place_.unfinished() || request_.delta) {
      TRY(place_.free_new_locations(plan));
    } else {
      TRY(place_.move_aside(plan));
    }
    begun_ = true;
    return execute(plan);
  }

  bool to_own_end() const { return target_.target == restore::RestoreRequest::Target::latest && !target_.timeline; }

  /// pg_wal of the server that is to be replaced; empty where what lies there is no server's any more.
  std::string server_wal() {
    auto directory = place_.data() + "/pg_wal";
    bool of_the_server = !place_.unfinished() && !place_.state().restored && exists(directory);
    return of_the_server ? directory : std::string();
  }

  /// Which timeline the server is on, and how far it has come.
  Result<void> look_at_wal() {
    auto directory = server_wal();
    if (directory.empty()) return {};
    const auto& identity = repository_.identity();
    auto begun = TRY(postgres::begun_segments(directory, identity.wal_segment_size, identity.system_identifier));
    if (begun.empty()) return {};
    newest_ = begun.back();
    place_.state().timeline = newest_->timeline.value;
    return {};
  }

  Result<restore::RestorePlan> make_plan() {
    TRY(look_at_wal());
    auto settings = prepare_settings(wiring_);
    settings.target = place_.data();
    settings.in_place = true;
    settings.existing = request_.delta ? restore::Existing::rewritten : restore::Existing::moved_aside;
    settings.server_wal = server_wal();
    if (exists(place_.aside_wal())) settings.aside = place_.aside_wal();
    for (const auto& words : request_.tablespaces) {
      auto mapping = TRY(restore::parse_tablespace_mapping(words));
      settings.tablespaces.push_back(std::move(mapping));
    }
    // The end of WAL is that of this server, whatever other timelines the repository holds.
    auto target = target_;
    if (to_own_end() && place_.state().timeline != 0) target.timeline = TimelineId{place_.state().timeline};
    return restore::prepare_restore(repository_, target, settings, context().stop);
  }

  /// Where WAL is missing before the server's newest, its newest commits would be left behind without a word.
  Result<void> check_reach(const restore::RestorePlan& plan) const {
    if (!to_own_end() || !newest_) return {};
    if (plan.target.needed_until >= newest_->start(plan.wal.segment_size)) return {};
    // What is kept aside may go on where the repository's WAL ends, without a hole.
    uint64_t number = plan.target.needed_until.value / plan.wal.segment_size;
    while (number <= newest_->number && kept_aside_.contains(number)) ++number;
    if (number > newest_->number) return {};
    return Error(
               ErrorKind::refused,
               fmt::format("the server's newest WAL is segment {}, but from the backup on there is WAL up to {} only: "
                           "later commits would be lost",
                           newest_->file_name(plan.wal.segment_size), plan.target.needed_until.to_string()))
        .with_hint(
            fmt::format("to lose them knowingly, say --target-timeline {}", plan.target.recovery.timeline.value));
  }

  /// The newest commits are in no archive yet.
  Result<void> save_wal() {
    auto directory = place_.data() + "/pg_wal";
    if (!exists(directory)) return {};
    repository::WalArchive archive(
        repository_, {.compression = wiring_.compression(), .threads = std::min(4u, wiring_.workers(std::nullopt))});
    auto rescued = TRY_CONTEXT(
        wal::rescue_wal(archive, repository_.identity(),
                        {.wal_directory = directory, .aside_directory = place_.aside_wal()}, context().stop),
        "saving the server's WAL before it is replaced");
    if (!rescued.stored.empty()) {
      context().remark(fmt::format("saved the old server's newest WAL into the repository: {} file{}, the last is {}",
                                   rescued.stored.size(), rescued.stored.size() == 1 ? "" : "s",
                                   rescued.stored.back()));
    }
    report_.saved_wal = rescued.stored;
    for (const auto& kept : rescued.aside) {
      auto segment = SegmentName::parse(kept.name, repository_.identity().wal_segment_size);
      if (segment) kept_aside_.insert(segment->number);
      context().log.warning(
          fmt::format("the repository did not take {}: it is kept in {}", kept.name, place_.aside_wal()),
          {{"why", kept.why}});
    }
    return {};
  }

  /// Whatever the restore needs but the plan.
  Result<void> prepare_execution() {
    directory_.emplace(TRY(ScratchDirectory::create("/tmp", "ssb-restore-")));
    command_ = TRY(provide_restore_command(wiring_, directory_->path(), request_.selection.words.no_start));
    execution_ = TRY(execute_settings(wiring_, request_.selection, command_));
    return {};
  }

  Result<void> execute(const restore::RestorePlan& plan) {
    execution_.make_configuration = !finds_configuration_elsewhere(plan);
    execution_.put_back = [&] { return put_back(plan); };
    place_.state().plan = plan.resume_id;
    if (request_.delta && !place_.unfinished()) TRY(place_.save_state());
    auto report = TRY(restore::execute_restore(repository_, plan, execution_, progress_, context().stop));
    if (plan.ending != restore::Ending::before_recovery && place_.state().was_running) {
      progress_.begin_phase("starting", 0, 0);
      TRY(place_.start_server(context().stop));
      report.running = true;
      report.notes.emplace_back(
          "it was started by this program: where a service manager runs it, stop it and start the service");
    }
    remember_duration(wiring_, plan, report);
    report.missing.insert(report.missing.end(), not_put_back_.begin(), not_put_back_.end());
    TRY(place_.forget_state());
    if (!place_.state().moved_to.empty()) {
      report.notes.push_back("the old data directory is " + place_.state().moved_to + ": remove it when all is well");
    }
    report.notes.emplace_back("take a full backup now: the server has begun a new timeline");
    report_.running = report.running;
    report_.moved_to = place_.state().moved_to;
    report_.report = std::move(report);
    return ok();
  }

  /// Killed between the end of the restore and the start of the server.
  Result<void> start_only() {
    if (place_.state().was_running) {
      bool running = TRY(postgres::is_running(place_.data()));
      if (!running) TRY(place_.start_server(context().stop));
    }
    report_.running = place_.state().was_running;
    return place_.forget_state();
  }

  /// Debian keeps it in /etc/postgresql; the server was started with its path.
  bool finds_configuration_elsewhere(const restore::RestorePlan& plan) const {
    const auto& settings = plan.target.backup.server_settings;
    auto found = settings.find("config_file");
    if (found == settings.end() || found->second.starts_with(place_.data() + "/")) return false;
    auto captured = [&](const config::FileSet& set) {
      return std::ranges::any_of(set.paths, [&](const std::string& path) { return found->second.starts_with(path); });
    };
    return exists(found->second) || (plan.restores_files() && std::ranges::any_of(wiring_.config().files, captured));
  }

  Result<std::vector<std::string>> put_back(const restore::RestorePlan& plan) {
    std::vector<std::string> lines;
    if (plan.restores_files() && exists(plan.paths.files)) {
      restore::PutBackSettings settings{
          .staged = plan.paths.files, .kept = place_.kept_files(), .sets = {}, .untouched = {place_.data()}};
      for (const auto& set : wiring_.config().files) settings.sets.push_back({set.name, set.paths});
      for (const auto& [path, what] : wiring_.own_files()) settings.untouched.push_back(path);
      for (const auto& tablespace : plan.tablespaces) settings.untouched.push_back(tablespace.location);
      auto report = TRY(restore::put_back_captured(settings));
      lines.push_back(fmt::format("captured files: {} made anew, {} replaced, {} right already", report.created,
                                  report.replaced, report.identical));
      if (report.replaced > 0) lines.push_back("the replaced ones are kept in " + settings.kept);
      for (const auto& left : report.left) {
        not_put_back_.push_back(fmt::format("{}, which stays in {}: {}", left.path, settings.staged, left.why));
      }
    }
    place_.state().restored = true;
    TRY(place_.save_state());
    return lines;
  }

  Wiring& wiring_;
  const InPlaceRequest& request_;
  restore::RestoreRequest target_;
  repository::Repository& repository_;
  OriginalPlace place_;
  Progress& progress_;
  InPlaceReport report_;
  std::optional<ScratchDirectory> directory_;
  restore::ExecuteSettings execution_;
  RestoreCommand command_;
  bool begun_ = false;                 // the old directory may have been changed
  std::optional<SegmentName> newest_;  // of the server's WAL
  std::set<uint64_t> kept_aside_;      // numbers of its segments that the repository did not take
  std::vector<std::string> not_put_back_;
};

Result<OriginalPlace> look_at_place(const Wiring& wiring, const std::string& data, int major_version) {
  const auto bin_directory =
      TRY(postgres::find_bin_directory(major_version, wiring.config().database.bin_directory.value_or("")));
  return OriginalPlace::look({data, bin_directory}, wiring.context().clock);
}

/// Nothing can be restored now: a server that an earlier attempt has stopped need not wait for it.
Error without_repository(const Wiring& wiring, const std::string& data, Error failed) {
  if (!exists(data + "/" + repository::kInPlaceFile)) return failed;
  auto version = read_text_file(data + "/PG_VERSION", 16);
  if (!version) return failed;
  auto place = look_at_place(wiring, data, std::atoi(version->c_str()));
  return place && place->untouched() ? place->give_up(std::move(failed)) : failed;
}

}  // namespace

Result<InPlaceReport> restore_in_place(Wiring& wiring, const InPlaceRequest& request, Progress& progress) {
  const auto data = TRY(configured_place(wiring));
  auto target = TRY(restore::parse_request(request.selection.words, wiring.config().schedules.timezone));
  auto repository = open_repository_of(wiring, data);
  if (!repository && request.plan_only) return std::move(repository).error();
  if (!repository) return without_repository(wiring, data, std::move(repository).error());
  auto place = TRY(look_at_place(wiring, data, (*repository)->identity().major_version));
  return InPlaceRestore(wiring, request, std::move(target), **repository, std::move(place), progress).run();
}

}  // namespace spendsync::jobs
