#include "cli/screen/check_screen.h"

#include <fmt/format.h>

#include <array>

namespace spendsync::cli {

using health::CheckVerdict;

namespace {

std::string counted(size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string headline(const health::CheckReport& report) {
  const size_t problems = report.count(CheckVerdict::problem);
  const size_t warnings = report.count(CheckVerdict::warning);
  const std::string also = warnings == 0 ? "" : ", " + counted(warnings, "warning");
  if (problems > 0) {
    return fmt::format("PROBLEM  {}{}: the next backup would fail, or would not be enough",
                       counted(problems, "problem"), also);
  }
  if (warnings > 0) return fmt::format("OK       the next backup can run; {}", counted(warnings, "warning"));
  return "OK       the next backup can run; nothing to do";
}

std::vector<std::string> to_lines(const health::CheckReport& report, bool brief) {
  std::vector<std::string> lines = {headline(report)};
  constexpr std::array kOrder = {CheckVerdict::problem, CheckVerdict::warning, CheckVerdict::not_checked,
                                 CheckVerdict::ok};
  for (auto verdict : kOrder) {
    if (brief && verdict == CheckVerdict::ok) continue;
    for (const auto& item : report.items()) {
      if (item.verdict != verdict) continue;
      lines.push_back(fmt::format("{:<12} {:<24} {}", to_string(verdict), item.name, item.what));
      if (!item.fix.empty()) lines.push_back(fmt::format("{:<12} {:<24} -> {}", "", "", item.fix));
    }
  }
  return lines;
}

Json to_json(const health::CheckReport& report) {
  Json list = Json::array();
  for (const auto& item : report.items()) {
    Json json;
    json.set("name", item.name).set("verdict", to_string(item.verdict)).set("what", item.what);
    if (!item.fix.empty()) json.set("fix", item.fix);
    if (item.verdict == CheckVerdict::problem) json.set("exit_code", item.exit_code);
    list.push(std::move(json));
  }
  Json json;
  json.set("problems", uint64_t{report.count(CheckVerdict::problem)})
      .set("warnings", uint64_t{report.count(CheckVerdict::warning)});
  return json.set("not_checked", uint64_t{report.count(CheckVerdict::not_checked)}).set("items", std::move(list));
}

}  // namespace spendsync::cli
