#include "cli/line/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"

namespace spendsync::cli {
namespace {

std::string digits_of(std::string_view code) {
  std::string digits;
  for (char c : code) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits;
}

std::string group_title(Condition condition) {
  switch (static_cast<unsigned>(condition) / 100) {
    case 10:
      return "General";
    case 11:
      return "Repository";
    case 12:
      return "Keys";
    case 13:
      return "PostgreSQL server";
    case 14:
      return "WAL";
    case 15:
      return "Restore";
    default:
      return "Host";
  }
}

}  // namespace

const Explanation* find_explanation(std::string_view code) {
  const auto digits = digits_of(code);
  for (const auto& explanation : explanations()) {
    if (digits == digits_of(code_of(explanation.condition))) return &explanation;
  }
  return nullptr;
}

std::string to_text(const Explanation& explanation) {
  return fmt::format("{}: {}\n\n{}\n\nLikely causes: {}\n\nWhat to do: {}\n", code_of(explanation.condition),
                     explanation.title, explanation.meaning, explanation.causes, explanation.remedy);
}

std::string errors_markdown() {
  std::string page =
      "# Errors\n\n"
      "<!-- generated from src/cli/line/explain_table.cc: SPENDSYNC_UPDATE_GENERATED=1 cli_test "
      "--gtest_filter='Generated.*' -->\n\n"
      "Every `error:` line ends with a code in brackets, which `spendsync-backup explain CODE` explains; with `--json` "
      "it is the member `code`. A code keeps its meaning for ever. What the command's exit status means is in "
      "[exit-codes.md](exit-codes.md).\n";
  std::string group;
  for (const auto& explanation : explanations()) {
    const auto title = group_title(explanation.condition);
    if (title != group) page += "\n## " + title + "\n";
    group = title;
    page +=
        fmt::format("\n### {}: {}\n\n{}\n\n*Likely causes:* {}\n\n*What to do:* {}\n", code_of(explanation.condition),
                    explanation.title, explanation.meaning, explanation.causes, explanation.remedy);
  }
  return page;
}

}  // namespace spendsync::cli
