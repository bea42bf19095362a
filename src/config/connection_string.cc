#include "config/connection_string.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace spendsync::config {
namespace {

/// PQconninfoOptions of PostgreSQL 13 to 18 (fe-connect.c), without debugging options and what is refused.
const std::vector<std::string_view>& known_keywords() {
  static const std::vector<std::string_view> keywords = {"application_name",
                                                         "channel_binding",
                                                         "client_encoding",
                                                         "connect_timeout",
                                                         "dbname",
                                                         "fallback_application_name",
                                                         "gssdelegation",
                                                         "gssencmode",
                                                         "gsslib",
                                                         "host",
                                                         "hostaddr",
                                                         "keepalives",
                                                         "keepalives_count",
                                                         "keepalives_idle",
                                                         "keepalives_interval",
                                                         "krbsrvname",
                                                         "load_balance_hosts",
                                                         "max_protocol_version",
                                                         "min_protocol_version",
                                                         "oauth_client_id",
                                                         "oauth_issuer",
                                                         "oauth_scope",
                                                         "options",
                                                         "passfile",
                                                         "port",
                                                         "require_auth",
                                                         "requirepeer",
                                                         "scram_client_key",
                                                         "scram_server_key",
                                                         "service",
                                                         "servicefile",
                                                         "ssl_max_protocol_version",
                                                         "ssl_min_protocol_version",
                                                         "sslcert",
                                                         "sslcertmode",
                                                         "sslcompression",
                                                         "sslcrl",
                                                         "sslcrldir",
                                                         "sslkey",
                                                         "sslkeylogfile",
                                                         "sslmode",
                                                         "sslnegotiation",
                                                         "sslrootcert",
                                                         "sslsni",
                                                         "target_session_attrs",
                                                         "tcp_user_timeout",
                                                         "user"};
  return keywords;
}

constexpr std::string_view kPasswordHint = "put it into ~/.pgpass (mode 0600) or a service file";

Checked<void> check_port(std::string_view ports, size_t offset) {
  size_t begin = 0;
  while (begin <= ports.size()) {  // one a host, separated by commas; an empty one is the default
    const size_t end = std::min(ports.find(',', begin), ports.size());
    const std::string_view port = ports.substr(begin, end - begin);
    const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    int value = 0;
    for (char c : port.substr(0, 6)) value = value * 10 + (digits ? c - '0' : 0);
    if (!digits || port.size() > 5 || (!port.empty() && (value < 1 || value > 65535))) {
      return flaw(offset + begin, fmt::format("port {} is not possible", quote(port)), "1 to 65535");
    }
    begin = end + 1;
  }
  return {};
}

Checked<void> check_option(std::string_view keyword, std::string_view value, size_t keyword_offset,
                           size_t value_offset) {
  static constexpr std::array kSecrets = {"password", "sslpassword", "oauth_client_secret", "scram_client_key",
                                          "scram_server_key"};
  if (std::find(kSecrets.begin(), kSecrets.end(), keyword) != kSecrets.end()) {
    return flaw(keyword_offset, fmt::format("a connection string must not hold '{}'", keyword),
                std::string(kPasswordHint));
  }
  if (keyword == "replication") {
    return flaw(keyword_offset, "'replication' is set by the program itself", "remove it");
  }
  const auto& known = known_keywords();
  if (std::find(known.begin(), known.end(), keyword) == known.end()) {
    return flaw(keyword_offset, fmt::format("unknown connection parameter {}", quote(keyword)),
                did_you_mean(keyword, known));
  }
  if (keyword == "port") return check_port(value, value_offset);
  return {};
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

/// Walks keyword = value pairs as conninfo_parse() does: spaces around '=', values in single quotes, backslashes.
class KeywordReader {
 public:
  explicit KeywordReader(std::string_view text) : text_(text) {}

  Checked<void> check() {
    while (skip_spaces()) {
      const size_t keyword_offset = at_;
      while (at_ < text_.size() && text_[at_] != '=' && !is_space(text_[at_])) ++at_;
      const std::string_view keyword = text_.substr(keyword_offset, at_ - keyword_offset);
      skip_spaces();
      if (at_ >= text_.size() || text_[at_] != '=') {
        return flaw(keyword_offset, fmt::format("{} has no '=' and value", quote(keyword)),
                    "values with spaces stand in single quotes");
      }
      ++at_;
      skip_spaces();
      const size_t value_offset = at_;
      std::string value;
      if (!read_value(value)) return flaw(value_offset, "single quote is never closed", "add the closing quote");
      auto checked = check_option(keyword, value, keyword_offset, value_offset);
      if (!checked) return checked;
    }
    return {};
  }

 private:
  bool skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size();
  }

  bool read_value(std::string& value) {
    const bool quoted = at_ < text_.size() && text_[at_] == '\'';
    if (quoted) ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (quoted ? c == '\'' : is_space(c)) {
        if (quoted) ++at_;
        return true;
      }
      if (c == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_++];
    }
    return !quoted;
  }

  std::string_view text_;
  size_t at_ = 0;
};

Checked<void> check_query(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return flaw(begin, fmt::format("{} has no '=' and value", quote(pair)));
    std::string_view keyword = pair.substr(0, equals);
    if (keyword == "ssl") keyword = "sslmode";  // JDBC's spelling, which libpq accepts
    auto checked = check_option(keyword, pair.substr(equals + 1), begin, begin + equals + 1);
    if (!checked) return checked;
    begin = end + 1;
  }
  return {};
}

/// scheme://[user[:password]@][host[:port][,...]][/dbname][?keyword=value&...]
Checked<void> check_uri(std::string_view text, size_t scheme_length) {
  const size_t authority_end = std::min(text.find_first_of("/?", scheme_length), text.size());
  const std::string_view authority = text.substr(scheme_length, authority_end - scheme_length);
  const size_t at_sign = authority.rfind('@');
  const std::string_view user = at_sign == std::string_view::npos ? "" : authority.substr(0, at_sign);
  if (const size_t colon = user.find(':'); colon != std::string_view::npos) {
    return flaw(scheme_length + colon + 1, "a connection string must not hold a password", std::string(kPasswordHint));
  }
  const size_t query = text.find('?', authority_end);
  return query == std::string_view::npos ? Checked<void>() : check_query(text, query + 1);
}

}  // namespace

Checked<void> check_connection_string(std::string_view text) {
  for (std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (text.starts_with(scheme)) return check_uri(text, scheme.size());
  }
  if (std::all_of(text.begin(), text.end(), is_space)) {
    return flaw(0, "connection string is empty", "leave the key out for the default");
  }
  return KeywordReader(text).check();
}

}  // namespace spendsync::config
