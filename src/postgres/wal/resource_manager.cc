#include "postgres/wal/resource_manager.h"

#include <array>
#include <string_view>

#include "postgres/wal/record.h"
#include "postgres/wal/transaction_record.h"

namespace spendsync::postgres {

namespace {

constexpr std::array<std::string_view, 22> kNames{"XLOG",     "Transaction",   "Storage",   "CLOG",
                                                  "Database", "Tablespace",    "MultiXact", "RelMap",
                                                  "Standby",  "Heap2",         "Heap",      "Btree",
                                                  "Hash",     "Gin",           "Gist",      "Sequence",
                                                  "SPGist",   "BRIN",          "CommitTs",  "ReplicationOrigin",
                                                  "Generic",  "LogicalMessage"};
constexpr uint8_t kFirstCustom = 128;  // RM_MIN_CUSTOM_ID
constexpr uint8_t kTypeMask = 0xF0;

}  // namespace

std::string resource_manager_name(uint8_t resource_manager) {
  if (resource_manager < kNames.size()) return std::string(kNames[resource_manager]);
  return (resource_manager >= kFirstCustom ? "custom " : "unknown ") + std::to_string(resource_manager);
}

bool completes_something(uint8_t resource_manager, uint8_t info) {
  if (resource_manager == kXlogResource) {
    return (info & kTypeMask) == static_cast<uint8_t>(XlogRecordType::restore_point);
  }
  if (resource_manager != kTransactionResource) return false;
  const uint8_t operation = info & kTransactionOperationMask;
  return operation == kCommit || operation == kCommitPrepared || operation == kPrepare;
}

}  // namespace spendsync::postgres
