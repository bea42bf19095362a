// spendsync-backup explain [CODE]
#include "cli/line/explain.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"

namespace spendsync::cli {
namespace {

struct ExplainOptions {
  std::optional<std::string> code;  // else all
};

Json to_json(const Explanation& explanation) {
  Json json;
  json.set("code", code_of(explanation.condition)).set("title", explanation.title);
  json.set("meaning", explanation.meaning).set("causes", explanation.causes).set("remedy", explanation.remedy);
  return json;
}

Result<int> run_explain(const Process& process, const ExplainOptions& options) {
  if (options.code) {
    const auto* found = find_explanation(*options.code);
    if (found == nullptr) {
      return Error(ErrorKind::not_found, "there is no error code " + *options.code)
          .with_hint("codes look like SSB-1201; `explain` without one lists them all");
    }
    process.output.line(to_text(*found));
    process.output.summary("explain", to_json(*found), kDone);
    return kDone;
  }
  Json list = Json::array();
  for (const auto& explanation : explanations()) {
    process.output.line(code_of(explanation.condition) + "  " + std::string(explanation.title));
    list.push(to_json(explanation));
  }
  process.output.summary("explain", Json().set("codes", list), kDone);
  return kDone;
}

}  // namespace

CommandEntry explain_command() {
  auto o = std::make_shared<ExplainOptions>();
  return {.name = "explain",
          .description = "what an error's code means and what to do",
          .arguments = {argument("code", o->code, "as the error line ends: SSB-1201 (default: a list of all)")},
          .examples = {{"explain SSB-1201", "what is so, what usually leads to it, what to do"}},
          .run = [o](const Process& process) { return run_explain(process, *o); }};
}

}  // namespace spendsync::cli
