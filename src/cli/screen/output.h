// What a command prints: results on stdout, messages and progress on stderr; with --json one object a line on stdout.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "base/log.h"
#include "cli/line/global_options.h"
#include "cli/screen/progress_display.h"

namespace spendsync::cli {

/// One thread: the command's own.
class Output {
 public:
  Output(const GlobalOptions& global, const Clock& clock) : global_(global), clock_(clock) {}

  bool json() const { return global_.json; }
  /// A line of the result, for people; nothing with --json.
  void line(const std::string& text) const;
  /// A line that is not the result itself; left out with --quiet.
  void remark(const std::string& text) const;
  /// With --json a line before the last one: {"event":NAME, ...fields}.
  void event(const std::string& name, Json fields) const;
  /// The last line with --json: {"event":"summary","command":...,"status":"done","exit_code":0, ...fields}.
  void summary(const std::string& command, Json fields, int exit_code) const;
  /// The same for a failure; for people the error went to the log already.
  void failure(const std::string& command, const Error& error, int exit_code) const;
  std::unique_ptr<ProgressDisplay> progress(const std::string& operation) const;

 private:
  const GlobalOptions& global_;
  const Clock& clock_;
};

/// Columns padded to their widest cell, two spaces between, no trailing spaces.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::vector<std::string> lines() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace spendsync::cli
