// One WAL record and what is in it (access/xlogrecord.h, versions 13 to 18).
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

/// XLogRecord: 24 bytes, the last four of them the CRC-32C of everything else.
inline constexpr size_t kRecordHeaderSize = 24;

/// XLR_BLOCK_ID_*: what stands between the header and the data. Smaller ids (up to 32) begin a block reference.
inline constexpr uint8_t kMaxBlockId = 32;
inline constexpr uint8_t kTopTransactionId = 252;  // 14+
inline constexpr uint8_t kOriginId = 253;
inline constexpr uint8_t kLongDataId = 254;
inline constexpr uint8_t kShortDataId = 255;

/// Resource managers whose records we look into (access/rmgrlist.h; numbers never change).
inline constexpr uint8_t kXlogResource = 0;
inline constexpr uint8_t kTransactionResource = 1;
inline constexpr uint8_t kStorageResource = 2;
inline constexpr uint8_t kDatabaseResource = 4;
inline constexpr uint8_t kTablespaceResource = 5;

/// XLOG_* of catalog/pg_control.h, in the high half of xl_info.
enum class XlogRecordType : uint8_t {
  checkpoint_shutdown = 0x00,
  checkpoint_online = 0x10,
  switch_segment = 0x40,
  parameter_change = 0x60,
  restore_point = 0x70,
  end_of_recovery = 0x90,
  overwrite_continuation = 0xD0,
  checkpoint_redo = 0xE0,  // 17+
};

/// A whole record as it stands in WAL, page headers taken out. `bytes` belongs to the reader.
struct WalRecord {
  Lsn start;
  Lsn end;  // where the next record may begin (8-byte aligned); for a WAL switch the end of the segment
  Lsn previous;
  uint32_t transaction = 0;
  uint8_t resource_manager = 0;
  uint8_t info = 0;
  uint64_t size = 0;  // xl_tot_len
  ByteView bytes;     // header included; only the beginning when is_cut
  bool is_cut = false;

  /// The type within the resource manager: xl_info without its low, internal half.
  uint8_t type() const { return info & 0xF0; }
  bool is(XlogRecordType xlog_type) const {
    return resource_manager == kXlogResource && type() == static_cast<uint8_t>(xlog_type);
  }
};

/// A page that a record changes.
struct WalBlockReference {
  uint8_t id = 0;
  uint8_t fork = 0;  // 0 main, 1 fsm, 2 vm, 3 init
  uint32_t tablespace = 0;
  uint32_t database = 0;
  uint32_t relation = 0;  // relfilenumber
  BlockNumber block;
  bool has_image = false;
  bool applies_image = false;
  bool will_initialize = false;
  ByteView data;
};

/// What a record holds. Views into its bytes.
struct WalRecordContents {
  std::vector<WalBlockReference> blocks;
  std::optional<uint32_t> top_transaction;  // 14+, where the record is the first of a subtransaction
  std::optional<uint16_t> replication_origin;
  ByteView main_data;
};

/// Takes a record apart, into `contents` (whose memory is reused). Never reads outside it.
/// Errors: corrupt, naming the record; unsupported when the record is cut.
Result<void> decode_record(const WalRecord& record, int major_version, WalRecordContents& contents);

}  // namespace spendsync::postgres
