// Which runs of a cluster live: advisory locks of the server, which end with the session that took them.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "postgres/connection.h"
#include "repository/interrupted_run.h"

namespace spendsync::backup {

/// A run holds the lock of its label from the moment at which the label is its own to the end of its session, however
/// that ends. Advisory locks are of one server and one database (PostgreSQL manual, 13.3.5): a standby takes them too
/// (lmgr/lock.c: recovery refuses only strong locks of relations and objects), but does not see its primary's. So a run
/// writes down where its lock is, and is taken up from there alone.
/// One thread at a time.
class RunLock {
 public:
  struct Settings {
    std::string cluster;
    repository::LockDomain domain;                // of the connection
    std::chrono::milliseconds wait{3000};         // for a lock whose holder may just have gone
    std::chrono::milliseconds turn_wait{60'000};  // while another run reads what an interrupted one has sent
  };
  /// `connection` outlives every lock: closing it releases them.
  RunLock(Settings settings, postgres::Connection& connection, std::stop_token stop);

  /// Keeps others from choosing a run until leave(). Errors: conflict when another run has been choosing for long.
  Result<void> enter();
  Result<void> leave();

  /// Takes the lock of a label. False: a live run holds it. Errors: those of the session.
  Result<bool> try_hold(const repository::Label& label);
  /// The same where nobody else can hold it. Errors: conflict.
  Result<void> hold(const repository::Label& label);
  Result<void> release(const repository::Label& label);
  const repository::LockDomain& domain() const { return settings_.domain; }

 private:
  Result<bool> lock(int32_t number, std::chrono::milliseconds wait);
  Result<void> unlock(int32_t number);
  int32_t number_of(const repository::Label& label) const;
  Settings settings_;
  postgres::Connection& connection_;
  std::stop_token stop_;
};

/// The newest unfinished full of this lock's domain that no live run works on and that has sent something, its lock
/// held. What cannot be read, or may live elsewhere, is passed over and logged. Errors: those of the session; of the
/// store unless they concern that run alone.
Result<std::optional<repository::InterruptedRun>> take_interrupted_run(repository::Repository& repository,
                                                                       RunLock& lock, std::chrono::seconds age_max,
                                                                       Log& log, std::stop_token stop);

}  // namespace spendsync::backup
