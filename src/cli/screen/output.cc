#include "cli/screen/output.h"

#include <algorithm>
#include <cstdio>

#include "base/condition.h"

namespace spendsync::cli {

void Output::line(const std::string& text) const {
  if (global_.json) return;
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void Output::remark(const std::string& text) const {
  if (!global_.quiet) line(text);
}

void Output::event(const std::string& name, Json fields) const {
  if (!global_.json) return;
  Json event;
  event.set("event", name);
  if (const auto* members = fields.as_object()) {
    for (const auto& [member, value] : *members) event.set(member, value);
  }
  std::fputs((event.dump() + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void Output::summary(const std::string& command, Json fields, int exit_code) const {
  if (!global_.json) return;
  Json event;
  event.set("event", "summary").set("command", command).set("status", exit_code == 0 ? "done" : "incomplete");
  event.set("exit_code", exit_code);
  if (const auto* members = fields.as_object()) {
    for (const auto& [name, value] : *members) event.set(name, value);
  }
  std::fputs((event.dump() + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void Output::failure(const std::string& command, const Error& error, int exit_code) const {
  if (!global_.json) return;
  Json event;
  event.set("event", "summary").set("command", command).set("status", "failed").set("exit_code", exit_code);
  Json cause;
  cause.set("kind", to_string(error.kind())).set("message", error.message());
  cause.set("code", code_of(error.condition()));
  if (!error.hint().empty()) cause.set("hint", error.hint());
  event.set("error", cause);
  std::fputs((event.dump() + "\n").c_str(), stdout);
  std::fflush(stdout);
}

std::unique_ptr<ProgressDisplay> Output::progress(const std::string& operation) const {
  ProgressDisplay::Settings settings;
  settings.operation = operation;
  settings.style = global_.quiet   ? ProgressDisplay::Style::none
                   : global_.json  ? ProgressDisplay::Style::json
                   : can_redraw(2) ? ProgressDisplay::Style::terminal
                                   : ProgressDisplay::Style::lines;
  return std::make_unique<ProgressDisplay>(settings, clock_);
}

std::vector<std::string> Table::lines() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  }
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string text;
    for (size_t column = 0; column < row.size(); ++column) {
      text += row[column];
      if (column + 1 < row.size()) text += std::string(widths[column] - row[column].size() + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    lines.push_back(std::move(text));
  }
  return lines;
}

}  // namespace spendsync::cli
