#include "base/worker_group.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <exception>
#include <system_error>

namespace spendsync {

Result<void> run_guarded(const std::string& name, const std::function<Result<void>()>& work) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return Error(ErrorKind::internal, "thread " + name + " ended by an exception: " + exception.what());
  } catch (...) {
    return Error(ErrorKind::internal, "thread " + name + " ended by an unknown exception");
  }
}

WorkerGroup::WorkerGroup(std::stop_token outer)
    : outer_token_(outer), outer_(std::move(outer), [this] { source_.request_stop(); }) {}

WorkerGroup::~WorkerGroup() {
  request_stop();
  threads_.clear();
}

void WorkerGroup::spawn(std::string name, std::function<Result<void>(std::stop_token)> work) {
  auto body = [this, name = std::move(name), work = std::move(work)] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    auto result = run_guarded(name, [&] { return work(source_.get_token()); });
    if (!result) fail(std::move(result).error());
  };
  try {
    threads_.emplace_back(std::move(body));
  } catch (const std::system_error& error) {
    fail(Error::from_errno(error.code().value(), "cannot start a thread"));
  }
}

Result<void> WorkerGroup::join() {
  threads_.clear();  // std::jthread joins when it goes
  std::lock_guard lock(mutex_);
  if (first_error_) return *first_error_;
  return {};
}

void WorkerGroup::request_stop() { source_.request_stop(); }

void WorkerGroup::fail(Error error) {
  {
    std::lock_guard lock(mutex_);
    // A worker whose queue was closed by a failing neighbour may report `cancelled` before that neighbour reports the
    // cause. When the group was stopped from outside, the stop is the cause and what breaks afterwards follows from it.
    bool hides_the_cause = first_error_ && first_error_->is(ErrorKind::cancelled) && !error.is(ErrorKind::cancelled) &&
                           !outer_token_.stop_requested();
    if (!first_error_ || hides_the_cause) first_error_ = std::move(error);
  }
  source_.request_stop();
}

unsigned available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace spendsync
