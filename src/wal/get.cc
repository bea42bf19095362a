#include "wal/get.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/timeline_history.h"
#include "repository/catalog.h"
#include "repository/wal_archive.h"
#include "wal/failure.h"
#include "wal/window.h"

namespace spendsync::wal {

namespace {

constexpr std::chrono::milliseconds kWindowPoll(5);

/// One call. Results: true delivered, false absent.
class Delivery {
 public:
  Delivery(const WalGetRequest& request, const OpenRepository& open_repository, const Clock& clock,
           std::stop_token stop)
      : request_(request), open_repository_(open_repository), clock_(clock), stop_(std::move(stop)) {}

  Result<bool> run() {
    if (request_.plan) plan_ = TRY(read_wal_plan(in_working_directory(*request_.plan)));
    switch (classify_wal_file(request_.file_name)) {
      case WalFileKind::segment:
        return segment();
      case WalFileKind::history:
        return history();
      case WalFileKind::partial:
      case WalFileKind::backup_history:
        return other_file();
      case WalFileKind::unknown:
        break;
    }
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no name of a WAL file", request_.file_name));
  }

 private:
  std::string in_working_directory(const std::string& path) const {
    return path.starts_with('/') ? path : request_.working_directory + "/" + path;
  }
  std::string target() const { return in_working_directory(request_.path); }

  // ---- segments

  Result<bool> segment() {
    if (!plan_) return segment_of_repository();
    bool aside = TRY(take_from_aside());
    if (aside) return true;
    auto name = SegmentName::parse(request_.file_name, plan_->segment_size);
    if (!name || !plan_->contains(*name)) return false;
    bool last_of_backup = plan_->in_backup && plan_->in_backup->last.number == name->number;
    if (is_in_backup(*name) && !last_of_backup) return false;  // the server reads it from pg_wal
    TRY(drop_passed(*name));
    bool taken = TRY(take_from_window());
    if (taken) return true;
    auto delivered = fetch(*name);
    // The segment in which the backup ended may be longer in the repository than in the backup: asked for first.
    if (!delivered && delivered.error().is(ErrorKind::not_found) && is_in_backup(*name)) return false;
    return delivered;
  }

  /// The backup brought it along, and it is there.
  bool is_in_backup(SegmentName name) const {
    if (!plan_->in_backup || !plan_->in_backup->contains(name)) return false;
    struct stat status {};
    auto path = in_working_directory("pg_wal/" + request_.file_name);
    bool whole = ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
                 static_cast<uint64_t>(status.st_size) == plan_->segment_size;
    return whole && holds_what_it_names(path, name);
  }

  /// Where the backup brought a file that the server had taken for later WAL, the repository has the segment.
  bool holds_what_it_names(const std::string& path, SegmentName name) const {
    constexpr size_t kHeaderBytes = 64;  // a long page header has 40
    auto file = open_file(path, O_RDONLY | O_NOFOLLOW);
    if (!file) return false;
    Bytes bytes(kHeaderBytes);
    auto size = read_at(*file, 0, bytes, path);
    if (!size) return false;
    auto header = postgres::read_segment_header(ByteView(bytes).first(*size));
    return header && header->address == name.start(plan_->segment_size);
  }

  Result<bool> fetch(SegmentName name) {
    auto* repository = TRY(open_repository_());
    if (repository->identity().system_identifier != plan_->system_identifier) {
      return Error(ErrorKind::refused, "the repository is another cluster's than the plan");
    }
    repository::WalArchive archive(*repository, {});
    auto content = archive.get_segment(name);
    if (!content && content.error().is(ErrorKind::not_found) && is_partial(name)) {
      content = archive.get_file(request_.file_name + ".partial");
      if (content) content->resize(plan_->segment_size);  // the server takes no other size
    }
    if (!content) return std::move(content).error();
    TRY(write(*content));
    return true;
  }

  bool is_partial(SegmentName name) const { return plan_->partial && plan_->partial->contains(name); }

  /// WAL of the broken server that the repository could not take: beyond what the plan knows of.
  Result<bool> take_from_aside() {
    if (plan_->aside.empty()) return false;
    auto content = read_file(plan_->aside + "/" + request_.file_name, plan_->segment_size);
    if (!content && content.error().is(ErrorKind::not_found)) return false;
    if (!content) return std::move(content).error();
    if (classify_wal_file(request_.file_name) == WalFileKind::segment) content->resize(plan_->segment_size);
    TRY(write(*content));
    return true;
  }

