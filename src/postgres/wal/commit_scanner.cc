#include "postgres/wal/commit_scanner.h"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "base/time.h"
#include "postgres/wal/page_header.h"
#include "postgres/wal/transaction_record.h"

namespace spendsync::postgres {

namespace {

constexpr size_t kStatisticsSizeBefore18 = 12;
constexpr size_t kStatisticsSizeSince18 = 16;  // the object id grew to 64 bits
constexpr size_t kInvalidationSize = 16;

constexpr size_t kRestorePointNameSize = 64;  // MAXFNAMELEN

/// Empty for a time that no clock shows.
std::optional<Timestamp> to_timestamp(int64_t postgres_time) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;  // far from overflow in any sum with an epoch
  if (postgres_time > kMost || postgres_time < -kMost) return std::nullopt;
  return from_postgres_time(postgres_time);
}

/// Where main data begins in a record that has no block references, however long it is. Empty for any other.
std::optional<ByteView> find_main_data(const WalRecord& record) {
  RecordFields fields(record.bytes.subspan(kRecordHeaderSize));
  while (auto id = fields.take<uint8_t>()) {
    if (*id == kLongDataId && fields.skip(sizeof(uint32_t))) return fields.rest();
    bool skipped = (*id == kOriginId && fields.skip(sizeof(uint16_t))) ||
                   (*id == kTopTransactionId && fields.skip(sizeof(uint32_t)));
    if (!skipped) break;
  }
  return std::nullopt;
}

/// The prepared transaction's id in a commit or abort record of one; empty when the parts before it do not fit.
std::optional<uint32_t> find_prepared_transaction(RecordFields fields, uint32_t info, bool is_commit,
                                                  int major_version) {
  size_t statistics_size = major_version >= 18 ? kStatisticsSizeSince18 : kStatisticsSizeBefore18;
  if ((info & kHasDatabase) != 0 && !fields.skip(kDatabaseSize)) return std::nullopt;
  if ((info & kHasSubtransactions) != 0 && !fields.skip_array(kSubtransactionSize)) return std::nullopt;
  if ((info & kHasRelations) != 0 && !fields.skip_array(kRelationSize)) return std::nullopt;
  if (major_version >= 15 && (info & kHasDroppedStatistics) != 0 && !fields.skip_array(statistics_size)) {
    return std::nullopt;
  }
  if (is_commit && (info & kHasInvalidations) != 0 && !fields.skip_array(kInvalidationSize)) return std::nullopt;
  return fields.take<uint32_t>();
}

}  // namespace

struct CommitScanner::State {
  explicit State(Settings s)
      : settings(s), reader({.segment_size = s.segment_size, .major_version = s.major_version}) {}

  Settings settings;
  WalRecordReader reader;
  WalRecordContents contents;

  Result<void> find_front(const WalRecord& record);
  Result<std::optional<WalEvent>> find_event(const WalRecord& record);
  Result<std::optional<WalEvent>> find_transaction_end(const WalRecord& record);
  Result<std::optional<WalEvent>> find_prepare(const WalRecord& record);
  Result<std::optional<WalEvent>> find_log_event(const WalRecord& record);
  Result<std::optional<WalEvent>> find_parameter_change(const WalRecord& record);
  Result<std::optional<WalEvent>> find_restore_point(const WalRecord& record);
};

namespace {

WalEvent event_of(WalEvent::Kind kind, const WalRecord& record) {
  WalEvent event;
  event.kind = kind;
  event.start = record.start;
  event.end = record.end;
  event.transaction = record.transaction;
  return event;
}

Error malformed(const WalRecord& record, std::string_view what) {
  return Error(ErrorKind::corrupt, fmt::format("WAL record at {} is malformed: {}", record.start.to_string(), what));
}

}  // namespace

Result<std::optional<WalEvent>> CommitScanner::State::find_event(const WalRecord& record) {
  if (record.resource_manager == kTransactionResource) {
    bool prepares = (record.info & kTransactionOperationMask) == kPrepare;
    return prepares ? find_prepare(record) : find_transaction_end(record);
  }
  if (record.resource_manager == kXlogResource) return find_log_event(record);
  return std::optional<WalEvent>();
}

/// The main data, or of a record that is too long to be held whole its beginning.
Result<void> CommitScanner::State::find_front(const WalRecord& record) {
  if (!record.is_cut) return decode_record(record, settings.major_version, contents);
  auto main_data = find_main_data(record);
  if (!main_data) return malformed(record, "it has no main data");
  contents.main_data = *main_data;
  return {};
}

