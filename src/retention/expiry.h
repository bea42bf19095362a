// Carries a plan out: what says that something is there goes first, its bytes later.
#pragma once

#include <stop_token>

#include "repository/repository.h"
#include "retention/plan.h"

namespace spendsync::retention {

struct ExpiryReport {
  uint64_t backups = 0;              // no longer listed
  uint64_t runs = 0;                 // unfinished ones that can no longer commit
  uint64_t logs = 0;                 // records
  uint64_t segments = 0;             // whole ones
  uint64_t sweeps = 0;               // labels whose packs are gone
  uint64_t objects = 0;              // removed, of every kind
  std::vector<std::string> yielded;  // what became needed meanwhile and stays: one line each
  std::vector<std::string> denied;   // objects that the store would not remove; the first 100
  uint64_t denied_total = 0;
};

/// One thread. A kill at any point leaves a state that the next plan goes on from: a backup first loses new children
/// and pins (`expiring`), then its manifest, whose tombstone is put before; its packs go when `Policy::grace` has
/// passed. An object that the store refuses to remove is reported, and what depends on its absence is left.
class Expiry {
 public:
  Expiry(repository::Repository& repository, std::string host, std::stop_token stop)
      : repository_(repository), host_(std::move(host)), stop_(stop) {}

  /// Errors: those of the store; cancelled. `report()` tells what was done until then.
  Result<void> carry_out(const Plan& plan);
  const ExpiryReport& report() const { return report_; }

 private:
  Result<void> expire_backup(const ExpiredBackup& backup);
  Result<std::optional<std::string>> needed_after_all(const Label& label);
  Result<bool> is_gone(const Label& child);
  Result<void> collect(const CollectedRun& run);
  Result<void> expire_log(const ExpiredLog& log);
  Result<void> expire_wal(const ExpiredWal& wal);
  Result<void> sweep(const Sweep& sweep);
  Result<bool> remove(const storage::ObjectKey& key);
  Result<void> check_stop() const;

  repository::Repository& repository_;
  std::string host_;
  std::stop_token stop_;
  ExpiryReport report_;
};

}  // namespace spendsync::retention
