#include "repository/label.h"

#include "base/testing.h"
#include "base/time.h"

namespace spendsync::repository {
namespace {

TEST(Label, IsMadeFromTheSecondAndTheType) {
  auto start = MUST(parse_rfc3339("2024-03-15T14:30:05.999999Z"));
  auto label = Label::make(start, BackupType::transaction_logs);
  EXPECT_EQ(label.text(), "20240315T143005Z-transaction_logs");
  EXPECT_EQ(label.start(), MUST(parse_rfc3339("2024-03-15T14:30:05Z")));
  EXPECT_EQ(label.next().text(), "20240315T143006Z-transaction_logs");
}

TEST(Label, ReadsExactlyWhatItWrites) {
  for (const char* text : {"20240315T000000Z-full", "20240229T235959Z-incremental", "19700101T000000Z-full"}) {
    EXPECT_EQ(MUST(Label::parse(text)).text(), text);
  }
  for (const char* text : {"", "-full", "20240315T000000Z", "20240315T000000Z-", "20240315T000000Z-Full",
                           "20240315T000000-full", "20240230T000000Z-full", "20240315T000000Z-full/",
                           "20240315T000000Z-full ", "20240315T240000Z-full", "2024-03-15T00:00:00Z-full"}) {
    EXPECT_KIND(Label::parse(text), ErrorKind::invalid);
  }
}

TEST(Label, SortsByStart) {
  auto early = MUST(Label::parse("20240315T000000Z-transaction_logs"));
  auto late = MUST(Label::parse("20240315T000001Z-full"));
  EXPECT_LT(early, late);
}

}  // namespace
}  // namespace spendsync::repository
