// spendsync-backup completion bash|zsh|fish and man [command]
#include <cstdio>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/line/command_tree.h"

namespace spendsync::cli {

Result<int> run_completion(const CompletionOptions& options) {
  const auto root = command_tree();
  std::string script;
  if (options.shell == "bash") script = bash_completion(root);
  if (options.shell == "zsh") script = zsh_completion(root);
  if (options.shell == "fish") script = fish_completion(root);
  if (script.empty()) {
    return Error(ErrorKind::invalid, "there is no completion for the shell " + options.shell)
        .with_hint("shells are bash, zsh and fish");
  }
  std::fputs(script.c_str(), stdout);
  return kDone;
}

Result<int> run_man(const ManOptions& options) {
  const auto root = command_tree();
  std::string path;
  for (const auto& word : options.command) path += (path.empty() ? "" : " ") + word;
  if (find_command(root, path) == nullptr) {
    return Error(ErrorKind::invalid, "there is no command " + path).with_hint("`spendsync-backup man` lists them all");
  }
  std::fputs(man_page(root, path, SSB_VERSION).c_str(), stdout);
  return kDone;
}

}  // namespace spendsync::cli
