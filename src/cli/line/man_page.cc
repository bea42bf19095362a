// Manual pages with man(7) macros.
#include <fmt/format.h>

#include "cli/line/command.h"

namespace spendsync::cli {
namespace {

constexpr const char* kProgram = "spendsync-backup";

/// A line that begins with '.' or '\'' would be a request, '\\' an escape, '-' a hyphen that cannot be searched for.
std::string roff(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts_line = i == 0 || text[i - 1] == '\n';
    if (starts_line && (text[i] == '.' || text[i] == '\'')) out += "\\&";
    if (text[i] == '\\') {
      out += "\\e";
    } else if (text[i] == '-') {
      out += "\\-";
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + roff(text) + "\\fR"; }

std::string value_of(const Option& option) {
  if (!option.choices.empty()) {
    std::string words;
    for (const auto& choice : option.choices) words += (words.empty() ? "" : "|") + choice;
    return bold(words);
  }
  return italic(option.value_name.empty() ? "VALUE" : option.value_name);
}

void add_option(std::string& out, const Option& option) {
  if (option.is_hidden) return;
  out += ".TP\n";
  std::string names;
  for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
  out += names + (option.takes_value ? " " + value_of(option) : "") + "\n" + roff(option.description) + "\n";
}

void add_argument(std::string& out, const Option& argument) {
  out += ".TP\n" + italic(argument.names.front()) + "\n" + roff(argument.description) + "\n";
}

std::string synopsis(const CommandEntry& command, const std::string& path) {
  std::string text =
      bold(path.empty() ? kProgram : fmt::format("{} {}", kProgram, path)) + " [" + italic("options") + "]";
  if (!command.commands.empty()) text += " " + italic("command");
  for (const auto& argument : command.arguments) {
    const auto name = italic(argument.names.front());
    text += argument.is_required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string page_name(const std::string& path) {
  std::string name = kProgram;
  for (char c : path.empty() ? std::string() : " " + path) name += c == ' ' ? '-' : c;
  return name;
}

void add_commands(std::string& out, const CommandEntry& root) {
  out += ".SH COMMANDS\n";
  for (const auto& named : all_commands(root)) {
    out += ".TP\n" + bold(named.path) + "\n" + roff(named.command->description) + "\n";
  }
}

void add_examples(std::string& out, const CommandEntry& command) {
  out += ".SH EXAMPLES\n";
  for (const auto& example : command.examples) {
    out += ".TP\n" + bold(fmt::format("{} {}", kProgram, example.words)) + "\n" + roff(example.what) + "\n";
  }
}

constexpr std::string_view kFiles =
    ".SH FILES\n.TP\n.I /etc/spendsync/backup/backup\\-config.yml\nthe configuration, unless "
    "\\fB\\-\\-config\\fR or \\fBSPENDSYNC_BACKUP_CONFIG\\fR names another\n";

constexpr std::string_view kExitStatus =
    ".SH EXIT STATUS\n0 done; 1 failed; 2 command line or configuration; 3 done, but something asked for is not in the "
    "result;\n4 refused, nothing changed; 5 not found; 6 another run holds it; 7 storage or PostgreSQL unreachable;\n"
    "8 damage found; 10 objective missed; 130 and 143 stopped by a signal.\n"
    "\\fBwal get\\fR and \\fBwal push\\fR have PostgreSQL's own meaning.\n";

}  // namespace

std::string man_page(const CommandEntry& root, const std::string& path, const std::string& version) {
  const auto& command = *find_command(root, path);
  std::string title = page_name(path);
  for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string out =
      fmt::format(".TH \"{}\" 1 \"\" \"SpendSync Backup {}\" \"SpendSync Backup\"\n", roff(title), version);
  out += ".SH NAME\n" + roff(page_name(path)) + " \\- " + roff(command.description) + "\n";
  out += ".SH SYNOPSIS\n" + synopsis(command, path) + "\n";
  if (!command.arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const auto& argument : command.arguments) add_argument(out, argument);
  }
  if (!command.commands.empty()) add_commands(out, command);
  if (!command.examples.empty()) add_examples(out, command);
  out += ".SH OPTIONS\n";
  for (const auto& option : command.options) add_option(out, option);
  if (&command != &root) {
    for (const auto& option : root.options) add_option(out, option);
  }
  out += kFiles;
  out += kExitStatus;
  return out;
}

}  // namespace spendsync::cli
