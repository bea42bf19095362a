#include "config/cron.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto text = as_text(input);
  const auto expression = config::CronExpression::parse(text);
  if (!expression) {
    require(expression.error().offset <= text.size(), "a flaw lies in the text");
    return false;
  }
  const auto again = config::CronExpression::parse(expression->to_string());
  require(again && *again == *expression, "the canonical text means the same");
  int minute = 0;
  int hour = 0;
  while (!expression->minutes().test(static_cast<size_t>(minute))) ++minute;
  while (!expression->hours().test(static_cast<size_t>(hour))) ++hour;
  bool due = false;
  for (int day = 1; day <= 31; ++day) {
    for (int month = 1; month <= 12; ++month) {
      for (int weekday = 0; weekday < 7; ++weekday) {
        due = due || expression->matches(
                         {.minute = minute, .hour = hour, .day_of_month = day, .month = month, .day_of_week = weekday});
      }
    }
  }
  require(due, "some minute is due");
  return true;
}

}  // namespace

Target cron_target() {
  return {"cron",
          reads,
          texts({"0 0 * * 0", "*/15 * * * *", "5,35 1-5/2 1 jan-mar mon,wed-fri", "0 12 29 2 *", "0 0 31 * 7"}),
          texts({"", "* * * *", "60 * * * *", "0 0 30 2 *", "@daily", "*/0 * * * *", "5-1 * * * *", "0 0 * * 0 0"}),
          {"sun", "sat", "dec", "L", "#2", "?", "*/"}};
}

}  // namespace spendsync::fuzz
