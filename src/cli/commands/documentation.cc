// spendsync-backup completion bash|zsh|fish, man [command] and help [command]
#include <cstdio>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"

namespace spendsync::cli {
namespace {

struct CompletionOptions {
  std::string shell;
};
/// Of man and help.
struct PageOptions {
  std::vector<std::string> command;  // empty: the program's own page
};

/// These print what is loaded or formatted elsewhere, so nothing else, with --json neither.
Result<int> print_completion(const CompletionOptions& options) {
  const auto root = command_table();
  std::string script;
  if (options.shell == "bash") script = bash_completion(root);
  if (options.shell == "zsh") script = zsh_completion(root);
  if (options.shell == "fish") script = fish_completion(root);
  std::fputs(script.c_str(), stdout);
  return kDone;
}

Result<std::string> path_of(const CommandEntry& root, const PageOptions& options) {
  std::string path;
  for (const auto& word : options.command) path += (path.empty() ? "" : " ") + word;
  if (find_command(root, path) != nullptr) return path;
  return Error(ErrorKind::invalid, "there is no command " + path).with_hint("`spendsync-backup help` lists them all");
}

Result<int> print_man(const PageOptions& options) {
  const auto root = command_table();
  const auto path = TRY(path_of(root, options));
  std::fputs(man_page(root, path, SSB_VERSION).c_str(), stdout);
  return kDone;
}

Result<int> print_help(const PageOptions& options) {
  const auto root = command_table();
  const auto path = TRY(path_of(root, options));
  std::fputs(help_text(root, path).c_str(), stdout);
  return kDone;
}

}  // namespace

CommandEntry completion_command() {
  auto o = std::make_shared<CompletionOptions>();
  return {.name = "completion",
          .description = "a shell's completion script: source <(... completion bash)",
          .arguments = {argument("shell", o->shell, "bash, zsh or fish").only({"bash", "zsh", "fish"}).required()},
          .examples = {{"completion bash > /etc/bash_completion.d/spendsync-backup", "for everybody on this host"}},
          .run = [o](const Process&) { return print_completion(*o); }};
}

CommandEntry man_command() {
  auto o = std::make_shared<PageOptions>();
  return {.name = "man",
          .description = "a manual page: ... man restore | man -l -",
          .arguments = {argument("command", o->command, "the command's words (default: the program's own page)")},
          .examples = {{"man restore | man -l -", "the page of restore, as man shows it"}},
          .run = [o](const Process&) { return print_man(*o); }};
}

CommandEntry help_command() {
  auto o = std::make_shared<PageOptions>();
  return {.name = "help",
          .description = "what a command does and takes, with examples",
          .arguments = {argument("command", o->command, "the command's words (default: all commands)")},
          .examples = {{"help restore", "the same as restore --help"}},
          .run = [o](const Process&) { return print_help(*o); }};
}

}  // namespace spendsync::cli
