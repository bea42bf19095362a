// Completion scripts. They follow the words typed so far through the commands, then offer what may stand next.
#include <fmt/format.h>

#include "cli/line/command.h"

namespace spendsync::cli {
namespace {

constexpr const char* kProgram = "spendsync-backup";

struct Place {
  std::string path;  // "" for the program itself
  const CommandEntry* command;
};

void collect(const CommandEntry& command, const std::string& path, std::vector<Place>& places) {
  places.push_back({path, &command});
  for (const auto& sub : command.commands) collect(sub, path.empty() ? sub.name : path + " " + sub.name, places);
}

/// Groups too.
std::vector<Place> all_places(const CommandEntry& root) {
  std::vector<Place> places;
  collect(root, "", places);
  return places;
}

std::string joined(const std::vector<std::string>& words, const char* separator = " ") {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::vector<std::string> option_names(const CommandEntry& command, const CommandEntry& root) {
  std::vector<std::string> names;
  for (const auto* list : {&command.options, &root.options}) {
    for (const auto& option : *list) {
      if (!option.is_hidden) names.insert(names.end(), option.names.begin(), option.names.end());
    }
    if (&command == &root) break;
  }
  return names;
}

/// "backup:--workers" for each option that takes a value; "*:--config" for those of every command.
template <class Wanted>
std::vector<std::string> patterns(const CommandEntry& root, Wanted wanted) {
  std::vector<std::string> found;
  for (const auto& place : all_places(root)) {
    for (const auto& option : place.command->options) {
      if (option.is_hidden || !option.takes_value || !wanted(option)) continue;
      const std::string path = place.command == &root ? "*" : "\"" + place.path + "\"";
      for (const auto& name : option.names) found.push_back(path + ":" + name);
    }
  }
  return found;
}

bool is_file(const Option& option) { return option.value_name == "FILE"; }
bool is_directory(const Option& option) { return option.value_name == "DIR"; }
bool is_any(const Option&) { return true; }
bool is_word(const Option& option) { return !is_file(option) && !is_directory(option); }

/// "/backup"|"/keys"|"keys/list": a word that leads from a command to one below it.
std::string steps(const CommandEntry& root) {
  std::vector<std::string> found;
  for (const auto& place : all_places(root)) {
    for (const auto& sub : place.command->commands) found.push_back("\"" + place.path + "/" + sub.name + "\"");
  }
  return joined(found, "|");
}

/// The walk over the words before the cursor, the same in bash and zsh but for how words are counted.
std::string walk(const CommandEntry& root, const std::string& loop) {
  return fmt::format(R"(  local command="" skip="" word
  local -i arguments=0 i
  {}
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$command:$word" in
      {}) skip=1; continue ;;
      *:-*) continue ;;
    esac
    case "$command/$word" in
      {}) command="${{command:+$command }}$word" ;;
      *) arguments+=1 ;;
    esac
  done
)",
                     loop, joined(patterns(root, is_any), "|"), steps(root));
}

/// One line an argument that has a fixed set of words: its command and number.
std::vector<std::pair<std::string, std::string>> argument_words(const CommandEntry& root) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& place : all_places(root)) {
    for (size_t i = 0; i < place.command->arguments.size(); ++i) {
      const auto& choices = place.command->arguments[i].choices;
      if (!choices.empty()) found.emplace_back(fmt::format("\"{}:{}\"", place.path, i), joined(choices));
    }
  }
  return found;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::vector<NamedCommand> all_commands(const CommandEntry& root) {
  std::vector<NamedCommand> commands;
  for (const auto& place : all_places(root)) {
    if (place.command->commands.empty()) commands.push_back({place.path, place.command});
  }
  return commands;
}

const CommandEntry* find_command(const CommandEntry& root, const std::string& path) {
  for (const auto& place : all_places(root)) {
    if (place.path == path) return place.command;
  }
  return nullptr;
}

std::string bash_completion(const CommandEntry& root) {
  std::string out = fmt::format("# bash completion of {0}; load it with: source <({0} completion bash)\n", kProgram);
  out +=
      "_spendsync_backup() {\n  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n";
  out += walk(root, "for ((i = 1; i < COMP_CWORD; i++)); do\n    word=\"${COMP_WORDS[i]}\"");
  out += "  local words=\"\" options=\"\"\n  case \"$command:$previous\" in\n";
  auto value_case = [&](const std::vector<std::string>& of, const std::string& action) {
    if (!of.empty()) out += fmt::format("    {}) {} return ;;\n", joined(of, "|"), action);
  };
  value_case(patterns(root, is_file), "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\");");
  value_case(patterns(root, is_directory),
             "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$current\");");
  value_case(patterns(root, is_word), "COMPREPLY=();");
  out += "  esac\n  case \"$command\" in\n";
  for (const auto& place : all_places(root)) {
    std::vector<std::string> names;
    for (const auto& sub : place.command->commands) names.push_back(sub.name);
    out += fmt::format("    \"{}\") words=\"{}\" options=\"{}\" ;;\n", place.path, joined(names),
                       joined(option_names(*place.command, root)));
  }
  out += "  esac\n  case \"$command:$arguments\" in\n";
  for (const auto& [pattern, words] : argument_words(root))
    out += fmt::format("    {}) words=\"{}\" ;;\n", pattern, words);
  out += "  esac\n  [[ $current == -* ]] && words=\"$options\"\n";
  out += "  if [[ -z $words ]]; then\n    compopt -o filenames\n";
  out += "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n  else\n";
  out += "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n  fi\n}\n";
  return out + fmt::format("complete -F _spendsync_backup {}\n", kProgram);
}

