#include "net/uri.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::net {
namespace {

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Error(ErrorKind::invalid, fmt::format("'{}' has a % that no two hexadecimal digits follow", text));
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string encode_query(const Query& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) encoded.emplace_back(percent_encode(name), percent_encode(value));
  std::ranges::sort(encoded);
  std::string out;
  for (const auto& [name, value] : encoded) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string Endpoint::authority() const {
  const bool own = port.empty() || (scheme == "https" && port == "443") || (scheme == "http" && port == "80");
  return own ? host : host + ":" + port;
}

Result<Endpoint> parse_endpoint(std::string_view url) {
  auto wrong = [&](const char* why) {
    return Error(ErrorKind::invalid, fmt::format("'{}' is no endpoint: {}", url, why))
        .with_hint("an endpoint looks like https://s3.example.com:9000");
  };
  Endpoint endpoint;
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return wrong("it does not begin with https:// or http://");
  endpoint.scheme = url.substr(0, scheme_end);
  if (endpoint.scheme != "https" && endpoint.scheme != "http") return wrong("its scheme is neither https nor http");
  auto rest = url.substr(scheme_end + 3);
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos) {
    return wrong("a user, a query or a fragment is no part of one");
  }
  const auto path_begin = std::min(rest.find('/'), rest.size());
  endpoint.path = rest.substr(path_begin);
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  auto authority = rest.substr(0, path_begin);
  const auto address_end = authority.starts_with('[') ? authority.find(']') : 0;
  if (address_end == std::string_view::npos) return wrong("its address has no closing bracket");
  const auto colon = authority.find(':', address_end);
  endpoint.host = authority.substr(0, colon);
  if (colon != std::string_view::npos) endpoint.port = authority.substr(colon + 1);
  if (endpoint.host.empty()) return wrong("it names no host");
  const bool digits = std::ranges::all_of(endpoint.port, [](char c) { return c >= '0' && c <= '9'; });
  const bool in_range = endpoint.port.empty() || (endpoint.port.size() <= 5 && digits && std::stoi(endpoint.port) > 0 &&
                                                  std::stoi(endpoint.port) <= 65535);
  if (!in_range || (colon != std::string_view::npos && endpoint.port.empty())) return wrong("its port is none");
  return endpoint;
}

}  // namespace spendsync::net
