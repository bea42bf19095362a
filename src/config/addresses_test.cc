#include "config/addresses.h"

#include <gtest/gtest.h>

#include "config/scalars.h"

namespace spendsync::config {
namespace {

Type of_kind(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

TEST(Address, TakesAddressesOfBothFamiliesAndLocalhost) {
  EXPECT_EQ(parse_address("127.0.0.1:9091"), (ListenAddress{"127.0.0.1", 9091}));
  EXPECT_EQ(parse_address("[::1]:80"), (ListenAddress{"::1", 80}));
  EXPECT_EQ(parse_address("localhost:65535"), (ListenAddress{"localhost", 65535}));
  for (const char* text : {"", ":9091", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:9x",
                           "::1:9091", "[::1]", "[::1", "[::1]9091", "db1:9091", "300.0.0.1:1"}) {
    EXPECT_FALSE(parse_address(text).has_value()) << text;
  }
}

TEST(Loopback, IsJudgedByAddressNotByName) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.9.9.9"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("127.0.0.1.example.com"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_FALSE(is_loopback("::"));
}

TEST(Url, AllowsPlainHttpOnLoopbackOnly) {
  Type endpoint = of_kind(Kind::url);
  endpoint.url = {.schemes = {"https", "http"}, .plain_only_on_loopback = true};
  EXPECT_TRUE(parse_scalar("https://s3.example.com", endpoint).has_value());
  EXPECT_TRUE(parse_scalar("https://s3.example.com:9000/", endpoint).has_value());
  EXPECT_TRUE(parse_scalar("http://127.0.0.1:9000", endpoint).has_value());
  EXPECT_TRUE(parse_scalar("http://[::1]:9000", endpoint).has_value());
  for (const char* text :
       {"http://s3.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "https://", "https:///x",
        "https://h:0", "https://h:99999", "https://h/p", "https://h?q", "https://u@h", "https://a b", "HTTPS://h"}) {
    EXPECT_FALSE(parse_scalar(text, endpoint).has_value()) << text;
  }
}

TEST(Url, NeverRepeatsAPassword) {
  Type smtp = of_kind(Kind::url);
  smtp.url = {.schemes = {"smtps", "smtp"}, .user = true};
  EXPECT_TRUE(parse_scalar("smtps://backup@mail.example.com:465", smtp).has_value());
  const auto refused = parse_scalar("smtps://backup:hunter2@mail.example.com", smtp);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().offset, 8u);
  EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos);
}

TEST(EmailAddress, IsTheBareForm) {
  const Type email = of_kind(Kind::email);
  EXPECT_TRUE(parse_scalar("dba@example.com", email).has_value());
  for (const char* text :
       {"", "dba", "@example.com", "dba@", "a@b@c", "A <a@b.c>", "a@b.c, d@e.f", "a@b\r\nBcc: x@y"}) {
    EXPECT_FALSE(parse_scalar(text, email).has_value()) << text;
  }
}

}  // namespace
}  // namespace spendsync::config
