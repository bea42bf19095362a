#include "postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/condition.h"
#include "base/stop_event.h"
#include "postgres/libpq.h"
#include "postgres/pq_error.h"

namespace spendsync::postgres {

struct Connection::State {
  PGconn* connection = nullptr;
  explicit State(PGconn* opened) : connection(opened) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { PQfinish(connection); }
};

namespace {

constexpr int kOldestMajor = 13;
constexpr int kNewestMajor = 18;

using Clock = std::chrono::steady_clock;
struct PgResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

void ignore_notice(void*, const PGresult*) {}

enum class Woken { socket, stopped, timed_out };

/// Waits for the session's socket, the stop request or the deadline, whichever comes first.
Woken wait_for_socket(PGconn* connection, short events, const StopEvent& stop,
                      const std::optional<Clock::time_point>& deadline) {
  while (true) {
    int timeout_ms = -1;
    if (deadline) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      if (left <= 0) return Woken::timed_out;
      timeout_ms = static_cast<int>(left);
    }
    std::array<pollfd, 2> watched{{{PQsocket(connection), events, 0}, {stop.fd(), POLLIN, 0}}};
    int ready = poll(watched.data(), watched.size(), timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return Woken::timed_out;
    return watched[1].revents != 0 ? Woken::stopped : Woken::socket;
  }
}

// ---- opening ----

/// Keywords and values of the connection string, over our defaults and under what we force.
Result<std::map<std::string, std::string>> connection_parameters(const Connection::Settings& settings) {
  std::map<std::string, std::string> parameters{
      {"keepalives_idle", "60"},  // the backup's session rests for hours: firewalls forget it otherwise
      {"keepalives_interval", "10"},
      {"keepalives_count", "6"},
      {"fallback_application_name", settings.application_name},
  };
  if (std::getenv("PGDATABASE") == nullptr) parameters["dbname"] = "postgres";
  char* message = nullptr;
  PQconninfoOption* options = PQconninfoParse(settings.connection_string.c_str(), &message);
  if (options == nullptr) {
    auto text = one_line(message == nullptr ? "out of memory" : message);
    PQfreemem(message);
    return Error(ErrorKind::invalid, fmt::format("the connection string cannot be read: {}", text))
        .with_hint("write it as \"host=/var/run/postgresql port=5432 user=postgres\" or as a postgresql:// URI");
  }
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  parameters["client_encoding"] = "SQL_ASCII";
  if (settings.replication) {
    parameters["replication"] = "true";
  } else {
    parameters.erase("replication");
  }
  return parameters;
}

Error connect_error(PGconn* connection) {
  std::string_view text = PQerrorMessage(connection);
  auto sqlstate = sqlstate_of_verbose_message(text);
  auto location = text.find("\nLOCATION:");
  auto message = one_line(text.substr(0, location));
  if (sqlstate.empty()) {
    if (PQconnectionNeedsPassword(connection) != 0) {
      return Error(ErrorKind::denied, fmt::format("cannot log in: {}", message))
          .with_condition(Condition::login_refused)
          .with_hint("the server wants a password: put it into ~/.pgpass of the user who runs this (mode 0600)");
    }
    return Error(ErrorKind::transient, fmt::format("cannot reach the server: {}", message))
        .with_condition(Condition::server_unreachable)
        .with_hint("check that PostgreSQL runs and listens at the host and port of the connection string");
  }
  if (auto code = message.find(sqlstate + ": "); code != std::string::npos) message.erase(code, sqlstate.size() + 2);
  auto kind = kind_of_sqlstate(sqlstate);
  Error error(kind, fmt::format("cannot log in: {} (SQLSTATE {})", message, sqlstate));
  if (kind == ErrorKind::denied) {
    const char* user = PQuser(connection);
    return std::move(error).with_hint(
        fmt::format("check pg_hba.conf and the role's password or mapping: we connect as database user \"{}\"",
                    user == nullptr ? "" : user));
  }
  if (sqlstate == "57P03") return std::move(error).with_hint("the server is starting up or shutting down: try again");
  return error;
}

Result<void> finish_connecting(PGconn* connection, std::chrono::seconds timeout, std::stop_token stop) {
  StopEvent stop_event(stop);
  auto deadline = Clock::now() + timeout;  // libpq's own connect_timeout is for its blocking call only
  auto status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) return connect_error(connection);
    short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    switch (wait_for_socket(connection, events, stop_event, deadline)) {
      case Woken::stopped:
        return Error(ErrorKind::cancelled, "stopped while connecting to the server");
      case Woken::timed_out:
        return Error(ErrorKind::transient,
                     fmt::format("cannot reach the server: no answer within {} s", timeout.count()))
            .with_hint("check that PostgreSQL runs and listens at the host and port of the connection string");
      case Woken::socket:
        break;
    }
    status = PQconnectPoll(connection);
  }
  return {};
}