  Result<bool> segment_of_repository() {
    auto* repository = TRY(open_repository_());
    uint32_t segment_size = repository->identity().wal_segment_size;
    auto name = TRY(SegmentName::parse(request_.file_name, segment_size));
    repository::WalArchive archive(*repository, {});
    auto content = archive.get_segment(name);
    if (content) {
      TRY(write(*content));
      return true;
    }
    if (!content.error().is(ErrorKind::not_found)) return std::move(content).error();
    auto known_end = TRY(stated_end(*repository, archive, name));
    if (known_end) {
      return Error(ErrorKind::corrupt, fmt::format("segment {} is missing: {}", request_.file_name, *known_end))
          .with_hint("`verify` shows what is missing; recovery does not go past it");
    }
    return parts_of(archive, name);
  }

  /// The beginning of a segment that is still being streamed; its end is zeros, which recovery takes as the end of WAL.
  Result<bool> parts_of(repository::WalArchive& archive, SegmentName name) {
    auto begun = TRY(archive.assemble_parts(name));
    if (begun.empty()) return false;
    auto* repository = TRY(open_repository_());
    begun.resize(repository->identity().wal_segment_size);
    TRY(write(begun));
    return true;
  }

  /// Why the segment must exist although it was not found; empty when nothing says so.
  Result<std::optional<std::string>> stated_end(repository::Repository& repository, repository::WalArchive& archive,
                                                SegmentName name) {
    uint32_t segment_size = repository.identity().wal_segment_size;
    auto ranges = TRY(archive.segments(name.timeline));
    if (!ranges.empty() && ranges.back().last.number > name.number) {
      return std::optional(fmt::format("later segments of its timeline are there, up to {}",
                                       ranges.back().last.file_name(segment_size)));
    }
    Lsn begin = name.start(segment_size);
    auto histories = TRY(archive.histories());
    for (TimelineId timeline : histories) {
      auto text = TRY(archive.get_history(timeline));
      auto history = TRY(postgres::parse_timeline_history(timeline, text));
      for (const auto& entry : history.entries) {
        if (entry.timeline == name.timeline && entry.end && *entry.end >= name.end(segment_size)) {
          return std::optional(
              fmt::format("timeline {} forked off after it, at {}", timeline.value, entry.end->to_string()));
        }
      }
    }
    auto catalog = TRY(repository::Catalog::load(repository, stop_));
    for (const auto& entry : catalog.logs()) {
      if (!entry.record) return entry.record.error();
      for (const auto& range : entry.record->ranges) {
        if (range.timeline == name.timeline && range.to > begin) {
          return std::optional(fmt::format("{} covers WAL up to {}", entry.label.text(), range.to.to_string()));
        }
      }
    }
    for (const auto& entry : catalog.backups()) {
      if (!entry.summary) return entry.summary.error();
      if (entry.summary->stop.timeline == name.timeline && entry.summary->stop.lsn > begin) {
        return std::optional(fmt::format("{} ended at {}", entry.label.text(), entry.summary->stop.lsn.to_string()));
      }
    }
    return std::optional<std::string>();
  }

  // ---- the window

  std::string in_window(const std::string& name) const { return plan_->window + "/" + name; }

  /// Segments that recovery has passed are of no use any more; without them the window has room.
  Result<void> drop_passed(SegmentName name) {
    if (plan_->window.empty() || !exists(plan_->window)) return {};
    auto names = TRY(list_directory(plan_->window));
    for (const auto& other : names) {
      auto segment = SegmentName::parse(other, plan_->segment_size);
      if (segment && segment->number < name.number) ::unlink(in_window(other).c_str());
    }
    return {};
  }