Result<std::optional<WalEvent>> CommitScanner::State::find_prepare(const WalRecord& record) {
  WalEvent event = event_of(WalEvent::Kind::prepare, record);
  TRY(find_front(record));
  RecordFields fields(contents.main_data);
  bool before = fields.skip(kPrepareBeforeTransaction);
  auto transaction = fields.take<uint32_t>();
  bool between = fields.skip(kPrepareBeforeTime);
  auto postgres_time = fields.take<int64_t>();
  if (!before || !transaction || !between || !postgres_time) return malformed(record, "it is too short");
  auto time = to_timestamp(*postgres_time);
  if (!time) return malformed(record, "its time is not possible");
  event.transaction = *transaction;
  event.time = *time;
  return std::optional(event);
}

Result<std::optional<WalEvent>> CommitScanner::State::find_transaction_end(const WalRecord& record) {
  uint8_t operation = record.info & kTransactionOperationMask;
  bool is_commit = operation == kCommit || operation == kCommitPrepared;
  if (!is_commit && operation != kAbort && operation != kAbortPrepared) return std::optional<WalEvent>();
  WalEvent event = event_of(is_commit ? WalEvent::Kind::commit : WalEvent::Kind::abort, record);
  // Cut: millions of subtransactions or invalidations. What we look for stands before them, but for a prepared id.
  TRY(find_front(record));
  RecordFields fields(contents.main_data);
  auto postgres_time = fields.take<int64_t>();
  if (!postgres_time) return malformed(record, "it has no time");
  auto time = to_timestamp(*postgres_time);
  if (!time) return malformed(record, "its time is not possible");
  event.time = *time;
  bool is_prepared = operation == kCommitPrepared || operation == kAbortPrepared;
  if (!is_prepared || (record.info & kHasInfo) == 0) return std::optional(event);
  auto info = fields.take<uint32_t>();
  if (!info) return malformed(record, "it has no flags");
  if ((*info & kHasTwoPhase) == 0) return std::optional(event);
  auto prepared = find_prepared_transaction(fields, *info, is_commit, settings.major_version);
  if (!prepared && !record.is_cut) return malformed(record, "the prepared transaction's id is missing");
  if (prepared) event.transaction = *prepared;
  return std::optional(event);
}

Result<std::optional<WalEvent>> CommitScanner::State::find_log_event(const WalRecord& record) {
  switch (static_cast<XlogRecordType>(record.type())) {
    case XlogRecordType::checkpoint_shutdown:
    case XlogRecordType::checkpoint_online:
      return std::optional(event_of(WalEvent::Kind::checkpoint, record));
    case XlogRecordType::end_of_recovery:
      return std::optional(event_of(WalEvent::Kind::end_of_recovery, record));
    case XlogRecordType::parameter_change:
      return find_parameter_change(record);
    case XlogRecordType::restore_point:
      return find_restore_point(record);
    default:
      return std::optional<WalEvent>();
  }
}

Result<std::optional<WalEvent>> CommitScanner::State::find_parameter_change(const WalRecord& record) {
  WalEvent event = event_of(WalEvent::Kind::parameter_change, record);
  TRY(decode_record(record, settings.major_version, contents));
  auto limits = read_parameter_change(contents.main_data);
  if (!limits) return malformed(record, "it does not hold the settings that it must");
  event.limits = *limits;
  return std::optional(event);
}

Result<std::optional<WalEvent>> CommitScanner::State::find_restore_point(const WalRecord& record) {
  WalEvent event = event_of(WalEvent::Kind::restore_point, record);
  TRY(decode_record(record, settings.major_version, contents));
  RecordFields fields(contents.main_data);
  auto postgres_time = fields.take<int64_t>();
  if (!postgres_time || fields.rest().size() < kRestorePointNameSize) return malformed(record, "it is too short");
  auto time = to_timestamp(*postgres_time);
  if (!time) return malformed(record, "its time is not possible");
  event.time = *time;
  std::string_view name = as_text(fields.rest().first(kRestorePointNameSize));
  event.name = name.substr(0, name.find('\0'));
  return std::optional(event);
}

CommitScanner::CommitScanner(Settings settings) : state_(std::make_unique<State>(settings)) {}
CommitScanner::CommitScanner(CommitScanner&&) noexcept = default;
CommitScanner& CommitScanner::operator=(CommitScanner&&) noexcept = default;
CommitScanner::~CommitScanner() = default;

Result<void> CommitScanner::feed(SegmentName name, ByteView content,
                                 const std::function<Result<void>(const WalEvent&)>& visit,
                                 const WalRecordReader::Visitor& see) {
  return state_->reader.feed(name, content, [&](const WalRecord& record) -> Result<void> {
    if (see) TRY(see(record));
    if (record.resource_manager > kTransactionResource) return {};
    std::optional<WalEvent> event = TRY(state_->find_event(record));
    if (!event) return {};
    event->timeline = name.timeline;
    return visit(*event);
  });
}

Lsn CommitScanner::end_of_records() const { return state_->reader.end_of_records(); }
uint64_t CommitScanner::records() const { return state_->reader.records(); }
const WalRecordReader& CommitScanner::reader() const { return state_->reader; }

}  // namespace spendsync::postgres
