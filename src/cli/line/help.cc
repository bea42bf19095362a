// Help on the terminal: at most 80 columns, examples before options.
#include <fmt/format.h>

#include "cli/line/command.h"

namespace spendsync::cli {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kIndent = 4;  // of what is said about an option

/// Words broken at spaces, each line after `indent` spaces.
std::string wrapped(const std::string& text, size_t indent) {
  std::string out;
  std::string line(indent, ' ');
  size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    if (line.size() > indent && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = std::string(indent, ' ');
    }
    line += (line.size() > indent ? " " : "") + word;
    begin = end + 1;
  }
  return out + line + "\n";
}

std::string value_of(const Option& option) {
  if (option.choices.empty()) return option.value_name.empty() ? "VALUE" : option.value_name;
  std::string words;
  for (const auto& choice : option.choices) words += (words.empty() ? "" : "|") + choice;
  return words;
}

std::string heading_of(const Option& option) {
  std::string names;
  for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + name;
  return option.takes_value ? names + " " + value_of(option) : names;
}

std::string usage(const CommandEntry& root, const CommandEntry& command, const std::string& path) {
  std::string text = root.name + (path.empty() ? "" : " " + path);
  if (!command.commands.empty()) return text + " COMMAND ...";
  text += " [options]";
  for (const auto& argument : command.arguments) {
    const auto& name = argument.names.front();
    text += argument.is_required ? " " + name : " [" + name + "]";
  }
  return text;
}

void add_options(std::string& out, const std::vector<Option>& options) {
  for (const auto& option : options) {
    if (option.is_hidden) continue;
    out += "  " + heading_of(option) + "\n" + wrapped(option.description, kIndent);
  }
}

/// The name and, where there is room beside it, the description.
void add_commands(std::string& out, const CommandEntry& command) {
  size_t widest = 0;
  for (const auto& sub : command.commands) widest = std::max(widest, sub.name.size());
  for (const auto& sub : command.commands) {
    const auto text = wrapped(sub.description, widest + kIndent);
    out += "  " + sub.name + text.substr(sub.name.size() + 2);
  }
}

}  // namespace

std::string help_text(const CommandEntry& root, const std::string& path) {
  const auto& command = *find_command(root, path);
  std::string out = wrapped(command.description, 0) + "\nUsage: " + usage(root, command, path) + "\n";
  if (!command.commands.empty()) {
    out += "\nCommands:\n";
    add_commands(out, command);
    out += "\n" +
           wrapped(fmt::format("{} help {}COMMAND says more of each.", root.name, path.empty() ? "" : path + " "), 0);
  }
  if (!command.examples.empty()) {
    out += "\nExamples:\n";
    for (const auto& example : command.examples) {
      out += "  " + root.name + " " + example.words + "\n" + wrapped(example.what, kIndent);
    }
  }
  if (!command.arguments.empty()) {
    out += "\nArguments:\n";
    for (const auto& argument : command.arguments) {
      const auto words = argument.choices.empty() ? std::string() : " (" + value_of(argument) + ")";
      out += "  " + argument.names.front() + words + "\n" + wrapped(argument.description, kIndent);
    }
  }
  if (&command != &root && !command.options.empty()) {
    out += "\nOptions:\n";
    add_options(out, command.options);
  }
  if (!command.commands.empty() && &command != &root) return out;
  out += "\nOptions of every command:\n";
  add_options(out, root.options);
  return out;
}

}  // namespace spendsync::cli
