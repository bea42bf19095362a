#include "repository/pack_sink.h"

#include <algorithm>

namespace spendsync::repository {

PackSink::PackSink(Repository& repository, Settings settings, std::shared_ptr<const PageHasher> hasher,
                   std::stop_token stop)
    : repository_(repository),
      settings_(std::move(settings)),
      hasher_(std::move(hasher)),
      queue_(std::max<size_t>(settings_.waiting_max, 1)),
      finishers_(stop) {
  for (unsigned i = 0; i < std::max(settings_.finishers, 1u); ++i) {
    finishers_.spawn("pack-finish", [this](std::stop_token token) { return finish_packs(token); });
  }
}

PackSink::~PackSink() { abandon(); }

Result<void> PackSink::hand_over(ClosedPack pack) {
  auto pushed = queue_.push(std::move(pack), finishers_.stop_token());
  if (pushed) return ok();
  std::lock_guard lock(mutex_);
  if (failure_) return *failure_;  // the cause, not its echo
  return std::move(pushed).error();
}

void PackSink::writer_closed(bool whole) {
  if (!whole) lost_frames_ = true;
  --open_writers_;
}

Result<void> PackSink::finish_packs(std::stop_token stop) {
  while (true) {
    auto pack = TRY(queue_.pop(stop));
    if (!pack) return ok();
    auto finished = run_guarded("pack-finish", [&] { return finish_one(*std::move(pack)); });
    if (finished) continue;
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = finished.error();
    return finished;
  }
}

Result<void> PackSink::finish_one(ClosedPack pack) {
  TRY_CONTEXT(pack.upload->finish(), "writing pack " + pack.record.name.to_string());
  packs_finished_.fetch_add(1, std::memory_order_relaxed);
  stored_bytes_.fetch_add(pack.record.size, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  records_.push_back(std::move(pack.record));
  return ok();
}

Result<void> PackSink::finish() {
  queue_.close();
  joined_ = true;
  TRY(finishers_.join());
  if (open_writers_ != 0 || lost_frames_) {
    return Error(ErrorKind::internal, "a frame writer was not finished before the backup was committed");
  }
  return ok();
}

void PackSink::abandon() {
  if (joined_) return;
  joined_ = true;
  finishers_.request_stop();
  queue_.close();
  auto joined = finishers_.join();
  if (!joined) repository_.log().debug("an abandoned run ended with an error", {{"why", joined.error().message()}});
}

std::vector<PackRecord> PackSink::take_records() {
  std::lock_guard lock(mutex_);
  std::sort(records_.begin(), records_.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return std::move(records_);
}

}  // namespace spendsync::repository
