// The settings that a server writes into WAL when it starts with others than before (XLOG_PARAMETER_CHANGE).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace spendsync::postgres {

/// The settings that replay needs to be at least as large as on the server that wrote the WAL, in the order of
/// xl_parameter_change (access/xlog_internal.h, the same in versions 13 to 18).
inline constexpr std::array<std::string_view, 5> kReplayLimitNames{"max_connections", "max_worker_processes",
                                                                   "max_wal_senders", "max_prepared_transactions",
                                                                   "max_locks_per_transaction"};

/// Their values, in the order of kReplayLimitNames.
using ReplayLimitValues = std::array<int32_t, kReplayLimitNames.size()>;

/// From the record's main data. Empty when it is too short, or holds what no server can be set to.
std::optional<ReplayLimitValues> read_parameter_change(ByteView main_data);

}  // namespace spendsync::postgres
