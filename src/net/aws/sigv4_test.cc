#include "net/aws/sigv4.h"

#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync::net::aws {
namespace {

constexpr const char* kVectors = SSB_SOURCE_ROOT "/src/net/aws/testdata/sigv4.json";

struct Parsed {
  SigningRequest request;
  std::string body;
};

/// The raw HTTP request of a vector: lines that begin with a space go on with the value before.
Parsed parse(const std::string& text) {
  Parsed parsed;
  const auto head_end = text.find("\n\n");
  if (head_end != std::string::npos) parsed.body = text.substr(head_end + 2);
  std::istringstream head(text.substr(0, head_end));
  std::string line;
  std::getline(head, line);
  const auto target_begin = line.find(' ') + 1;
  const auto target_end = line.rfind(' ');
  const auto target = line.substr(target_begin, target_end - target_begin);
  parsed.request.method = line.substr(0, target_begin - 1);
  const auto query_begin = target.find('?');
  parsed.request.path = percent_encode(MUST(percent_decode(target.substr(0, query_begin))), true);
  if (query_begin != std::string::npos) {
    std::istringstream query(target.substr(query_begin + 1));
    for (std::string part; std::getline(query, part, '&');) {
      const auto equals = std::min(part.find('='), part.size());
      parsed.request.query.emplace_back(MUST(percent_decode(part.substr(0, equals))),
                                        MUST(percent_decode(part.substr(std::min(equals + 1, part.size())))));
    }
  }
  while (std::getline(head, line)) {
    if (line.starts_with(' ')) {
      parsed.request.headers.back().value += line;
      continue;
    }
    const auto colon = line.find(':');
    parsed.request.headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
  }
  return parsed;
}

TEST(SigV4, SignsAsThePublishedVectors) {
  const auto vectors = MUST(Json::parse(MUST(read_text_file(kVectors))));
  const auto& cases = *MUST(vectors.array_of("cases"));
  EXPECT_GE(cases.size(), 31u);
  for (const auto& one : cases) {
    SCOPED_TRACE(MUST(one.text("name")));
    auto parsed = parse(MUST(one.text("request")));
    parsed.request.payload_hash = to_hex(sha256(as_bytes(parsed.body)));
    if (MUST(one.boolean("sign_body"))) {
      parsed.request.headers.push_back({"X-Amz-Content-Sha256", parsed.request.payload_hash});
    }
    // "omit": the token is added after signing, which S3 does not ask for.
    const auto token = MUST(one.boolean("omit_session_token")) ? std::string() : MUST(one.text("token"));
    const Credentials credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token);
    const auto now = MUST(parse_compact_utc("20150830T123600Z"));
    const auto added = sign(parsed.request, {"us-east-1", "service"}, credentials, now);
    auto whole = parsed.request;
    for (const auto& header : added) {
      if (header.name != "Authorization") whole.headers.push_back(header);
    }
    EXPECT_EQ(canonical_request(whole), MUST(one.text("canonical")));
    const auto* authorization = find_header(added, "authorization");
    ASSERT_NE(authorization, nullptr);
    EXPECT_TRUE(authorization->ends_with("Signature=" + MUST(one.text("signature")))) << *authorization;
  }
}

/// S3 API Reference, "Examples: Signature calculations in AWS Signature Version 4": GET Object.
TEST(SigV4, SignsAsTheExampleOfS3) {
  const Credentials credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  const SigningRequest request{.method = "GET",
                               .path = "/test.txt",
                               .headers = {{"Host", "examplebucket.s3.amazonaws.com"},
                                           {"Range", "bytes=0-9"},
                                           {"x-amz-content-sha256", kEmptyPayloadHash}},
                               .payload_hash = kEmptyPayloadHash};
  const auto added = sign(request, {"us-east-1", "s3"}, credentials, MUST(parse_compact_utc("20130524T000000Z")));
  EXPECT_EQ(*find_header(added, "Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

}  // namespace
}  // namespace spendsync::net::aws
