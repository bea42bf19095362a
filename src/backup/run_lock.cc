#include "backup/run_lock.h"

#include <fmt/format.h>

#include "base/crc32c.h"

namespace spendsync::backup {
namespace {

constexpr int32_t kLockClass = 0x55b5;  // ours among the advisory locks of that database

std::string text_of(int32_t number) { return std::to_string(number); }

}  // namespace

RunLock::RunLock(Settings settings, postgres::Connection& connection, std::stop_token stop)
    : settings_(std::move(settings)), connection_(connection), stop_(std::move(stop)) {}

Result<void> RunLock::enter() {
  bool entered = TRY(lock(static_cast<int32_t>(crc32c(0, as_bytes(settings_.cluster))), settings_.turn_wait));
  if (!entered) {
    return Error(ErrorKind::conflict, "another run of this cluster is being started and does not get on")
        .with_hint("see pg_stat_activity for application_name spendsync-backup, and run it again");
  }
  return {};
}

Result<void> RunLock::leave() { return unlock(static_cast<int32_t>(crc32c(0, as_bytes(settings_.cluster)))); }

Result<bool> RunLock::try_hold(const repository::Label& label) { return lock(number_of(label), settings_.wait); }

Result<void> RunLock::hold(const repository::Label& label) {
  bool held = TRY(lock(number_of(label), settings_.wait));
  if (held) return {};
  return Error(ErrorKind::conflict, "another session holds the lock of " + label.text());
}

Result<void> RunLock::release(const repository::Label& label) { return unlock(number_of(label)); }

int32_t RunLock::number_of(const repository::Label& label) const {
  return static_cast<int32_t>(crc32c(0, as_bytes(settings_.cluster + "/" + label.text())));
}

/// The server waits, so that the lock of a session that is just being ended is still got.
Result<bool> RunLock::lock(int32_t number, std::chrono::milliseconds wait) {
  TRY(connection_.query("SELECT set_config('lock_timeout', $1, false)", {fmt::format("{}ms", wait.count())}, stop_));
  auto locked =
      connection_.query("SELECT pg_advisory_lock($1::int, $2::int)", {text_of(kLockClass), text_of(number)}, stop_);
  TRY(connection_.query("SELECT set_config('lock_timeout', '0', false)", {}, stop_));
  if (locked) return true;
  if (postgres::has_sqlstate(locked.error(), "55P03")) return false;  // lock_not_available
  return std::move(locked).error();
}

Result<void> RunLock::unlock(int32_t number) {
  TRY(connection_.query("SELECT pg_advisory_unlock($1::int, $2::int)", {text_of(kLockClass), text_of(number)}, stop_));
  return {};
}

namespace {

/// Whether the lock of a live run would be seen here. What cannot be read is left to who opens it.
bool is_decidable(repository::Repository& repository, const RunLock& lock, const repository::Label& label, Log& log) {
  const auto start = repository::read_run_start(repository, label);
  if (!start || start->lock == lock.domain()) return true;
  log.info(fmt::format("{} is not taken up again: whether it lives can be told only from {}", label.text(),
                       start->lock ? start->lock->to_string() : "the host " + start->host));
  return false;
}

}  // namespace

Result<std::optional<repository::InterruptedRun>> take_interrupted_run(repository::Repository& repository,
                                                                       RunLock& lock, std::chrono::seconds age_max,
                                                                       Log& log, std::stop_token stop) {
  auto labels = TRY(repository::find_interrupted(repository, BackupType::full, age_max, stop));
  for (const auto& label : labels) {
    if (!is_decidable(repository, lock, label, log)) continue;
    bool held = TRY(lock.try_hold(label));
    if (!held) continue;
    auto run = repository::InterruptedRun::open(repository, label, stop);
    if (run && run->packs() > 0) return std::optional(*std::move(run));
    TRY(lock.release(label));
    if (run) continue;
    const auto& error = run.error();
    if (error.is(ErrorKind::cancelled) || error.is(ErrorKind::transient)) return std::move(run).error();
    if (error.is(ErrorKind::refused)) {
      log.warning(fmt::format("{} is not taken up again, a new backup begins: {}", label.text(), error.message()));
      continue;
    }
    log.info(fmt::format("{} cannot be taken up again", label.text()), {{"why", error.message()}});
  }
  return std::optional<repository::InterruptedRun>();
}

}  // namespace spendsync::backup
