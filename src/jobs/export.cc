#include "jobs/export.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/condition.h"
#include "base/scratch_directory.h"
#include "jobs/new_file.h"
#include "jobs/sandbox.h"
#include "postgres/installation.h"
#include "restore/target_directory.h"
#include "restore/target_surroundings.h"

namespace spendsync::jobs {
namespace {

/// A tar is written beside the copy that it is made of.
Result<void> check_tar_space(const restore::RestorePlan& plan, const std::string& output) {
  const auto slash = output.find_last_of('/');
  const auto place = slash == std::string::npos ? std::string(".") : slash == 0 ? "/" : output.substr(0, slash);
  struct stat there {};
  if (::stat(place.c_str(), &there) != 0) return Error::from_errno(errno, "cannot look at " + place);
  uint64_t needed = plan.write_bytes;
  for (const auto& need : plan.space) {
    struct stat status {};
    if (::stat(need.path.c_str(), &status) == 0 && status.st_dev == there.st_dev) needed += need.needed;
  }
  const uint64_t free = TRY(free_bytes(place));
  if (needed <= free) return ok();
  return Error(ErrorKind::refused, fmt::format("{} has {} free, the copy and its tar need {}", place,
                                               format_bytes(free), format_bytes(needed)))
      .with_condition(Condition::no_space_for_restore)
      .with_hint("choose another --output or --work-directory, or pipe it away with --output -");
}

class StreamExport {
 public:
  StreamExport(Wiring& wiring, const ExportRequest& request, Progress& progress)
      : wiring_(wiring), context_(wiring.context()), request_(request), progress_(progress) {}

  Result<ExportReport> run() {
    const auto begun = context_.clock.monotonic();
    TRY(open_output());
    const SandboxSettings settings{request_.work_directory, is_tar()};
    auto sandbox = TRY(plan_sandbox(wiring_, request_.selection, settings));
    TRY(check_before(sandbox.plan));
    context_.remark(fmt::format("recovering {} to {} in the sandbox {}", sandbox.plan.target.backup.label.text(),
                                restore::describe_target(sandbox.plan.target), sandbox.directory->path()));
    TRY(recover_in(sandbox, wiring_, request_.selection, settings, progress_));
    progress_.begin_phase("writing", 0, 0);
    ExportReport report;
    report.warnings = TRY(write(*sandbox.cluster));
    if (file_) report.bytes = TRY(file_->finish());
    report.restored = sandbox.cluster->report();
    report.bin_directory = sandbox.cluster->bin_directory();
    report.duration = context_.clock.monotonic() - begun;
    return report;
  }

 private:
  bool is_tar() const { return request_.format == ExportRequest::Format::tar; }

  /// Found out before the recovery, not after it.
  Result<void> open_output() {
    if (request_.output.empty() && request_.stream < 0) {
      return Error(ErrorKind::invalid, "an export needs a file or a stream to be written to");
    }
    if (request_.output.empty()) return ok();
    path_ = TRY(absolute_path(request_.output));
    const auto place = TRY(restore::normalize_target(path_));
    TRY(restore::check_surroundings(place, wiring_.store().description()));
    auto file = UnfinishedFile::create(path_);
    if (!file && file.error().is(ErrorKind::denied)) {
      return std::move(file).error().with_hint(
          "the program runs as the owner of the data directory: choose a place "
          "where that user may write, or pipe it with --output -");
    }
    auto opened = TRY(std::move(file));
    file_.emplace(std::move(opened));
    return ok();
  }

  Result<void> check_before(const restore::RestorePlan& plan) const {
    if (is_tar()) return file_ ? check_tar_space(plan, path_) : ok();
    const int major = plan.target.backup.major_version;
    auto bin = TRY(postgres::find_bin_directory(major, wiring_.config().database.bin_directory.value_or("")));
    return restore::check_dump_program(bin, major, request_.dump);
  }

  Result<std::vector<std::string>> write(restore::RecoveredCluster& cluster) {
    const int output = file_ ? file_->descriptor() : request_.stream;
    if (is_tar()) return restore::write_tar(cluster, output, context_.stop);
    TRY(cluster.start(known_roles(wiring_), context_.stop));
    return restore::write_dump(cluster, request_.dump, output, context_.stop);
  }

  Wiring& wiring_;
  const Context& context_;
  const ExportRequest& request_;
  Progress& progress_;
  std::string path_;
  std::optional<UnfinishedFile> file_;
};

}  // namespace

Result<restore::RestoreReport> export_directory(Wiring& wiring, const ExportRequest& request, Progress& progress) {
  auto words = request.selection.words;
  words.database_only = true;
  const auto parsed = TRY(restore::parse_request(words, wiring.config().schedules.timezone));
  auto prepare = prepare_settings(wiring);
  prepare.target = TRY(absolute_path(request.output));
  const auto chosen = TRY(choose_restore(wiring, request.selection, parsed, prepare));
  auto directory = TRY(ScratchDirectory::create("/tmp", "ssb-restore-"));
  const auto command = TRY(provide_restore_command(wiring, directory.path(), words.no_start));
  const auto settings = TRY(execute_settings(wiring, request.selection, command));
  return restore::execute_restore(*chosen.repository, chosen.plan, settings, progress, wiring.context().stop);
}

Result<ExportReport> export_stream(Wiring& wiring, const ExportRequest& request, Progress& progress) {
  return StreamExport(wiring, request, progress).run();
}

}  // namespace spendsync::jobs
