// A transaction-log backup, as the configuration says.
#pragma once

#include "backup/transaction_logs.h"
#include "jobs/wiring.h"

namespace spendsync::jobs {

struct TransactionLogRequest {
  std::optional<uint64_t> throttle{};  // bytes a second, 0 without a limit; empty: storage.upload_limit
  std::optional<unsigned> workers{};   // empty: `workers` of the configuration, else one a core
};

/// Needs a wiring that writes. Limits its rates. Errors: those of the connection and of backup/transaction_logs.h.
Result<backup::TransactionLogBackup::Outcome> back_up_transaction_logs(Wiring& wiring,
                                                                       const TransactionLogRequest& request,
                                                                       Progress& progress);

}  // namespace spendsync::jobs
