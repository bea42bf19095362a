// AWS Signature Version 4, in the Authorization header.
// Source: AWS General Reference, "Signature Version 4 signing process"; S3 API Reference, "Authenticating requests".
#pragma once

#include "net/aws/credentials.h"
#include "net/header.h"
#include "net/uri.h"

namespace spendsync::net::aws {

/// SHA-256 of nothing, in lower-case hexadecimal digits.
inline constexpr const char* kEmptyPayloadHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct SigningRequest {
  std::string method;
  std::string path;  // as it is sent, encoded once: S3 normalizes nothing. Begins with '/'
  Query query{};
  Headers headers{};         // all of them are signed; Host must be among them
  std::string payload_hash;  // hexadecimal SHA-256 of the body
};

struct SigningScope {
  std::string region;
  std::string service;  // "s3", "kms", "sts"
};

/// The headers to be sent in addition: X-Amz-Date, X-Amz-Security-Token with a session token, Authorization.
/// `now` is the clock of the server, as far as it is known: it refuses what is 15 minutes off. Pure.
Headers sign(const SigningRequest& request, const SigningScope& scope, const Credentials& credentials, Timestamp now);

/// The text whose hash is signed, for tests and for those who debug a refused signature. `request` with all headers.
std::string canonical_request(const SigningRequest& request);

}  // namespace spendsync::net::aws