  /// False: not there, and nobody is fetching it.
  Result<bool> take_from_window() {
    if (plan_->window.empty()) return false;
    auto whole = in_window(request_.file_name);
    auto unfinished = in_window(unfinished_segment(request_.file_name));
    auto deadline = clock_.monotonic() + request_.window_timeout;
    while (!exists(whole)) {
      // Looked at in this order, a segment that is completed in between is seen by the second look.
      if (!exists(unfinished)) return exists(whole) ? move_from_window(whole) : Result<bool>(false);
      if (clock_.monotonic() > deadline) return false;
      TRY(clock_.sleep_for(kWindowPoll, stop_));
    }
    return move_from_window(whole);
  }

  Result<bool> move_from_window(const std::string& whole) {
    struct stat status {};
    if (::lstat(whole.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
        static_cast<uint64_t>(status.st_size) != plan_->segment_size) {
      ::unlink(whole.c_str());
      return false;
    }
    if (::rename(whole.c_str(), target().c_str()) == 0) return true;
    if (errno != EXDEV) return Error::from_errno(errno, fmt::format("cannot move {} to {}", whole, target()));
    auto content = TRY(read_file(whole, plan_->segment_size));
    ::unlink(whole.c_str());
    TRY(write(content));
    return true;
  }

  // ---- history and other files

  Result<bool> history() {
    auto digits = request_.file_name.substr(0, 8);
    TimelineId timeline{static_cast<uint32_t>(std::stoul(digits, nullptr, 16))};
    if (plan_) {
      bool aside = TRY(take_from_aside());
      if (aside) return true;
      if (!plan_->has_history(timeline)) return false;
    }
    auto* repository = TRY(open_repository_());
    repository::WalArchive archive(*repository, {});
    auto content = archive.get_history(timeline);
    if (content) {
      TRY(write(as_bytes(*content)));
      return true;
    }
    if (plan_ || !content.error().is(ErrorKind::not_found)) return std::move(content).error();
    auto ranges = TRY(archive.segments(timeline));
    if (timeline.value > 1 && !ranges.empty()) {
      return Error(ErrorKind::corrupt, fmt::format("{} is missing: the timeline's WAL is there", request_.file_name))
          .with_hint("`verify` shows what is missing");
    }
    return false;
  }

  Result<bool> other_file() {
    if (plan_) return false;
    auto* repository = TRY(open_repository_());
    repository::WalArchive archive(*repository, {});
    auto content = archive.get_file(request_.file_name);
    if (!content && content.error().is(ErrorKind::not_found)) return false;
    if (!content) return std::move(content).error();
    TRY(write(*content));
    return true;
  }

  /// Under another name first: the server never sees a part. It is not synced, since the server reads it again after a
  /// crash only when it asks again.
  Result<void> write(ByteView content) {
    auto path = target();
    auto temporary = path + ".spendsync";
    Fd file = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    auto written = write_all(file, content, temporary);
    if (written) written = file.close();
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
      written = Error::from_errno(errno, fmt::format("cannot rename {} to {}", temporary, path));
    }
    if (!written) ::unlink(temporary.c_str());
    return written;
  }

  const WalGetRequest& request_;
  const OpenRepository& open_repository_;
  const Clock& clock_;
  std::stop_token stop_;
  std::optional<WalPlan> plan_;
};

/// The restore that runs the server shows it as its own error.
void note_failure(const WalGetRequest& request, const Error& error) {
  auto path = request.plan->starts_with('/') ? *request.plan : request.working_directory + "/" + *request.plan;
  auto plan = read_wal_plan(path);
  if (plan) note_wal_failure(plan->window, Error(error).with_context("WAL file " + request.file_name));
}

}  // namespace

int wal_get_failure_code(const std::string& working_directory) {
  return exists(working_directory + "/standby.signal") ? kWalAbsent : kWalFailed;
}

WalGetOutcome wal_get(const WalGetRequest& request, const OpenRepository& open_repository, const Clock& clock,
                      std::stop_token stop) {
  auto delivered = Delivery(request, open_repository, clock, std::move(stop)).run();
  if (!delivered) {
    if (request.plan) note_failure(request, delivered.error());
    return {wal_get_failure_code(request.working_directory),
            fmt::format("wal get {}: {}", request.file_name, delivered.error().message()), delivered.error().hint()};
  }
  if (*delivered) return {kWalDelivered, "", ""};
  return {kWalAbsent, fmt::format("wal get {}: there is no such file", request.file_name), ""};
}

}  // namespace spendsync::wal
