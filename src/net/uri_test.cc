#include "net/uri.h"

#include "base/testing.h"

namespace spendsync::net {
namespace {

TEST(Uri, EncodesEverythingThatIsReserved) {
  EXPECT_EQ(percent_encode("AZaz09-_.~"), "AZaz09-_.~");
  EXPECT_EQ(percent_encode("a b+c/d%e=&;:,@()!'*"), "a%20b%2Bc%2Fd%25e%3D%26%3B%3A%2C%40%28%29%21%27%2A");
  EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
  EXPECT_EQ(percent_encode("\xc3\xa4\x01"), "%C3%A4%01");
  EXPECT_EQ(MUST(percent_decode("a%20b%2bc+%C3%A4")), "a b+c+\xc3\xa4");
  for (const char* wrong : {"%", "%4", "%4x", "a%zz"}) EXPECT_KIND(percent_decode(wrong), ErrorKind::invalid);
}

TEST(Uri, SortsAQueryByItsEncodedNames) {
  EXPECT_EQ(encode_query({}), "");
  EXPECT_EQ(encode_query({{"uploads", ""}}), "uploads=");
  EXPECT_EQ(encode_query({{"prefix", "a/b"}, {"list-type", "2"}, {"delimiter", "/"}}),
            "delimiter=%2F&list-type=2&prefix=a%2Fb");
  EXPECT_EQ(encode_query({{"b", "2"}, {"b", "1"}, {"B", "3"}}), "B=3&b=1&b=2");
}

TEST(Uri, TakesEndpointsApart) {
  EXPECT_EQ(MUST(parse_endpoint("https://s3.us-west-2.amazonaws.com")),
            (Endpoint{"https", "s3.us-west-2.amazonaws.com", "", ""}));
  const auto other = MUST(parse_endpoint("http://127.0.0.1:8001/base/"));
  EXPECT_EQ(other, (Endpoint{"http", "127.0.0.1", "8001", "/base"}));
  EXPECT_EQ(other.authority(), "127.0.0.1:8001");
  EXPECT_EQ(MUST(parse_endpoint("https://[::1]:443")).authority(), "[::1]");
  EXPECT_EQ(MUST(parse_endpoint("https://[::1]:8443")).authority(), "[::1]:8443");
  for (const char* wrong :
       {"", "s3.example.com", "ftp://x", "https://", "https://user@host", "https://host?x=1",
        "https://host:", "https://host:0", "https://host:99999", "https://host:8a", "https://[::1", "https://ho st"}) {
    SCOPED_TRACE(wrong);
    EXPECT_KIND(parse_endpoint(wrong), ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace spendsync::net
