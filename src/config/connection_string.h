// libpq connection strings, judged without libpq: this layer must know where in the file something is wrong.
#pragma once

#include <string_view>

#include "config/diagnostics.h"

namespace spendsync::config {

/// Judges "keyword=value ..." (libpq manual, 34.1.1.1) and "postgresql://..." (34.1.1.2). Refused: secrets
/// (password, sslpassword, oauth_client_secret), unknown keywords, `replication` (the program sets it), bad ports.
Checked<void> check_connection_string(std::string_view text);

}  // namespace spendsync::config
