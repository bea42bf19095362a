#include "cli/line/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/condition.h"
#include "base/exit_code.h"
#include "config/diagnostics.h"

namespace spendsync::cli {
namespace {

const Option* find_option(const CommandEntry& command, const std::string& name) {
  for (const auto& option : command.options) {
    if (std::ranges::find(option.names, name) != option.names.end()) return &option;
  }
  return nullptr;
}

/// How far the words lead from the root: its commands, the last one that was understood at the end.
std::vector<const CommandEntry*> way_of(const CommandEntry& root, const std::vector<std::string>& arguments) {
  std::vector<const CommandEntry*> way{&root};
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const auto& word = arguments[i];
    if (word.starts_with('-')) {
      const Option* option = find_option(*way.back(), word);
      if (option == nullptr) option = find_option(root, word);
      if (option != nullptr && option->takes_value) ++i;
      continue;
    }
    const auto sub = std::ranges::find(way.back()->commands, word, &CommandEntry::name);
    if (sub == way.back()->commands.end()) {
      if (!way.back()->commands.empty()) break;  // no such command
      continue;                                  // an argument
    }
    way.push_back(&*sub);
  }
  return way;
}

std::string path_of(const std::vector<const CommandEntry*>& way) {
  std::string path;
  for (size_t i = 1; i < way.size(); ++i) path += (path.empty() ? "" : " ") + way[i]->name;
  return path;
}

/// "--help", "-h" and "-qh"; nothing behind "--".
bool asks_for_help(const std::vector<std::string>& arguments) {
  const auto end = std::ranges::find(arguments, "--");
  return std::any_of(arguments.begin(), end, [](const std::string& word) {
    const bool flags = word.size() > 1 && word.front() == '-' && word.find_first_not_of("qvh", 1) == std::string::npos;
    return word == "--help" || word.starts_with("--help=") || (flags && word.find('h') != std::string::npos);
  });
}

bool asks_for_version(const std::vector<std::string>& arguments) {
  const auto end = std::ranges::find(arguments, "--");
  return std::find(arguments.begin(), end, "--version") != end;
}

/// Whether the command's words stand among these in their order, whatever stands between.
bool may_mean(const std::string& path, const std::vector<std::string>& arguments) {
  size_t begin = 0;
  for (const auto& argument : arguments) {
    const auto end = std::min(path.find(' ', begin), path.size());
    if (argument == path.substr(begin, end - begin)) begin = end + 1;
    if (begin > path.size()) return true;
  }
  return false;
}

// ---- the library's view of the table

/// Keeps the error of an option that did not take its value: the library knows only that it failed.
class Library {
 public:
  Library(const CommandEntry& root, CLI::App& app) : root_(root), app_(app) {
    app_.set_help_flag();  // help is ours
    app_.fallthrough();
    add(root, app_);
  }

