#include "postgres/wal/receiver.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "base/stop_event.h"
#include "postgres/pq_error.h"
#include "postgres/wal/page_header.h"

namespace spendsync::postgres {

namespace {

using SteadyClock = std::chrono::steady_clock;

// Messages inside CopyBoth; integers are big-endian.
constexpr char kWalData = 'w';    // start, end of WAL at the server, time: 8 bytes each, then WAL
constexpr char kKeepAlive = 'k';  // end of WAL at the server, time, 1 byte: answer at once
constexpr char kStatusUpdate = 'r';
constexpr size_t kWalDataHeader = 1 + 8 + 8 + 8;
constexpr size_t kKeepAliveSize = 1 + 8 + 8 + 1;
constexpr size_t kStatusUpdateSize = 1 + 8 + 8 + 8 + 8 + 1;
constexpr std::chrono::milliseconds kDurabilityPoll{20};  // between questions while only storing is left to wait for

struct PgResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

uint64_t from_big_endian(ByteView bytes, size_t offset) { return __builtin_bswap64(load<uint64_t>(bytes, offset)); }

void put_big_endian(std::array<char, kStatusUpdateSize>& message, size_t offset, uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(message.data() + offset, &value, sizeof value);
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

struct Timelines {
  TimelineId next;
  Lsn switch_point;
};

/// One session that streams one timeline after the other.
class ReceiverSession {
 public:
  ReceiverSession(Connection connection, const WalReceiver::Settings& settings, const WalReceiver::Handlers& handlers,
                  std::stop_token stop)
      : connection_(std::move(connection)),
        pq_(static_cast<PGconn*>(connection_.native())),
        settings_(settings),
        handlers_(handlers),
        stop_(stop),
        stop_event_(stop),
        timeline_(settings.start.timeline),
        received_(settings.start.lsn),
        delivered_(settings.start.lsn),
        durable_(settings.start.lsn) {}

  Result<WalReceiver::Stats> run() {
    segment_.reserve(settings_.segment_size);
    TRY(deliver_history(timeline_));
    while (delivered_ < settings_.stop_at) {
      TRY(start_streaming());
      TRY(stream_timeline());
      if (delivered_ >= settings_.stop_at) break;
      Timelines timelines = TRY(end_of_timeline());
      TRY(switch_timeline(timelines));
    }
    stats_.end = {timeline_, delivered_};
    return stats_;
  }

 private:
  // ---- one timeline ----

  Result<void> start_streaming() {
    // A standby of 13 or 14 knows the timeline of its WAL only once it has been asked (walsender.c, IdentifySystem).
    TRY(identify_system(connection_, stop_));
    std::string command = fmt::format("START_REPLICATION SLOT {} PHYSICAL {} TIMELINE {}",
                                      quote_identifier(settings_.slot), received_.to_string(), timeline_.value);
    if (PQsendQuery(pq_, command.c_str()) == 0) return session_error(pq_, "starting replication");
    PgResult result = TRY(next_result());
    if (result == nullptr) return session_error(pq_, "starting replication");
    switch (PQresultStatus(result.get())) {
      case PGRES_COPY_BOTH:
        streaming_ = true;
        last_heard_ = last_status_ = SteadyClock::now();
        return {};
      case PGRES_TUPLES_OK:
        // The timeline ended where we are: nothing to stream, the next one is announced at once.
        announced_ = read_next_timeline(result.get());
        return {};
      default:
        return start_error(result.get());
    }
  }

  Error start_error(const PGresult* result) const {
    Error error = result_error(pq_, result, fmt::format("streaming WAL from slot \"{}\"", settings_.slot));
    const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    std::string_view message = text == nullptr ? "" : text;
    // undefined_file: the WAL is gone; object_not_in_prerequisite_state: the slot was invalidated.
    if (message.find("already been removed") != std::string_view::npos ||
        message.find("can no longer get changes") != std::string_view::npos ||
        message.find("invalidated") != std::string_view::npos) {
      return Error(ErrorKind::not_found, error.message());
    }
    return error;
  }

  /// Until the server ends the timeline, or what was asked for is durable.
  Result<void> stream_timeline() {
    while (streaming_) {
      TRY(read_messages());
      if (!streaming_) return {};
      TRY(note_durable());
      if (delivered_ >= settings_.stop_at && durable_ >= delivered_) return finish_streaming();
      TRY(report_when_due());
      TRY(wait());
    }
    return {};
  }

  /// Takes all messages that are here already.
  Result<void> read_messages() {
    while (delivered_ < settings_.stop_at) {
      char* buffer = nullptr;
      int size = PQgetCopyData(pq_, &buffer, 1);
      std::unique_ptr<char, decltype(&PQfreemem)> owner(buffer, &PQfreemem);
      if (size == 0) {
        // Nothing whole is buffered: look at the socket once, then wait.
        if (!drained_) {
          drained_ = true;
          if (PQconsumeInput(pq_) == 0) return session_error(pq_, "streaming WAL");
          continue;
        }
        return {};
      }
      drained_ = false;
      if (size == -1) return server_ended_copy();
      if (size < -1) return session_error(pq_, "streaming WAL");
      TRY(take_message(std::as_bytes(std::span(buffer, static_cast<size_t>(size)))));
      last_heard_ = SteadyClock::now();  // after the handlers, whose time is not the server's silence
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
      TRY(report_when_due());
    }
    return {};
  }

  Result<void> take_message(ByteView message) {
    if (message.empty()) return protocol_error("an empty message");
    switch (static_cast<char>(message[0])) {
      case kKeepAlive:
        if (message.size() < kKeepAliveSize) return protocol_error("a short keep-alive");
        if (message[kKeepAliveSize - 1] != std::byte{0}) return send_status(false);
        return {};
      case kWalData:
        if (message.size() < kWalDataHeader) return protocol_error("a short data message");
        return take_wal(Lsn{from_big_endian(message, 1)}, message.subspan(kWalDataHeader));
      default:
        return protocol_error("a message of unknown type");
    }
  }

  Result<void> take_wal(Lsn start, ByteView wal) {
    if (start != received_) {
      return protocol_error(fmt::format("WAL from {}, expected {}", start.to_string(), received_.to_string()));
    }
    while (!wal.empty() && delivered_ < settings_.stop_at) {
      size_t taken = std::min(wal.size(), settings_.segment_size - segment_.size());
      segment_.insert(segment_.end(), wal.begin(), wal.begin() + static_cast<ptrdiff_t>(taken));
      wal = wal.subspan(taken);
      received_.value += taken;
      stats_.bytes += taken;
      if (segment_.size() == settings_.segment_size) TRY(deliver_segment());
    }
    return {};
  }

  Result<void> deliver_segment() {
    SegmentName name = SegmentName::ending_at(timeline_, received_, settings_.segment_size);
    TRY(handlers_.on_segment(name, segment_));
    segment_.clear();
    ++stats_.segments;
    delivered_ = received_;
    return note_durable();
  }

  Result<void> note_durable() {
    if (!handlers_.durable_until) {
      durable_ = delivered_;
      return {};
    }
    Lsn now = TRY(handlers_.durable_until());
    durable_ = std::max(durable_, std::min(now, delivered_));
    return {};
  }

  // ---- status ----

  Result<void> report_when_due() {
    auto now = SteadyClock::now();
    if (delivered_ >= settings_.stop_at) last_heard_ = now;  // we do not listen any more
    if (now - last_heard_ > settings_.silence_max) {
      return Error(ErrorKind::transient,
                   fmt::format("streaming WAL: the server has said nothing for {} s",
                               std::chrono::duration_cast<std::chrono::seconds>(settings_.silence_max).count()));
    }
    if (now - last_status_ < settings_.status_interval) return {};
    // Half way into the silence we ask for a sign of life.
    return send_status(now - last_heard_ > settings_.silence_max / 2);
  }

  Result<void> send_status(bool wants_answer) {
    std::array<char, kStatusUpdateSize> message{};
    message[0] = kStatusUpdate;
    put_big_endian(message, 1, received_.value);
    put_big_endian(message, 9, durable_.value);
    put_big_endian(message, 17, 0);  // applied: nothing ever is
    put_big_endian(message, 25, 0);  // our clock: only shown in pg_stat_replication
    message[33] = wants_answer ? 1 : 0;
    if (PQputCopyData(pq_, message.data(), static_cast<int>(message.size())) != 1) {
      return session_error(pq_, "reporting the streaming position");
    }
    last_status_ = SteadyClock::now();
    return flush();
  }

  // ---- ends ----

  /// Everything wanted is durable: say so, and part from the server in order, so that it has read it.
  Result<void> finish_streaming() {
    TRY(send_status(false));
    if (PQputCopyEnd(pq_, nullptr) != 1) return session_error(pq_, "ending replication");
    TRY(flush());
    auto deadline = SteadyClock::now() + settings_.silence_max;
    while (true) {
      char* buffer = nullptr;
      int size = PQgetCopyData(pq_, &buffer, 1);
      PQfreemem(buffer);
      if (size == -1) break;
      if (size < -1) return session_error(pq_, "ending replication");
      if (size > 0) continue;
      if (SteadyClock::now() > deadline) return Error(ErrorKind::transient, "the server does not end replication");
      TRY(wait_for(POLLIN, settings_.status_interval));
      if (PQconsumeInput(pq_) == 0) return session_error(pq_, "ending replication");
    }
    streaming_ = false;
    // What follows (the next timeline, command completion) is of no interest; the session ends here.
    return {};
  }

  /// The server has no more WAL on this timeline; or it shuts down, or sends an error.
  Result<void> server_ended_copy() {
    streaming_ = false;
    PgResult result(PQgetResult(pq_));
    if (result == nullptr) return session_error(pq_, "streaming WAL");
    switch (PQresultStatus(result.get())) {
      case PGRES_COPY_IN:
        // CopyDone: on our own CopyDone the server says which timeline comes next.
        if (PQputCopyEnd(pq_, nullptr) != 1) return session_error(pq_, "ending a timeline");
        return flush();
      case PGRES_COMMAND_OK:
        return Error(ErrorKind::transient, "streaming WAL: the server is shutting down");
      default:
        return start_error(result.get());
    }
  }

  Result<Timelines> end_of_timeline() {
    if (!announced_) {
      PgResult result = TRY(next_result());
      if (result == nullptr) return session_error(pq_, "reading the next timeline");
      if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
        return Error(ErrorKind::transient, "streaming WAL: the server is shutting down");
      }
      if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
        return result_error(pq_, result.get(), "reading the next timeline");
      }
      announced_ = read_next_timeline(result.get());
    }
    // The command's completion, after which the session takes the next command.
    while (PgResult rest = TRY(next_result())) {
      if (PQresultStatus(rest.get()) != PGRES_COMMAND_OK) return result_error(pq_, rest.get(), "ending a timeline");
    }
    if (!announced_) return protocol_error("no next timeline");
    Timelines next = *announced_;
    announced_.reset();
    if (next.next <= timeline_ || next.switch_point < delivered_ || next.switch_point > received_) {
      return protocol_error(fmt::format("timeline {} after {}, from {}, when {} was reached", next.next.value,
                                        timeline_.value, next.switch_point.to_string(), received_.to_string()));
    }
    return next;
  }

