#include "cli/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/exit_code.h"

namespace spendsync::cli {
namespace {

constexpr std::array kGravestFirst = {kDamaged, kUnreachable, kUsage, kRefused};

std::string counted(size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string_view to_string(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::ok:
      return "ok";
    case CheckVerdict::warning:
      return "warning";
    case CheckVerdict::problem:
      return "problem";
    case CheckVerdict::not_checked:
      return "not checked";
  }
  return "unknown";
}

CheckItem problem_of(std::string name, const Error& error) {
  return {.name = std::move(name),
          .verdict = CheckVerdict::problem,
          .what = error.message(),
          .fix = error.hint(),
          .exit_code = exit_code(error, 0)};
}

void CheckReport::add(std::vector<CheckItem> items) {
  for (auto& item : items) items_.push_back(std::move(item));
}

void CheckReport::pass(std::string name, std::string what) {
  add({.name = std::move(name), .verdict = CheckVerdict::ok, .what = std::move(what)});
}

void CheckReport::skip(std::string name, std::string why) {
  add({.name = std::move(name), .verdict = CheckVerdict::not_checked, .what = "because " + why});
}

void CheckReport::call_with(const std::string& configuration) {
  constexpr std::string_view kProgram = "spendsync-backup ";
  const std::string option = "--config " + configuration + " ";
  for (auto& item : items_) {
    for (size_t at = item.fix.find(kProgram); at != std::string::npos; at = item.fix.find(kProgram, at)) {
      at += kProgram.size();
      item.fix.insert(at, option);
    }
  }
}

size_t CheckReport::count(CheckVerdict verdict) const {
  return static_cast<size_t>(
      std::count_if(items_.begin(), items_.end(), [&](const CheckItem& item) { return item.verdict == verdict; }));
}

int CheckReport::exit_code() const {
  std::vector<int> codes;
  for (const auto& item : items_) {
    if (item.verdict == CheckVerdict::problem) codes.push_back(item.exit_code);
  }
  if (codes.empty()) return kDone;
  for (int code : kGravestFirst) {
    if (std::find(codes.begin(), codes.end(), code) != codes.end()) return code;
  }
  // What would make the next backup fail comes before what only makes the present ones too old.
  for (int code : codes) {
    if (code != kObjectiveMissed) return code == kDone ? kFailed : code;
  }
  return kObjectiveMissed;
}

std::string CheckReport::headline() const {
  const size_t problems = count(CheckVerdict::problem);
  const size_t warnings = count(CheckVerdict::warning);
  const std::string also = warnings == 0 ? "" : ", " + counted(warnings, "warning");
  if (problems > 0) {
    return fmt::format("PROBLEM  {}{}: the next backup would fail, or would not be enough",
                       counted(problems, "problem"), also);
  }
  if (warnings > 0) return fmt::format("OK       the next backup can run; {}", counted(warnings, "warning"));
  return "OK       the next backup can run; nothing to do";
}

std::vector<std::string> CheckReport::lines(bool brief) const {
  std::vector<std::string> lines = {headline()};
  constexpr std::array kOrder = {CheckVerdict::problem, CheckVerdict::warning, CheckVerdict::not_checked,
                                 CheckVerdict::ok};
  for (auto verdict : kOrder) {
    if (brief && verdict == CheckVerdict::ok) continue;
    for (const auto& item : items_) {
      if (item.verdict != verdict) continue;
      lines.push_back(fmt::format("{:<12} {:<24} {}", to_string(verdict), item.name, item.what));
      if (!item.fix.empty()) lines.push_back(fmt::format("{:<12} {:<24} -> {}", "", "", item.fix));
    }
  }
  return lines;
}

Json CheckReport::to_json() const {
  Json list = Json::array();
  for (const auto& item : items_) {
    Json json;
    json.set("name", item.name).set("verdict", to_string(item.verdict)).set("what", item.what);
    if (!item.fix.empty()) json.set("fix", item.fix);
    if (item.verdict == CheckVerdict::problem) json.set("exit_code", item.exit_code);
    list.push(std::move(json));
  }
  Json json;
  json.set("problems", uint64_t{count(CheckVerdict::problem)}).set("warnings", uint64_t{count(CheckVerdict::warning)});
  return json.set("not_checked", uint64_t{count(CheckVerdict::not_checked)}).set("items", std::move(list));
}

}  // namespace spendsync::cli
