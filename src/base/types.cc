#include "base/types.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

namespace spendsync {

namespace {

// PostgreSQL writes and accepts upper-case digits only (xlog_internal.h: IsXLogFileName).
bool is_wal_hex(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// guc.c: wal_segment_size is a power of two from 1 MiB to 1 GiB.
bool is_segment_size(uint32_t size) { return std::has_single_bit(size) && size >= (1u << 20) && size <= (1u << 30); }

uint64_t segments_per_log_id(uint32_t segment_size) { return (uint64_t{1} << 32) / segment_size; }

}  // namespace

Result<Lsn> Lsn::parse(std::string_view text) {
  auto slash = text.find('/');
  if (slash != std::string_view::npos && slash <= 8 && text.size() - slash - 1 <= 8) {
    auto high = parse_number<uint32_t>(text.substr(0, slash), 16);
    auto low = parse_number<uint32_t>(text.substr(slash + 1), 16);
    if (high && low) return Lsn{uint64_t{*high} << 32 | *low};
  }
  return Error(ErrorKind::invalid, fmt::format("\"{}\" is no log position; they look like 16/B374D848", text));
}

std::string Lsn::to_string() const { return fmt::format("{:X}/{:X}", value >> 32, value & 0xffffffffu); }

std::string TimelineId::to_hex() const { return fmt::format("{:08X}", value); }

Result<SystemIdentifier> SystemIdentifier::parse(std::string_view text) {
  auto value = parse_number<uint64_t>(text, 10);
  if (!value) return Error(ErrorKind::invalid, fmt::format("\"{}\" is no system identifier", text));
  return SystemIdentifier{*value};
}

Result<SegmentName> SegmentName::parse(std::string_view file_name, uint32_t segment_size) {
  if (!is_segment_size(segment_size)) {
    return Error(ErrorKind::invalid, fmt::format("{} is no WAL segment size", segment_size));
  }
  if (!is_wal_hex(file_name, 24)) {
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no WAL segment name", file_name));
  }
  auto timeline = parse_number<uint32_t>(file_name.substr(0, 8), 16);
  auto log_id = parse_number<uint32_t>(file_name.substr(8, 8), 16);
  auto segment = parse_number<uint32_t>(file_name.substr(16, 8), 16);
  if (!timeline || !log_id || !segment || *timeline == 0 || *segment >= segments_per_log_id(segment_size)) {
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no possible WAL segment name with segments of {} bytes",
                                                 file_name, segment_size));
  }
  return SegmentName{TimelineId{*timeline}, *log_id * segments_per_log_id(segment_size) + *segment};
}

std::string SegmentName::file_name(uint32_t segment_size) const {
  uint64_t per_log_id = segments_per_log_id(segment_size);
  return fmt::format("{:08X}{:08X}{:08X}", timeline.value, number / per_log_id, number % per_log_id);
}

WalFileKind classify_wal_file(std::string_view file_name) {
  // xlog_internal.h: IsXLogFileName, IsTLHistoryFileName, IsPartialXLogFileName, IsBackupHistoryFileName.
  if (is_wal_hex(file_name, 24)) return WalFileKind::segment;
  if (file_name.ends_with(".history") && is_wal_hex(file_name.substr(0, file_name.size() - 8), 8)) {
    return WalFileKind::history;
  }
  if (file_name.size() < 25 || file_name[24] != '.' || !is_wal_hex(file_name.substr(0, 24), 24)) {
    return WalFileKind::unknown;
  }
  std::string_view suffix = file_name.substr(25);
  if (suffix == "partial") return WalFileKind::partial;
  if (suffix.size() == 15 && is_wal_hex(suffix.substr(0, 8), 8) && suffix.ends_with(".backup")) {
    return WalFileKind::backup_history;
  }
  return WalFileKind::unknown;
}

std::string_view to_string(BackupType type) {
  switch (type) {
    case BackupType::full:
      return "full";
    case BackupType::incremental:
      return "incremental";
    case BackupType::transaction_logs:
      return "transaction_logs";
  }
  return "full";
}

Result<BackupType> parse_backup_type(std::string_view text) {
  for (BackupType type : {BackupType::full, BackupType::incremental, BackupType::transaction_logs}) {
    if (text == to_string(type)) return type;
  }
  return Error(ErrorKind::invalid, fmt::format("\"{}\" is no backup type", text))
      .with_hint("the types are full, incremental and transaction_logs");
}

}  // namespace spendsync