  static std::optional<Timelines> read_next_timeline(const PGresult* result) {
    if (PQntuples(result) != 1 || PQnfields(result) < 2) return std::nullopt;
    auto timeline = SystemIdentifier::parse(PQgetvalue(result, 0, 0));  // any unsigned decimal number
    auto position = Lsn::parse(PQgetvalue(result, 0, 1));
    if (!timeline || !position || timeline->value > UINT32_MAX) return std::nullopt;
    return Timelines{TimelineId{static_cast<uint32_t>(timeline->value)}, *position};
  }

  /// The segment in which the timeline ended is complete on the next one only.
  Result<void> switch_timeline(const Timelines& next) {
    uint32_t inside = static_cast<uint32_t>(next.switch_point.value % settings_.segment_size);
    segment_.resize(std::min<size_t>(segment_.size(), inside));
    if (!segment_.empty()) {
      TRY(wait_until_durable());
      TRY(handlers_.on_partial(SegmentName::containing(timeline_, next.switch_point, settings_.segment_size),
                               segment_));
    }
    segment_.clear();
    timeline_ = next.next;
    received_.value = next.switch_point.value - inside;
    return deliver_history(timeline_);
  }

  Result<void> wait_until_durable() {
    TRY(note_durable());
    while (durable_ < delivered_) {
      TRY(wait_for(0, kDurabilityPoll));
      TRY(note_durable());
    }
    return {};
  }

