#include "postgres/installation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "base/condition.h"
#include "base/file.h"
#include "base/subprocess.h"

namespace spendsync::postgres {
namespace {

constexpr std::chrono::seconds kTimeout{10};

/// "postgres (PostgreSQL) 15.20 (Debian ...)", "PostgreSQL 17beta1": the number after the name.
std::optional<int> major_in(std::string_view text) {
  constexpr std::string_view kMark = "PostgreSQL";
  auto at = text.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  at = text.find_first_of("0123456789", at + kMark.size());
  if (at == std::string_view::npos) return std::nullopt;
  int major = std::atoi(std::string(text.substr(at, 4)).c_str());
  return major > 0 ? std::optional(major) : std::nullopt;
}

Result<CommandOutput> run(std::vector<std::string> arguments) {
  Command command;
  command.arguments = std::move(arguments);
  return run_command(command, {}, kTimeout);
}

/// The major version of the server program in `directory`; empty where there is none that runs.
std::optional<int> major_of(const std::string& directory) {
  auto program = directory + "/postgres";
  if (!exists(program)) return std::nullopt;
  auto output = run({program, "--version"});
  if (!output || output->exit_status != 0) return std::nullopt;
  return major_in(output->out);
}

/// Where pg_config in PATH says the programs are.
std::optional<std::string> directory_of_pg_config() {
  auto output = run({"pg_config", "--bindir"});
  if (!output || output->exit_status != 0) return std::nullopt;
  auto text = output->out;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.empty() ? std::nullopt : std::optional(text);
}

std::vector<std::string> directories_in_path() {
  std::vector<std::string> directories;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    auto colon = rest.find(':');
    auto directory = rest.substr(0, colon);
    if (directory.starts_with('/')) directories.emplace_back(directory);
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return directories;
}

std::vector<std::string> usual_places(int major) {
  std::vector<std::string> places{fmt::format("/usr/lib/postgresql/{}/bin", major),
                                  fmt::format("/usr/pgsql-{}/bin", major)};
  if (auto directory = directory_of_pg_config()) places.push_back(*directory);
  for (auto& directory : directories_in_path()) places.push_back(std::move(directory));
  return places;
}

}  // namespace

Result<std::string> find_bin_directory(int major, const std::string& configured) {
  auto package = fmt::format("install postgresql-{}, or name its directory in the configuration", major);
  if (!configured.empty()) {
    auto found = major_of(configured);
    if (found == major) return configured;
    return Error(ErrorKind::not_found,
                 found ? fmt::format("{} has PostgreSQL {}, needed is {}", configured, *found, major)
                       : fmt::format("{} has no PostgreSQL server program that runs", configured))
        .with_hint(package);
  }
  auto places = usual_places(major);
  for (const auto& place : places) {
    if (major_of(place) == major) return place;
  }
  return Error(ErrorKind::not_found, fmt::format("the programs of PostgreSQL {} are not installed (looked in {})",
                                                 major, fmt::join(places, ", ")))
      .with_condition(Condition::programs_missing)
      .with_hint(package);
}

}  // namespace spendsync::postgres
