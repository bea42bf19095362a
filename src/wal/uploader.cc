#include "wal/uploader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "postgres/wal/segment_check.h"
#include "postgres/wal/segment_tail.h"

namespace spendsync::wal {

namespace {

size_t buffer_count(const WalUploader::Settings& settings) {
  return std::clamp<size_t>(settings.buffer_bytes / settings.segment_size, 1, 16);
}

}  // namespace

Result<repository::WalSegmentSummary> summarize_segment(postgres::CommitScanner& scanner, SegmentName name,
                                                        ByteView content, uint32_t segment_size,
                                                        postgres::ChangeMapper* mapper) {
  repository::WalSegmentSummary summary;
  uint64_t records_before = scanner.records();
  auto note_commit = [&](const postgres::WalEvent& event) -> Result<void> {
    if (event.kind != postgres::WalEvent::Kind::commit) return {};
    summary.add({event.time, event.end});
    return {};
  };
  if (mapper != nullptr) {
    mapper->begin(name, content, scanner.reader().next_record());
    TRY(scanner.feed(name, content, note_commit, [&](const postgres::WalRecord& record) -> Result<void> {
      mapper->add(record);
      return {};
    }));
  } else {
    TRY(scanner.feed(name, content, note_commit));
  }
  if (scanner.reader().at_end()) {
    return Error(ErrorKind::corrupt, fmt::format("WAL segment {} is damaged {}", name.file_name(segment_size),
                                                 scanner.reader().end_reason()))
        .with_hint(
            "the server's own WAL cannot be replayed past this place: check its disk, and take a new full backup");
  }
  summary.records = scanner.records() - records_before;
  summary.edges = scanner.reader().edges();
  if (mapper != nullptr) summary.change_map = mapper->finish(scanner.reader().next_record());
  return summary;
}

WalUploader::WalUploader(Settings settings, repository::WalArchive& archive, Progress& progress, std::stop_token stop)
    : settings_(settings),
      archive_(archive),
      progress_(progress),
      scanner_({settings.segment_size, settings.major_version}),
      mapper_({settings.segment_size, settings.major_version}),
      jobs_(buffer_count(settings)),
      free_buffers_(buffer_count(settings)),
      workers_(stop) {
  for (size_t i = 0; i < buffer_count(settings); ++i) CHECK(free_buffers_.push({}, {}).has_value());
  for (unsigned i = 0; i < std::max(1u, settings.workers); ++i) {
    workers_.spawn("wal-upload", [this](std::stop_token token) { return work(token); });
  }
}

WalUploader::~WalUploader() {
  jobs_.close();
  free_buffers_.close();
  workers_.request_stop();
}

Result<void> WalUploader::add(SegmentName name, ByteView content) {
  TRY(failure());
  postgres::SegmentExpectation expected{name, settings_.segment_size, settings_.system_identifier,
                                        settings_.major_version};
  TRY(postgres::check_segment(content, expected));
  Job job;
  job.name = name;
  job.summary = TRY(
      summarize_segment(scanner_, name, content, settings_.segment_size, settings_.change_maps ? &mapper_ : nullptr));
  if (std::exchange(is_first_, false)) TRY(expect_to_follow_stored(name, job.summary.edges));
  // The group's token: a worker that ended in any way, by an exception too, gives back no buffer.
  auto buffer = free_buffers_.pop(workers_.stop_token());
  if (!buffer) return why_stopped();
  if (!*buffer) return why_stopped();
  job.content = **std::move(buffer);
  job.content.assign(content.begin(), content.end());
  {
    std::lock_guard lock(mutex_);
    job.ticket = first_ticket_ + pending_.size();
    pending_.push_back({name.end(settings_.segment_size), false});
  }
  auto pushed = jobs_.push(std::move(job), workers_.stop_token());
  return pushed ? pushed : why_stopped();
}

/// The scanner proves that all later ones follow each other.
Result<void> WalUploader::expect_to_follow_stored(SegmentName name, SegmentEdges& edges) {
  if (settings_.before_first && !settings_.wal_directory.empty() && edges.first_previous) {
    edges.previous_tail = postgres::read_segment_tail(
        {.path = settings_.wal_directory + "/" + settings_.before_first->file_name(settings_.segment_size),
         .name = *settings_.before_first,
         .segment_size = settings_.segment_size,
         .system_identifier = settings_.system_identifier,
         .last_record = *edges.first_previous});
  }
  return archive_.expect_to_follow(name, edges);
}

Error WalUploader::why_stopped() {
  std::lock_guard lock(mutex_);
  return failure_ ? *failure_ : Error(ErrorKind::cancelled, "stopped");
}

Result<void> WalUploader::work(std::stop_token stop) {
  while (true) {
    std::optional<Job> job = TRY(jobs_.pop(stop));
    if (!job) return {};
    auto stored = run_guarded("wal-upload", [&]() -> Result<void> {
      TRY(archive_.put_segment(job->name, job->content, job->summary));
      return {};
    });
    if (!stored) {
      Error error = std::move(stored).error().with_context(
          fmt::format("storing WAL segment {}", job->name.file_name(settings_.segment_size)));
      note_failure(error);
      return error;
    }
    note_stored(*job);
    progress_.add_bytes(job->content.size());
    progress_.add_items(1);
    TRY(free_buffers_.push(std::move(job->content), stop));
  }
}

void WalUploader::note_stored(const Job& job) {
  std::lock_guard lock(mutex_);
  ++stats_.segments;
  stats_.bytes += job.content.size();
  pending_[static_cast<size_t>(job.ticket - first_ticket_)].stored = true;
  while (!pending_.empty() && pending_.front().stored) {
    durable_ = pending_.front().end;
    pending_.pop_front();
    ++first_ticket_;
  }
}

void WalUploader::note_failure(const Error& error) {
  {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
  }
  free_buffers_.close();  // wakes the receiving thread
}

Result<void> WalUploader::failure() {
  std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  return {};
}

Result<Lsn> WalUploader::durable_until() {
  std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  return durable_;
}

Result<WalUploader::Stats> WalUploader::finish() {
  jobs_.close();
  TRY(workers_.join());
  TRY(failure());
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace spendsync::wal