  Result<void> deliver_history(TimelineId timeline) {
    if (timeline.value == 1) return {};
    std::string content = TRY(fetch_timeline_history(connection_, timeline, stop_));
    return handlers_.on_history(timeline, content);
  }

  // ---- waiting ----

  Result<void> wait() {
    auto timeout = settings_.status_interval;
    // Handlers in the background cannot wake us.
    if (handlers_.durable_until && durable_ < delivered_) timeout = std::min(timeout, kDurabilityPoll);
    if (delivered_ >= settings_.stop_at) return wait_for(0, timeout);
    TRY(wait_for(POLLIN, timeout));
    drained_ = false;
    return {};
  }

  /// Until the socket is ready for `events` or `timeout` is over. With 0 events only the stop request wakes.
  Result<void> wait_for(short events, std::chrono::milliseconds timeout) {
    std::array<pollfd, 2> watched{{{events == 0 ? -1 : PQsocket(pq_), events, 0}, {stop_event_.fd(), POLLIN, 0}}};
    int ready = poll(watched.data(), watched.size(), static_cast<int>(timeout.count()));
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "waiting for WAL");
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    return {};
  }

  Result<void> flush() {
    while (true) {
      int left = PQflush(pq_);
      if (left == 0) return {};
      if (left < 0) return session_error(pq_, "sending to the server");
      TRY(wait_for(POLLIN | POLLOUT, settings_.status_interval));
      if (PQconsumeInput(pq_) == 0) return session_error(pq_, "sending to the server");
    }
  }

