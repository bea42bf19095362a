// Percent-encoding as AWS signs it (RFC 3986, section 2.3: only unreserved characters stand for themselves).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace spendsync::net {

/// Everything but A-Z a-z 0-9 - _ . ~ as %XX, upper case; '/' too unless `keep_slash`.
std::string percent_encode(std::string_view text, bool keep_slash = false);
/// "+" stands for itself. Errors: invalid for a '%' that no two hexadecimal digits follow.
Result<std::string> percent_decode(std::string_view text);

/// Decoded names and values, in any order.
using Query = std::vector<std::pair<std::string, std::string>>;
/// "a=1&b=" sorted by encoded name, then value, always with '='. Empty for an empty query.
std::string encode_query(const Query& query);

/// The parts of an endpoint: "https://s3.us-west-2.amazonaws.com:443/base".
struct Endpoint {
  std::string scheme;  // "http" or "https"
  std::string host;    // a name, or an address; IPv6 in brackets
  std::string port;    // empty: the scheme's own
  std::string path;    // without a slash at its end; empty: none
  /// As it stands in the Host header: without the scheme's own port.
  std::string authority() const;
  bool operator==(const Endpoint&) const = default;
};
/// Errors: invalid where it is no such URL, or has a user, a query or a fragment.
Result<Endpoint> parse_endpoint(std::string_view url);

}  // namespace spendsync::net
