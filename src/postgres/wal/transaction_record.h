// How commit, abort and prepare records are laid out (access/xact.h, versions 13 to 18).
#pragma once

#include <cstdint>
#include <optional>

#include "postgres/wal/page_header.h"

namespace spendsync::postgres {

/// XLOG_XACT_*, in the bits of XLOG_XACT_OPMASK, and the flag that xinfo follows the time.
inline constexpr uint8_t kTransactionOperationMask = 0x70;
inline constexpr uint8_t kCommit = 0x00;
inline constexpr uint8_t kPrepare = 0x10;
inline constexpr uint8_t kAbort = 0x20;
inline constexpr uint8_t kCommitPrepared = 0x30;
inline constexpr uint8_t kAbortPrepared = 0x40;
inline constexpr uint8_t kHasInfo = 0x80;

/// In a prepare record (xl_xact_prepare): bytes before the transaction's id, and between that id and prepared_at.
inline constexpr size_t kPrepareBeforeTransaction = 8;
inline constexpr size_t kPrepareBeforeTime = 4;

/// XACT_XINFO_*: which parts follow xinfo, in this order (dropped statistics come before invalidations).
inline constexpr uint32_t kHasDatabase = 1u << 0;
inline constexpr uint32_t kHasSubtransactions = 1u << 1;
inline constexpr uint32_t kHasRelations = 1u << 2;
inline constexpr uint32_t kHasInvalidations = 1u << 3;
inline constexpr uint32_t kHasTwoPhase = 1u << 4;
inline constexpr uint32_t kHasDroppedStatistics = 1u << 8;  // 15+

/// Bytes of the parts, of one element where they are arrays.
inline constexpr size_t kDatabaseSize = 8;
inline constexpr size_t kSubtransactionSize = 4;
inline constexpr size_t kRelationSize = 12;

/// Reads fields of a record's data one after the other; stays at the end once one was missing.
class RecordFields {
 public:
  explicit RecordFields(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  std::optional<T> take() {
    if (bytes_.size() < sizeof(T)) return std::nullopt;
    T value = load<T>(bytes_, 0);
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  bool skip(uint64_t size) {
    if (bytes_.size() < size) return false;
    bytes_ = bytes_.subspan(static_cast<size_t>(size));
    return true;
  }
  /// A count and that many elements.
  bool skip_array(size_t element_size) {
    auto count = take<uint32_t>();
    return count && skip(uint64_t{*count} * element_size);
  }
  ByteView rest() const { return bytes_; }

 private:
  ByteView bytes_;
};

}  // namespace spendsync::postgres
