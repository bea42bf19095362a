#include "config/connection_string.h"

#include <gtest/gtest.h>

namespace spendsync::config {
namespace {

TEST(ConnectionString, AcceptsWhatLibpqAccepts) {
  for (const char* text : {
           "host=/var/run/postgresql port=5432 user=postgres dbname=postgres",
           "host = db1  user='my user'  application_name='it\\'s'",
           "host=a,b port=5432,5433 target_session_attrs=read-write",
           "service=production",
           "options='-c statement_timeout=0'",
           "passfile=/etc/spendsync/pgpass user=backup",
           "postgresql://",
           "postgresql://backup@db1:5432/postgres?sslmode=verify-full&connect_timeout=10",
           "postgres://[::1]:5432/postgres",
           "user=a\\ b",
           "host=db1 dbname=",
       }) {
    const auto checked = check_connection_string(text);
    EXPECT_TRUE(checked.has_value()) << text << ": " << (checked ? "" : checked.error().message);
  }
}

struct BadCase {
  const char* text;
  size_t offset;
  const char* message;
};

class BadConnectionString : public testing::TestWithParam<BadCase> {};

TEST_P(BadConnectionString, IsRefusedWhereItIsWrong) {
  const auto checked = check_connection_string(GetParam().text);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().offset, GetParam().offset);
  EXPECT_EQ(checked.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadConnectionString,
    testing::Values(BadCase{"", 0, "connection string is empty"},
                    BadCase{"host=db1 password=hunter2", 9, "a connection string must not hold 'password'"},
                    BadCase{"host=db1 password = 'hunter2'", 9, "a connection string must not hold 'password'"},
                    BadCase{"host=db1 sslpassword=x", 9, "a connection string must not hold 'sslpassword'"},
                    BadCase{"postgresql://u:p@db1/x", 15, "a connection string must not hold a password"},
                    BadCase{"postgresql://u:@db1/x", 15, "a connection string must not hold a password"},
                    BadCase{"postgres://db1/x?password=p", 17, "a connection string must not hold 'password'"},
                    BadCase{"postgres:///x?user=a&passw%6Frd=p", 21, "unknown connection parameter 'passw%6Frd'"},
                    BadCase{"hots=db1", 0, "unknown connection parameter 'hots'"},
                    BadCase{"db1", 0, "'db1' has no '=' and value"},
                    BadCase{"host=db1 port", 9, "'port' has no '=' and value"},
                    BadCase{"host='db1", 5, "single quote is never closed"},
                    BadCase{"port=0", 5, "port '0' is not possible"},
                    BadCase{"port=5432,x", 10, "port 'x' is not possible"},
                    BadCase{"host=db1 replication=database", 9, "'replication' is set by the program itself"}));

TEST(ConnectionString, FindsAPasswordBehindAQuotedValue) {
  const auto checked = check_connection_string("application_name='x password=y' password=z");
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().offset, 32u);
  EXPECT_TRUE(check_connection_string("application_name='x password=y'").has_value())
      << "that is a name, not a password";
}

}  // namespace
}  // namespace spendsync::config
