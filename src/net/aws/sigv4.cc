#include "net/aws/sigv4.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <map>

#include "base/sha256.h"
#include "base/time.h"

namespace spendsync::net::aws {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

/// Without spaces at its ends, and with single ones inside.
std::string folded(std::string_view value) {
  std::string out;
  bool space = false;
  for (char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += c;
  }
  return out;
}

/// By lower-case name; values of the same name in their order, with commas between.
std::map<std::string, std::string> canonical_headers(const Headers& headers) {
  std::map<std::string, std::string> canonical;
  for (const auto& header : headers) {
    auto [at, is_new] = canonical.emplace(lower_case(header.name), folded(header.value));
    if (!is_new) at->second += "," + folded(header.value);
  }
  return canonical;
}

std::string signed_names(const std::map<std::string, std::string>& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

Sha256Digest chain(const Sha256Digest& key, std::string_view text) { return hmac_sha256(key, as_bytes(text)); }

Sha256Digest signing_key(const Credentials& credentials, std::string_view date, const SigningScope& scope) {
  std::string secret = "AWS4" + credentials.secret_access_key;
  const auto first = hmac_sha256(as_bytes(secret), as_bytes(date));
  OPENSSL_cleanse(secret.data(), secret.size());
  return chain(chain(chain(first, scope.region), scope.service), "aws4_request");
}

}  // namespace

Credentials::~Credentials() {
  OPENSSL_cleanse(secret_access_key.data(), secret_access_key.size());
  OPENSSL_cleanse(session_token.data(), session_token.size());
}

std::string canonical_request(const SigningRequest& request) {
  const auto headers = canonical_headers(request.headers);
  std::string text = request.method + "\n" + request.path + "\n" + encode_query(request.query) + "\n";
  for (const auto& [name, value] : headers) text += name + ":" + value + "\n";
  return text + "\n" + signed_names(headers) + "\n" + request.payload_hash;
}

Headers sign(const SigningRequest& request, const SigningScope& scope, const Credentials& credentials, Timestamp now) {
  const auto moment = format_compact_utc(now);  // "20150830T123600Z"
  const auto date = moment.substr(0, 8);
  Headers added{{"X-Amz-Date", moment}};
  if (!credentials.session_token.empty()) added.push_back({"X-Amz-Security-Token", credentials.session_token});
  auto whole = request;
  whole.headers.insert(whole.headers.end(), added.begin(), added.end());
  const auto credential_scope = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const auto to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, moment, credential_scope,
                                   to_hex(sha256(as_bytes(canonical_request(whole)))));
  const auto signature = hmac_sha256(signing_key(credentials, date, scope), as_bytes(to_sign));
  added.push_back({"Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                                                credentials.access_key_id, credential_scope,
                                                signed_names(canonical_headers(whole.headers)), to_hex(signature))});
  return added;
}

}  // namespace spendsync::net::aws
