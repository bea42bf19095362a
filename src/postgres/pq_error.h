// What libpq reports, as an Error. Inside this folder only.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

struct pg_conn;
struct pg_result;

namespace spendsync::postgres {

/// From a failed result: message "<what>: <server's message> (SQLSTATE 55006)", the server's own hint, and the kind
/// that its SQLSTATE (manual, appendix "PostgreSQL Error Codes") stands for. Transient when the session is broken.
Error result_error(pg_conn* connection, const pg_result* result, std::string_view what);
/// From the connection's own message, when there is no result. Always transient.
Error session_error(pg_conn* connection, std::string_view what);
/// From a connection attempt that failed with PQERRORS_VERBOSE on: the SQLSTATE stands in the text, whatever the
/// server's language. Empty when the server never answered.
std::string sqlstate_of_verbose_message(std::string_view text);
/// The server's or libpq's message on one line.
std::string one_line(std::string_view text);

ErrorKind kind_of_sqlstate(std::string_view sqlstate);

}  // namespace spendsync::postgres