std::string zsh_completion(const CommandEntry& root) {
  std::string out =
      fmt::format("#compdef {0}\n# zsh completion of {0}; load it with: source <({0} completion zsh)\n", kProgram);
  out += "_spendsync_backup() {\n  local previous=\"${words[CURRENT-1]}\"\n";
  out += walk(root, "for ((i = 2; i < CURRENT; i++)); do\n    word=\"${words[i]}\"");
  out += "  case \"$command:$previous\" in\n";
  auto value_case = [&](const std::vector<std::string>& of, const std::string& action) {
    if (!of.empty()) out += fmt::format("    {}) {} return ;;\n", joined(of, "|"), action);
  };
  value_case(patterns(root, is_file), "_files;");
  value_case(patterns(root, is_directory), "_files -/;");
  value_case(patterns(root, is_word), "_message value;");
  out += "  esac\n  local -a subcommands flags\n  case \"$command\" in\n";
  auto described = [](const std::string& name, const std::string& description) {
    std::string escaped;
    for (char c : name) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    return quoted(escaped + ":" + description);
  };
  for (const auto& place : all_places(root)) {
    std::vector<std::string> names;
    for (const auto& sub : place.command->commands) names.push_back(described(sub.name, sub.description));
    std::vector<std::string> options;
    for (const auto* list : {&place.command->options, &root.options}) {
      for (const auto& option : *list) {
        if (option.is_hidden) continue;
        for (const auto& name : option.names) options.push_back(described(name, option.description));
      }
      if (place.command == &root) break;
    }
    out += fmt::format("    \"{}\")\n      subcommands=({})\n      flags=({}) ;;\n", place.path, joined(names),
                       joined(options));
  }
  out += "  esac\n  if [[ $PREFIX == -* ]]; then\n    _describe -o option flags\n    return\n  fi\n";
  out += "  if (( ${#subcommands} )); then\n    _describe command subcommands\n    return\n  fi\n";
  out += "  case \"$command:$arguments\" in\n";
  for (const auto& [pattern, words] : argument_words(root)) {
    out += fmt::format("    {}) compadd -- {} ;;\n", pattern, words);
  }
  out += "    *) _files ;;\n  esac\n}\n";
  return out + fmt::format("compdef _spendsync_backup {}\n", kProgram);
}

std::string fish_completion(const CommandEntry& root) {
  std::string out = fmt::format("# fish completion of {0}; load it with: {0} completion fish | source\n", kProgram);
  out += "function __spendsync_backup_command\n  set -l command ''\n  set -l typed (commandline -opc)\n";
  out += "  for word in $typed[2..-1]\n    switch \"$command/$word\"\n      case";
  for (const auto& place : all_places(root)) {
    for (const auto& sub : place.command->commands) out += " '" + place.path + "/" + sub.name + "'";
  }
  out += "\n        set command (string trim -- \"$command $word\")\n    end\n  end\n  echo $command\nend\n";
  out += fmt::format("complete -c {} -f\n", kProgram);
  for (const auto& place : all_places(root)) {
    const std::string here =
        fmt::format("complete -c {} -n \"test (__spendsync_backup_command) = '{}'\"", kProgram, place.path);
    for (const auto& sub : place.command->commands) {
      out += fmt::format("{} -a {} -d {}\n", here, sub.name, quoted(sub.description));
    }
    for (const auto& argument : place.command->arguments) {
      if (!argument.choices.empty()) out += fmt::format("{} -a {}\n", here, quoted(joined(argument.choices)));
      if (argument.choices.empty() && is_file(argument)) out += here + " -F\n";
    }
    const std::string when = place.command == &root ? fmt::format("complete -c {}", kProgram) : here;
    for (const auto& option : place.command->options) {
      if (option.is_hidden) continue;
      out += when;
      for (const auto& name : option.names) {
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value)
        out += is_file(option) ? " -r -F" : is_directory(option) ? " -x -a '(__fish_complete_directories)'" : " -x";
      out += " -d " + quoted(option.description) + "\n";
    }
  }
  return out;
}

}  // namespace spendsync::cli
