#include "repository/remembered.h"

#include <unistd.h>

#include "base/condition.h"
#include "base/file.h"
#include "base/json.h"
#include "repository/record_json.h"

namespace spendsync::repository {

namespace {

constexpr size_t kStateMax = 16u << 10;
constexpr const char* kNewOne = "spendsync-backup init --new-repository";

std::string path_of(const Repository::Settings& settings) {
  return settings.state_directory + "/repository-" + settings.cluster + ".json";
}

std::optional<RememberedRepository> read_file_of(const std::string& path) {
  auto text = read_text_file(path, kStateMax);
  if (!text) return std::nullopt;
  auto json = parse_object(as_bytes(*text));
  if (!json) return std::nullopt;
  auto id = json->text("repository");
  if (!id) return std::nullopt;
  auto place = json->text("place");
  return RememberedRepository{*id, place ? *place : std::string()};
}

/// The newest record of one server that this host has seen (chain.cc).
struct NewestSeenFile {
  std::string path;        // .../newest-<cluster>-<system identifier>.json
  std::string identifier;  // digits
};

Result<std::vector<NewestSeenFile>> find_newest_seen_files(const Repository::Settings& settings) {
  constexpr std::string_view kEnd = ".json";
  const std::string begin = "newest-" + settings.cluster + "-";
  std::vector<NewestSeenFile> files;
  auto names = list_directory(settings.state_directory);
  if (!names && names.error().is(ErrorKind::not_found)) return files;
  const auto all = TRY(std::move(names));
  for (const auto& name : all) {
    if (name.size() <= begin.size() + kEnd.size() || !name.starts_with(begin) || !name.ends_with(kEnd)) continue;
    auto identifier = name.substr(begin.size(), name.size() - begin.size() - kEnd.size());
    if (identifier.find_first_not_of("0123456789") != std::string::npos) continue;  // of a cluster with a longer name
    files.push_back({settings.state_directory + "/" + name, std::move(identifier)});
  }
  return files;
}

std::vector<NewestSeenFile> newest_seen_files(const Repository::Settings& settings) {
  auto files = find_newest_seen_files(settings);
  return files ? *std::move(files) : std::vector<NewestSeenFile>();
}

}  // namespace

std::optional<RememberedRepository> read_remembered(const Repository::Settings& settings) {
  if (settings.state_directory.empty()) return std::nullopt;
  if (auto found = read_file_of(path_of(settings))) return found;
  for (const auto& file : newest_seen_files(settings)) {
    if (auto found = read_file_of(file.path)) return found;
  }
  return std::nullopt;
}

Result<std::vector<SystemIdentifier>> find_remembered_servers(const Repository::Settings& settings) {
  std::vector<SystemIdentifier> servers;
  if (settings.state_directory.empty()) return servers;
  const auto files = TRY(find_newest_seen_files(settings));
  for (const auto& file : files) {
    auto identifier = SystemIdentifier::parse(file.identifier);
    if (identifier) servers.push_back(*identifier);
  }
  return servers;
}

std::vector<SystemIdentifier> remembered_servers(const Repository::Settings& settings) {
  auto servers = find_remembered_servers(settings);
  return servers ? *std::move(servers) : std::vector<SystemIdentifier>();
}

void remember(const Repository& repository) {
  const Repository::Settings settings{.cluster = repository.layout().path().cluster,
                                      .state_directory = repository.state_directory()};
  if (settings.state_directory.empty() || exists(path_of(settings))) return;
  auto json = Json::object();
  json.set("repository", repository.id());
  json.set("place", repository.store().description());
  auto written = replace_file(path_of(settings), as_bytes(json.dump()), 0600);
  if (!written) repository.log().debug("the repository was not remembered", {{"why", written.error().message()}});
}

Result<std::vector<std::string>> forget_remembered(const Repository::Settings& settings) {
  std::vector<std::string> removed;
  if (settings.state_directory.empty()) return removed;
  std::vector<std::string> files;
  for (auto& file : newest_seen_files(settings)) files.push_back(std::move(file.path));
  files.push_back(path_of(settings));  // last: what a kill leaves is still remembered
  for (const auto& file : files) {
    if (::unlink(file.c_str()) == 0) {
      removed.push_back(file);
    } else if (errno != ENOENT) {
      return Error::from_errno(errno, "removing " + file);
    }
  }
  return removed;
}

Result<void> expect_remembered(const Repository::Settings& settings, const std::optional<std::string>& found,
                               const std::string& place) {
  auto remembered = read_remembered(settings);
  if (!remembered || found == remembered->id) return ok();
  const std::string seen = "this host has backed cluster " + settings.cluster + " up to repository " + remembered->id +
                           (remembered->place.empty() ? "" : " at " + remembered->place);
  if (!found) {
    return Error(ErrorKind::refused, seen + ", and there is no repository at " + place)
        .with_condition(Condition::repository_missing)
        .with_hint(std::string("mount it, or correct storage in the configuration; only if a new one is wanted: ") +
                   kNewOne);
  }
  return Error(ErrorKind::refused, seen + ", but " + place + " is repository " + *found)
      .with_hint(std::string("mount the right one, or correct storage in the configuration; only if this one is to be "
                             "used from now on: ") +
                 kNewOne);
}

}  // namespace spendsync::repository
