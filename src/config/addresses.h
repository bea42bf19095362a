// Where things are in the network: listening addresses, URLs, e-mail addresses.
#pragma once

#include <string_view>

#include "config/config.h"
#include "config/diagnostics.h"
#include "config/table.h"

namespace spendsync::config {

/// "127.0.0.1:9091", "[::1]:9091", "localhost:9091".
Checked<ListenAddress> parse_address(std::string_view text);

/// Judges scheme, user, host, port and what follows by the rule. A password is refused and never repeated.
Checked<void> check_url(std::string_view text, const UrlRule& rule);

/// The bare form, name@example.com.
Checked<void> check_email(std::string_view text);

/// Is the host this machine's own (127.0.0.0/8, ::1, localhost)?
bool is_loopback(std::string_view host);

}  // namespace spendsync::config