Result<void> check_version(int version) {
  int major = version / 10000;
  if (major >= kOldestMajor && major <= kNewestMajor) return {};
  return Error(ErrorKind::unsupported,
               fmt::format("the server is PostgreSQL {}; supported are {} to {}", major, kOldestMajor, kNewestMajor))
      .with_condition(Condition::server_version);
}

/// Only those that this version has: set_config of an unknown name is an error.
constexpr const char* kForceSettings =
    "SELECT pg_catalog.set_config(s.name, v.value, false) FROM pg_catalog.pg_settings s JOIN (VALUES"
    " ('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),"
    " ('idle_session_timeout', '0'), ('transaction_timeout', '0'), ('TimeZone', 'UTC'), ('DateStyle', 'ISO, MDY'),"
    " ('standard_conforming_strings', 'on'), ('bytea_output', 'hex'), ('search_path', 'pg_catalog'),"
    " ('default_transaction_read_only', 'off'), ('synchronous_commit', 'on'))"
    " AS v(name, value) ON s.name = v.name";

}  // namespace

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(Settings settings, std::stop_token stop) {
  TRY(load_libpq());
  auto parameters = TRY(connection_parameters(settings));
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  auto state = std::make_unique<State>(PQconnectStartParams(keywords.data(), values.data(), 0));
  if (state->connection == nullptr) return Error(ErrorKind::exhausted, "out of memory while connecting");
  if (PQstatus(state->connection) == CONNECTION_BAD) return connect_error(state->connection);
  PQsetErrorVerbosity(state->connection, PQERRORS_VERBOSE);  // puts the SQLSTATE into a failed login's message
  PQsetNoticeReceiver(state->connection, ignore_notice, nullptr);
  TRY(finish_connecting(state->connection, settings.connect_timeout, stop));
  PQsetErrorVerbosity(state->connection, PQERRORS_DEFAULT);
  TRY(check_version(PQserverVersion(state->connection)));

  Connection connection(std::move(state));
  if (settings.replication) return connection;
  TRY(connection.query(kForceSettings, {}, stop));
  auto announced = std::to_string(PQbackendPID(connection.state_->connection));
  for (int i = 0; i < 2; ++i) {
    auto actual = TRY(connection.query_value("SELECT pg_catalog.pg_backend_pid()", {}, stop));
    if (actual == announced) continue;
    return Error(ErrorKind::refused, "a connection pooler stands between us and the server")
        .with_condition(Condition::pooler)
        .with_hint("a backup lives in one session: let the connection string name the server itself");
  }
  return connection;
}

// ---- statements ----

