#include "postgres/pq_error.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <utility>

#include "postgres/connection.h"

namespace spendsync::postgres {
namespace {

constexpr std::string_view kSqlstateOpening = " (SQLSTATE ";

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

bool is_sqlstate(std::string_view text) {
  // Each has a digit, which tells it from "FATAL" and "PANIC".
  if (text.size() != 5 || text.find_first_of("0123456789") == std::string_view::npos) return false;
  for (char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))) return false;
  }
  return true;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  for (char c : text) {
    bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

ErrorKind kind_of_sqlstate(std::string_view sqlstate) {
  // Whole codes first, then their classes.
  static constexpr std::array<std::pair<std::string_view, ErrorKind>, 29> kKinds{{
      {"42501", ErrorKind::denied},          // insufficient_privilege
      {"28", ErrorKind::denied},             // invalid authorization
      {"57P04", ErrorKind::not_found},       // database dropped
      {"57", ErrorKind::transient},          // shutdown, starting up, cancelled by somebody
      {"08", ErrorKind::transient},          // connection exception
      {"40", ErrorKind::transient},          // serialization failure, deadlock
      {"53300", ErrorKind::transient},       // too many connections
      {"53", ErrorKind::exhausted},          // disk full, out of memory, configuration limit
      {"54", ErrorKind::exhausted},          // program limit
      {"55006", ErrorKind::conflict},        // object in use
      {"55P03", ErrorKind::conflict},        // lock not available
      {"55", ErrorKind::refused},            // object not in prerequisite state
      {"42710", ErrorKind::already_exists},  // duplicate object
      {"42P04", ErrorKind::already_exists},  // duplicate database
      {"42704", ErrorKind::not_found},       // undefined object
      {"42P01", ErrorKind::not_found},       // undefined table
      {"42883", ErrorKind::unsupported},     // undefined function
      {"58P01", ErrorKind::not_found},       // undefined file
      {"58P02", ErrorKind::already_exists},  // duplicate file
      {"58030", ErrorKind::internal},        // input/output error at the server
      {"3D", ErrorKind::not_found},          // no such database
      {"0A", ErrorKind::unsupported},        // feature not supported
      {"22", ErrorKind::invalid},            // data exception
      {"23", ErrorKind::refused},            // constraint violation
      {"25", ErrorKind::refused},            // transaction state: read-only
      {"42", ErrorKind::invalid},            // syntax
      {"XX001", ErrorKind::corrupt},         // data corrupted
      {"XX002", ErrorKind::corrupt},         // index corrupted
      {"P0", ErrorKind::refused},            // raised by a function
  }};
  for (const auto& [prefix, kind] : kKinds) {
    if (sqlstate.starts_with(prefix)) return kind;
  }
  return ErrorKind::internal;
}

Error session_error(pg_conn* connection, std::string_view what) {
  auto text = one_line(PQerrorMessage(connection));
  return Error(ErrorKind::transient,
               fmt::format("{}: the session with the server broke: {}", what, text.empty() ? "no reason given" : text));
}

Error result_error(pg_conn* connection, const pg_result* result, std::string_view what) {
  auto sqlstate = field(result, PG_DIAG_SQLSTATE);
  if (sqlstate.empty()) return session_error(connection, what);
  auto text = one_line(field(result, PG_DIAG_MESSAGE_PRIMARY));
  auto detail = one_line(field(result, PG_DIAG_MESSAGE_DETAIL));
  if (!detail.empty()) text += "; " + detail;
  bool broken = PQstatus(connection) == CONNECTION_BAD;
  Error error(broken ? ErrorKind::transient : kind_of_sqlstate(sqlstate),
              fmt::format("{}: {}{}{})", what, text, kSqlstateOpening, sqlstate));
  auto hint = one_line(field(result, PG_DIAG_MESSAGE_HINT));
  return hint.empty() ? error : std::move(error).with_hint(hint);
}

std::string sqlstate_of_verbose_message(std::string_view text) {
  // "FATAL:  28P01: password authentication failed ...": five characters between ": " and ":".
  for (size_t i = text.find(": "); i != std::string_view::npos; i = text.find(": ", i + 1)) {
    size_t begin = text.find_first_not_of(' ', i + 1);
    if (begin == std::string_view::npos || begin + 5 >= text.size()) continue;
    if (text[begin + 5] == ':' && is_sqlstate(text.substr(begin, 5))) return std::string(text.substr(begin, 5));
  }
  return {};
}

bool has_sqlstate(const Error& error, std::string_view sqlstate) {
  return error.message().find(fmt::format("{}{})", kSqlstateOpening, sqlstate)) != std::string::npos;
}

}  // namespace spendsync::postgres
