#include "postgres/control_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/crc32c.h"
#include "base/file.h"

namespace spendsync::postgres {
namespace {

// Offsets of struct ControlFileData on 64-bit platforms. 1300, 1700 and 1800 differ only at the end: 18 puts
// default_char_signedness before the 32 bytes of the authentication nonce, which moves the CRC.
constexpr size_t kSystemIdentifier = 0;
constexpr size_t kControlVersion = 8;
constexpr size_t kCatalogVersion = 12;
constexpr size_t kState = 16;
constexpr size_t kCheckpoint = 32;
constexpr size_t kRedo = 40;  // checkPointCopy begins here
constexpr size_t kTimeline = 48;
constexpr size_t kFullPageWrites = 56;
constexpr size_t kCheckpointTime = 104;
constexpr size_t kMinimumRecoveryPoint = 136;
constexpr size_t kMinimumRecoveryTimeline = 144;
constexpr size_t kBackupEndPoint = 160;
constexpr size_t kBackupEndRequired = 168;
constexpr size_t kWalLevel = 172;
constexpr size_t kMaxConnections = 180;
constexpr size_t kMaxWorkerProcesses = 184;
constexpr size_t kMaxWalSenders = 188;
constexpr size_t kMaxPreparedTransactions = 192;
constexpr size_t kMaxLocksPerTransaction = 196;
constexpr size_t kPageSize = 216;
constexpr size_t kRelationSegmentBlocks = 220;
constexpr size_t kWalSegmentSize = 228;
constexpr size_t kDataChecksumVersion = 252;
constexpr size_t kCrc1300 = 288;
constexpr size_t kCrc1800 = 292;

constexpr uint32_t kStateShutDown = 1;
constexpr uint32_t kStateShutDownInRecovery = 2;

template <class T>
T load(ByteView bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<size_t> crc_offset(uint32_t control_version) {
  switch (control_version) {
    case 1300:  // PostgreSQL 13 to 16
    case 1700:
      return kCrc1300;
    case 1800:
      return kCrc1800;
    default:
      break;
  }
  return Error(
      ErrorKind::unsupported,
      fmt::format("pg_control has format version {}, which is not that of PostgreSQL 13 to 18", control_version));
}

Result<void> check_sizes(const ControlFile& control) {
  constexpr uint32_t kMebibyte = 1u << 20;
  if (!std::has_single_bit(control.page_size) || control.page_size < 1024 || control.page_size > 32768) {
    return Error(ErrorKind::corrupt, fmt::format("pg_control names an impossible page size, {}", control.page_size));
  }
  if (!std::has_single_bit(control.wal_segment_size) || control.wal_segment_size < kMebibyte ||
      control.wal_segment_size > 1024 * kMebibyte) {
    return Error(ErrorKind::corrupt,
                 fmt::format("pg_control names an impossible WAL segment size, {}", control.wal_segment_size));
  }
  if (control.relation_segment_blocks == 0) return Error(ErrorKind::corrupt, "pg_control names segments of 0 blocks");
  return {};
}

}  // namespace

bool ControlFile::is_running_state() const { return state != kStateShutDown && state != kStateShutDownInRecovery; }

std::string_view describe_state(uint32_t state) {
  static constexpr std::array<std::string_view, 7> kNames{"starting up",   "shut down",         "shut down in recovery",
                                                          "shutting down", "in crash recovery", "in archive recovery",
                                                          "in production"};
  return state < kNames.size() ? kNames[state] : "unrecognized";
}

Result<ControlFile> parse_control_file(ByteView bytes) {
  if (bytes.size() < kCrc1800 + sizeof(uint32_t)) {
    return Error(ErrorKind::corrupt, fmt::format("pg_control has only {} bytes", bytes.size()));
  }
  auto crc_at = TRY(crc_offset(load<uint32_t>(bytes, kControlVersion)));
  if (crc32c(0, bytes.first(crc_at)) != load<uint32_t>(bytes, crc_at)) {
    return Error(ErrorKind::corrupt, "pg_control does not match its checksum");
  }
  ControlFile control;
  control.system_identifier.value = load<uint64_t>(bytes, kSystemIdentifier);
  control.control_version = load<uint32_t>(bytes, kControlVersion);
  control.catalog_version = load<uint32_t>(bytes, kCatalogVersion);
  control.state = load<uint32_t>(bytes, kState);
  control.checkpoint.value = load<uint64_t>(bytes, kCheckpoint);
  control.redo.value = load<uint64_t>(bytes, kRedo);
  control.timeline.value = load<uint32_t>(bytes, kTimeline);
  control.full_page_writes = load<uint8_t>(bytes, kFullPageWrites) != 0;
  control.checkpoint_time = Timestamp(std::chrono::seconds(load<int64_t>(bytes, kCheckpointTime)));
  control.minimum_recovery_point.value = load<uint64_t>(bytes, kMinimumRecoveryPoint);
  control.minimum_recovery_timeline.value = load<uint32_t>(bytes, kMinimumRecoveryTimeline);
  control.backup_end_point.value = load<uint64_t>(bytes, kBackupEndPoint);
  control.backup_end_required = load<uint8_t>(bytes, kBackupEndRequired) != 0;
  control.wal_level = load<uint32_t>(bytes, kWalLevel);
  control.max_connections = load<uint32_t>(bytes, kMaxConnections);
  control.max_worker_processes = load<uint32_t>(bytes, kMaxWorkerProcesses);
  control.max_wal_senders = load<uint32_t>(bytes, kMaxWalSenders);
  control.max_prepared_transactions = load<uint32_t>(bytes, kMaxPreparedTransactions);
  control.max_locks_per_transaction = load<uint32_t>(bytes, kMaxLocksPerTransaction);
  control.page_size = load<uint32_t>(bytes, kPageSize);
  control.relation_segment_blocks = load<uint32_t>(bytes, kRelationSegmentBlocks);
  control.wal_segment_size = load<uint32_t>(bytes, kWalSegmentSize);
  control.data_checksum_version = load<uint32_t>(bytes, kDataChecksumVersion);
  TRY(check_sizes(control));
  return control;
}

Result<ControlFileRead> read_control_file(const std::string& data_directory) {
  constexpr int kAttempts = 5;
  constexpr std::chrono::milliseconds kPause{20};  // a server's write of 8 KiB is long over by then
  constexpr size_t kLargest = 64 * 1024;
  auto path = data_directory + "/global/pg_control";
  for (int attempt = 1;; ++attempt) {
    auto bytes = TRY(read_file(path, kLargest));
    auto control = parse_control_file(bytes);
    if (control) return ControlFileRead{*control, std::move(bytes)};
    if (attempt == kAttempts || !control.error().is(ErrorKind::corrupt)) {
      return std::move(control).error().with_context("reading " + path);
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace spendsync::postgres