namespace {

/// Sends what is still in libpq's buffer, reading meanwhile so that neither side waits for the other.
Result<void> flush(PGconn* connection, const StopEvent& stop) {
  while (true) {
    int left = PQflush(connection);
    if (left == 0) return {};
    if (left < 0) return session_error(connection, "sending a statement");
    if (wait_for_socket(connection, POLLIN | POLLOUT, stop, std::nullopt) == Woken::stopped) {
      return Error(ErrorKind::cancelled, "stopped");
    }
    if (PQconsumeInput(connection) == 0) return session_error(connection, "sending a statement");
  }
}

/// Waits until PQgetResult will not block.
Result<void> wait_for_result(PGconn* connection, const StopEvent& stop) {
  while (PQisBusy(connection) != 0) {
    if (wait_for_socket(connection, POLLIN, stop, std::nullopt) == Woken::stopped) {
      return Error(ErrorKind::cancelled, "stopped");
    }
    if (PQconsumeInput(connection) == 0) return session_error(connection, "waiting for the server's answer");
  }
  return {};
}

/// Asks the server to give the statement up and reads what is left of its answer, so that the session stays usable.
void cancel_statement(PGconn* connection) {
  if (PGcancel* cancel = PQgetCancel(connection)) {
    std::array<char, 256> message{};
    PQcancel(cancel, message.data(), static_cast<int>(message.size()));
    PQfreeCancel(cancel);
  }
  StopEvent never{std::stop_token()};
  auto deadline = Clock::now() + std::chrono::seconds(5);
  while (true) {
    while (PQisBusy(connection) != 0) {
      if (wait_for_socket(connection, POLLIN, never, deadline) != Woken::socket) return;
      if (PQconsumeInput(connection) == 0) return;
    }
    PgResult result(PQgetResult(connection));
    if (result == nullptr) return;
    auto status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return;
  }
}

Rows rows_of(const PGresult* result) {
  Rows rows;
  int columns = PQnfields(result);
  rows.rows.resize(static_cast<size_t>(PQntuples(result)));
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    for (int column = 0; column < columns; ++column) {
      int index = static_cast<int>(row);
      auto& values = rows.rows[row];
      if (PQgetisnull(result, index, column) != 0) {
        values.emplace_back();
      } else {
        values.emplace_back(
            std::string(PQgetvalue(result, index, column), static_cast<size_t>(PQgetlength(result, index, column))));
      }
    }
  }
  return rows;
}

std::string describe_statement(const std::string& sql) {
  constexpr size_t kShown = 80;
  auto line = one_line(sql);
  return line.size() <= kShown ? line : line.substr(0, kShown) + " ...";
}

/// Reads all results of what was sent; the rows of the last one.
Result<Rows> collect(PGconn* connection, const StopEvent& stop, const std::string& sql) {
  Rows rows;
  std::optional<Error> failure;
  while (true) {
    TRY(wait_for_result(connection, stop));
    PgResult result(PQgetResult(connection));
    if (result == nullptr) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
        rows = rows_of(result.get());
        break;
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return Error(ErrorKind::internal, "a COPY was started with query()");
      default:
        if (!failure) failure = result_error(connection, result.get(), describe_statement(sql));
    }
  }
  if (failure) return *std::move(failure);
  if (PQstatus(connection) == CONNECTION_BAD) return session_error(connection, describe_statement(sql));
  return rows;
}

bool send(PGconn* connection, const std::string& sql, const std::vector<std::string>& parameters) {
  if (parameters.empty()) return PQsendQuery(connection, sql.c_str()) != 0;
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  return PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                           nullptr, 0) != 0;
}

Result<Rows> run_statement(PGconn* connection, const StopEvent& stop, const std::string& sql) {
  TRY(flush(connection, stop));
  return collect(connection, stop, sql);
}

}  // namespace

Result<Rows> Connection::query(const std::string& sql, const std::vector<std::string>& parameters,
                               std::stop_token stop) {
  PGconn* connection = state_->connection;
  if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
  StopEvent stop_event(stop);
  if (!send(connection, sql, parameters)) return session_error(connection, describe_statement(sql));
  auto rows = run_statement(connection, stop_event, sql);
  if (!rows && rows.error().is(ErrorKind::cancelled)) cancel_statement(connection);
  return rows;
}

Result<std::string> Connection::query_value(const std::string& sql, const std::vector<std::string>& parameters,
                                            std::stop_token stop) {
  auto rows = TRY(query(sql, parameters, stop));
  if (rows.rows.size() != 1 || rows.rows[0].size() != 1 || !rows.rows[0][0]) {
    return Error(ErrorKind::internal,
                 fmt::format("{}: expected one value, got {} rows or NULL", describe_statement(sql), rows.rows.size()));
  }
  return *rows.rows[0][0];
}

int Connection::server_version() const { return PQserverVersion(state_->connection); }
void* Connection::native() const { return state_->connection; }

}  // namespace spendsync::postgres
