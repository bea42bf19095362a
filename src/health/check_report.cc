#include "health/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/exit_code.h"

namespace spendsync::health {
namespace {

constexpr std::array kGravestFirst = {kDamaged, kUnreachable, kUsage, kRefused};

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

}  // namespace spendsync::health
