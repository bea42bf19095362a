#include "config/addresses.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

namespace spendsync::config {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<uint16_t> to_port(std::string_view text) {
  if (!all_digits(text) || text.size() > 5) return std::nullopt;
  uint32_t number = 0;
  for (char c : text) number = number * 10 + static_cast<uint32_t>(c - '0');
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<uint16_t>(number);
}

bool is_ip_address(std::string_view host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  const std::string terminated(host);
  return inet_pton(AF_INET, terminated.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, terminated.c_str(), ignored.data()) == 1;
}

/// "host:port" or "[v6]:port"; port 0 where none is given. Places count from the beginning of `text`.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
  bool has_port = false;
  size_t port_offset = 0;
};
Checked<HostAndPort> split_host(std::string_view text) {
  HostAndPort result;
  size_t after = 0;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return flaw(0, "'[' is never closed");
    result.host = text.substr(1, close - 1);
    after = close + 1;
  } else {
    after = std::min(text.find(':'), text.size());
    result.host = text.substr(0, after);
  }
  if (after == text.size()) return result;
  if (text[after] != ':')
    return flaw(after, fmt::format("{} stands where ':' and a port belong", quote(text.substr(after))));
  result.has_port = true;
  result.port_offset = after + 1;
  result.port = text.substr(after + 1);
  return result;
}

bool is_host_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' || c == ':';
}

/// user[:password]@: what stands before the host.
Checked<size_t> check_user(std::string_view authority, const UrlRule& rule) {
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return size_t{0};
  if (authority.substr(0, at).find(':') != std::string_view::npos) {
    return flaw(
        0, "a URL must not hold a password",
        rule.user ? "put it into a file and name that in 'password_file'" : "credentials have keys of their own");
  }
  if (!rule.user) return flaw(0, "a URL must not hold a user here", "credentials have keys of their own");
  return at + 1;
}

}  // namespace

Checked<void> check_url(std::string_view text, const UrlRule& rule) {
  const size_t scheme_end = text.find("://");
  const std::string_view scheme = text.substr(0, std::min(scheme_end, text.size()));
  const bool known = scheme_end != std::string_view::npos &&
                     std::find(rule.schemes.begin(), rule.schemes.end(), scheme) != rule.schemes.end();
  if (!known) {
    std::vector<std::string> forms;
    for (std::string_view s : rule.schemes) forms.push_back(fmt::format("{}://...", s));
    // A scheme that is not known could be a token that was pasted whole: it is not repeated.
    return flaw(0, "not a URL of a known scheme", fmt::format("write {}", fmt::join(forms, " or ")));
  }
  const size_t begin = scheme_end + 3;
  const size_t end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::string_view authority = text.substr(begin, end - begin);
  auto user = check_user(authority, rule);
  if (!user) return flaw(begin, user.error().message, user.error().suggestion);
  const size_t host_offset = begin + *user;
  const auto host = split_host(text.substr(host_offset, end - host_offset));
  if (!host) return flaw(host_offset + host.error().offset, host.error().message, host.error().suggestion);
  if (host->host.empty()) return flaw(host_offset, "URL has no host");
  if (!std::all_of(host->host.begin(), host->host.end(), is_host_character)) {
    return flaw(host_offset, fmt::format("host {} is not possible", quote(host->host)));
  }
  if (host->has_port && !to_port(host->port)) {
    return flaw(host_offset + host->port_offset, fmt::format("port {} is not possible", quote(host->port)),
                "1 to 65535");
  }
  const std::string_view rest = text.substr(end);
  if (!rule.path && !rest.empty() && rest != "/") {
    return flaw(end, fmt::format("{} after the host", quote(rest)), "scheme, host and port only");
  }
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20; })) {
    return flaw(end, "URL holds a space or a control character", "write it percent-encoded");
  }
  if (rule.plain_only_on_loopback && scheme == "http" && !is_loopback(host->host)) {
    return flaw(0, fmt::format("plain http:// to {} would be readable on the way", quote(host->host)),
                "use https://; http:// is for loopback addresses only");
  }
  return {};
}

Checked<void> check_email(std::string_view text) {
  const size_t at = text.find('@');
  const bool shaped = at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
                      text.find('@', at + 1) == std::string_view::npos && text.size() <= 254;  // RFC 5321, 4.5.3.1.3
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != '<' && c != '>' && c != ',' && c != ';' && c != '"';
  });
  if (!shaped || !clean) {
    return flaw(0, fmt::format("{} is not an e-mail address", quote(text)), "the bare form name@example.com");
  }
  return {};
}

Checked<ListenAddress> parse_address(std::string_view text) {
  const std::string example = "an IP address and a port, for example '127.0.0.1:9091' or '[::1]:9091'";
  const auto parts = split_host(text);
  if (!parts) return flaw(parts.error().offset, parts.error().message, example);
  if (parts->host != "localhost" && !is_ip_address(parts->host)) {
    return flaw(0, fmt::format("{} is not an address to listen on", quote(text)), example);
  }
  if (!parts->has_port) return flaw(text.size(), fmt::format("address {} has no port", quote(text)), example);
  const auto port = to_port(parts->port);
  if (!port) return flaw(parts->port_offset, fmt::format("port {} is not possible", quote(parts->port)), "1 to 65535");
  return ListenAddress{std::string(parts->host), *port};
}

bool is_loopback(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_ip_address(host));
}

}  // namespace spendsync::config
