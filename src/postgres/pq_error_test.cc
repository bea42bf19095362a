#include "postgres/pq_error.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "postgres/connection.h"

namespace spendsync::postgres {
namespace {

TEST(Sqlstate, DecidesTheKind) {
  EXPECT_EQ(kind_of_sqlstate("28P01"), ErrorKind::denied);
  EXPECT_EQ(kind_of_sqlstate("42501"), ErrorKind::denied);
  EXPECT_EQ(kind_of_sqlstate("57P03"), ErrorKind::transient);
  EXPECT_EQ(kind_of_sqlstate("53300"), ErrorKind::transient);
  EXPECT_EQ(kind_of_sqlstate("53400"), ErrorKind::exhausted);
  EXPECT_EQ(kind_of_sqlstate("53100"), ErrorKind::exhausted);
  EXPECT_EQ(kind_of_sqlstate("55006"), ErrorKind::conflict);
  EXPECT_EQ(kind_of_sqlstate("55000"), ErrorKind::refused);
  EXPECT_EQ(kind_of_sqlstate("42710"), ErrorKind::already_exists);
  EXPECT_EQ(kind_of_sqlstate("42704"), ErrorKind::not_found);
  EXPECT_EQ(kind_of_sqlstate("42601"), ErrorKind::invalid);
  EXPECT_EQ(kind_of_sqlstate("58P01"), ErrorKind::not_found);
  EXPECT_EQ(kind_of_sqlstate("XX001"), ErrorKind::corrupt);
  EXPECT_EQ(kind_of_sqlstate("XX000"), ErrorKind::internal);
}

TEST(Sqlstate, IsFoundInALoginsVerboseMessageOfAnyLanguage) {
  EXPECT_EQ(
      sqlstate_of_verbose_message("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
                                  "authentication failed for user \"x\"\nLOCATION:  auth_failed, auth.c:333\n"),
      "28P01");
  EXPECT_EQ(sqlstate_of_verbose_message("... fehlgeschlagen: SCHWERWIEGEND:  57P03: das Datenbanksystem startet\n"),
            "57P03");
  EXPECT_EQ(sqlstate_of_verbose_message("connection to server at \"h\" failed: Connection refused\n\tIs it running?"),
            "");
  EXPECT_EQ(sqlstate_of_verbose_message("failed: FATAL: PANIC: x"), "");
  EXPECT_EQ(sqlstate_of_verbose_message(""), "");
}

TEST(Sqlstate, IsRecognisedInAnError) {
  EXPECT_TRUE(has_sqlstate(Error(ErrorKind::conflict, "dropping: slot is active (SQLSTATE 55006)"), "55006"));
  EXPECT_FALSE(has_sqlstate(Error(ErrorKind::conflict, "table 55006"), "55006"));
}

TEST(OneLine, FoldsWhiteSpace) { EXPECT_EQ(one_line(" a\n\tb  c \r\n"), "a b c"); }

}  // namespace
}  // namespace spendsync::postgres
