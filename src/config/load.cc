#include "config/load.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "config/bind.h"
#include "config/checker.h"
#include "config/document.h"
#include "config/file_access.h"
#include "config/rules.h"
#include "config/value.h"

namespace spendsync::config {
namespace {

constexpr int kConfigurationExitCode = 2;

std::optional<LoadedConfig> build(std::string_view text, std::string_view file, Findings& findings) {
  const auto source = SourceText::create(text, findings);
  if (!source) return std::nullopt;
  const auto document = read_document(*source, findings);
  if (!document) return std::nullopt;
  auto values = std::make_shared<Value>(check_document(*document, *source, findings));
  if (findings.has_errors()) return std::nullopt;
  derive_defaults(*values, findings);
  if (findings.has_errors()) return std::nullopt;
  LoadedConfig loaded{bind(*values), std::string(file), {}, values};
  check_rules(loaded.config, *values, findings);
  check_named_files(*values, loaded.config, Identity::of_process(), findings);
  if (findings.has_errors()) return std::nullopt;
  return loaded;
}

Result<std::string> read_config(const std::string& path) {
  // Without O_NONBLOCK a FIFO by that name would hang the program before it can be refused.
  const Fd fd = TRY(open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return Error::from_errno(errno, fmt::format("cannot look at {}", path));
  TRY(check_config_file(status, path, Identity::of_process()));
  Bytes bytes(kMaximumConfigBytes + 1);  // one more, so that a file that is too long is seen to be
  bytes.resize(TRY(read_at(fd, 0, bytes, path)));
  return std::string(as_text(bytes));
}

Error to_error(const std::vector<Diagnostic>& diagnostics) {
  const Diagnostic* first = nullptr;
  size_t errors = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::error) continue;
    if (first == nullptr) first = &diagnostic;
    ++errors;
  }
  CHECK(first != nullptr);
  const Position place = first->position;
  Error error(ErrorKind::invalid, fmt::format("{}:{}:{}: {}", first->file, place.line, place.column, first->message));
  std::string hint = first->suggestion;
  if (errors > 1) {
    hint += fmt::format("{}there {} {} more: `config validate` lists all", hint.empty() ? "" : "; ",
                        errors == 2 ? "is" : "are", errors - 1);
  }
  if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
  return std::move(error).with_exit_code(kConfigurationExitCode);
}

Result<LoadedConfig> loaded_or_error(Inspection inspection) {
  if (inspection.loaded) return std::move(*inspection.loaded);
  return to_error(inspection.diagnostics);
}

}  // namespace

Inspection inspect(std::string_view text, std::string_view file) {
  Findings findings{std::string(file)};
  Inspection inspection;
  inspection.loaded = build(text, file, findings);
  inspection.diagnostics = findings.take();
  if (inspection.loaded) inspection.loaded->warnings = inspection.diagnostics;
  return inspection;
}

Result<Inspection> inspect_file(const std::string& path) {
  auto text = read_config(path);
  if (!text) return std::move(text).error().with_exit_code(kConfigurationExitCode);
  return inspect(*text, path);
}

Result<LoadedConfig> parse(std::string_view text, std::string_view file) {
  return loaded_or_error(inspect(text, file));
}

Result<LoadedConfig> load(const std::string& path) {
  Inspection inspection = TRY(inspect_file(path));
  return loaded_or_error(std::move(inspection));
}

std::string LoadedConfig::where(std::string_view path) const {
  const Value* value = find_path(*values, path);
  if (value == nullptr || value->is_default()) return "default";
  return fmt::format("{}:{}:{}", file, value->position.line, value->position.column);
}

}  // namespace spendsync::config