  Result<PgResult> next_result() {
    while (PQisBusy(pq_) != 0) {
      TRY(wait_for(POLLIN, settings_.status_interval));
      if (PQconsumeInput(pq_) == 0) return session_error(pq_, "waiting for the server's answer");
    }
    return PgResult(PQgetResult(pq_));
  }

  Error protocol_error(std::string_view what) const {
    return Error(ErrorKind::internal, fmt::format("streaming WAL: the server sent {}", what));
  }

  Connection connection_;
  PGconn* pq_;
  const WalReceiver::Settings& settings_;
  const WalReceiver::Handlers& handlers_;
  std::stop_token stop_;
  StopEvent stop_event_;

  TimelineId timeline_;
  Lsn received_;   // everything before it is in segment_ or delivered
  Lsn delivered_;  // everything before it was taken by on_segment
  Lsn durable_;    // ... and is durable: what the server may forget
  Bytes segment_;  // the bytes from delivered_ on
  bool streaming_ = false;
  bool drained_ = false;
  std::optional<Timelines> announced_;
  SteadyClock::time_point last_heard_;
  SteadyClock::time_point last_status_;
  WalReceiver::Stats stats_;
};

}  // namespace

Result<SystemIdentification> identify_system(Connection& replication, std::stop_token stop) {
  Rows rows = TRY(replication.query("IDENTIFY_SYSTEM", {}, stop));
  if (rows.rows.size() != 1 || rows.rows[0].size() < 3 || !rows.rows[0][0] || !rows.rows[0][1] || !rows.rows[0][2]) {
    return Error(ErrorKind::internal, "the server does not say which system it is");
  }
  SystemIdentification identification;
  identification.system_identifier = TRY(SystemIdentifier::parse(*rows.rows[0][0]));
  SystemIdentifier timeline = TRY(SystemIdentifier::parse(*rows.rows[0][1]));
  identification.timeline = TimelineId{static_cast<uint32_t>(timeline.value)};
  identification.flushed = TRY(Lsn::parse(*rows.rows[0][2]));
  return identification;
}

Result<std::string> fetch_timeline_history(Connection& replication, TimelineId timeline, std::stop_token stop) {
  auto rows = replication.query(fmt::format("TIMELINE_HISTORY {}", timeline.value), {}, stop);
  if (!rows) return std::move(rows).error().with_context(fmt::format("fetching {}.history", timeline.to_hex()));
  if (rows->rows.size() != 1 || rows->rows[0].size() != 2 || !rows->rows[0][1]) {
    return Error(ErrorKind::internal, fmt::format("the server sent no {}.history", timeline.to_hex()));
  }
  return *std::move(rows->rows[0][1]);
}

Result<WalReceiver::Stats> WalReceiver::run(Settings settings, const Handlers& handlers, std::stop_token stop) {
  CHECK(std::has_single_bit(settings.segment_size) && settings.start.lsn.value % settings.segment_size == 0);
  settings.connection.replication = true;
  Connection connection = TRY(Connection::open(settings.connection, stop));
  return ReceiverSession(std::move(connection), settings, handlers, stop).run();
}

}  // namespace spendsync::postgres