  const CommandEntry* chosen() const { return chosen_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void add(const CommandEntry& command, CLI::App& to) {
    std::map<std::string, CLI::Option*> made;
    auto add_all = [&](const std::vector<Option>& options) {
      for (const auto& option : options) {
        auto* added = add(option, to);
        for (const auto& name : option.names) made[name] = added;
      }
    };
    add_all(command.arguments);
    add_all(command.options);
    for (const auto* options : {&command.arguments, &command.options}) {
      for (const auto& option : *options) {
        for (const auto& name : option.needed) made.at(option.names.back())->needs(made.at(name));
        for (const auto& name : option.excluded) made.at(option.names.back())->excludes(made.at(name));
      }
    }
    for (const auto& sub : command.commands) {
      auto* added = to.add_subcommand(sub.name);
      added->set_help_flag();
      added->fallthrough();
      add(sub, *added);
    }
    if (!command.commands.empty()) to.require_subcommand(1);
    if (command.run) to.callback([this, &command] { chosen_ = &command; });
  }

  CLI::Option* add(const Option& option, CLI::App& to) {
    std::string names;
    for (const auto& name : option.names) names += (names.empty() ? "" : ",") + name;
    auto take = [this, &option](const std::string& text) {
      auto taken = option.take(text);
      if (taken) return;
      failure_ = std::move(taken).error();
      throw CLI::ValidationError(option.names.back(), "");
    };
    CLI::Option* added = nullptr;
    if (!option.takes_value) {
      added = to.add_flag_callback(names, [take] { take(""); });
    } else if (option.repeats) {
      added = to.add_option_function<std::vector<std::string>>(
          names, [take](const std::vector<std::string>& texts) { std::ranges::for_each(texts, take); });
      added->allow_extra_args(!names.starts_with('-'));
    } else {
      added = to.add_option_function<std::string>(names, take);
    }
    return added->required(option.is_required);
  }

  const CommandEntry& root_;
  CLI::App& app_;
  const CommandEntry* chosen_ = nullptr;
  std::optional<Error> failure_;
};

// ---- mistakes

std::string meant(const std::string& word, const std::vector<std::string>& candidates) {
  const auto found = config::did_you_mean(word, {candidates.begin(), candidates.end()});
  return found.empty() ? found : "; " + found;
}

std::vector<std::string> option_names(const CommandEntry& command, const CommandEntry& root) {
  std::vector<std::string> names;
  for (const auto* options : {&command.options, &root.options}) {
    for (const auto& option : *options) {
      if (!option.is_hidden) names.insert(names.end(), option.names.begin(), option.names.end());
    }
  }
  return names;
}

std::vector<std::string> command_names(const CommandEntry& command) {
  std::vector<std::string> names;
  for (const auto& sub : command.commands) names.push_back(sub.name);
  return names;
}

/// One or more words that nothing takes.
std::string unknown(const std::string& word, const std::vector<const CommandEntry*>& way) {
  const auto& command = *way.back();
  const auto path = path_of(way);
  const auto of = path.empty() ? std::string() : " of `" + path + "`";
  if (word.starts_with('-')) {
    const auto name = word.substr(0, word.find('='));
    return fmt::format("there is no option {}{}{}", name, of, meant(name, option_names(command, *way.front())));
  }
  if (!command.commands.empty()) {
    return fmt::format("there is no command {}{}{}", word, of, meant(word, command_names(command)));
  }
  return fmt::format("`{}` takes no further argument: '{}'", path, word);
}

/// In our words whatever the library says.
std::string message_of(const CLI::ParseError& error, const CLI::App& app, const std::vector<const CommandEntry*>& way) {
  const auto left = app.remaining(true);
  if (!left.empty()) return unknown(left.front(), way);
  if (!way.back()->commands.empty()) {
    return path_of(way).empty() ? "no command was given" : "no command was given after `" + path_of(way) + "`";
  }
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const bool twice = what.find("At Most") != std::string::npos;
    return what.substr(0, what.find(':')) + (twice ? " is given more than once" : " needs a value");
  }
  return what;
}

}  // namespace

int failure_code_of(const CommandEntry& root, const std::vector<std::string>& arguments, int code) {
  for (const auto& named : all_commands(root)) {
    if (named.command->failure_code && may_mean(named.path, arguments)) return named.command->failure_code();
  }
  return code;
}

ParsedCommandLine parse_command_line(const CommandEntry& root, const std::vector<std::string>& arguments) {
  ParsedCommandLine parsed;
  const auto way = way_of(root, arguments);
  const auto path = path_of(way);
  if (asks_for_help(arguments)) {
    parsed.output = help_text(root, path);
    return parsed;
  }
  if (asks_for_version(arguments)) {
    parsed.output = fmt::format("{} {}\n", root.name, SSB_VERSION);
    return parsed;
  }
  auto fail = [&](const std::string& message) {
    parsed.exit_code = failure_code_of(root, arguments, kUsage);
    parsed.error = fmt::format("error: {} [{}]\nhint: see '{}{}{} --help'\n", message, code_of(Condition::command_line),
                               root.name, path.empty() ? "" : " ", path);
  };
  CLI::App app;
  Library library(root, app);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them back to front
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    fail(library.failure() ? library.failure()->message() : message_of(error, app, way));
    return parsed;
  }
  CHECK(library.chosen() != nullptr);
  const auto& command = *library.chosen();
  if (command.check) {
    if (auto holds = command.check(); !holds) {
      fail(holds.error().message());
      return parsed;
    }
  }
  parsed.command = &command;
  parsed.title = command.title ? command.title() : path;
  return parsed;
}

}  // namespace spendsync::cli
