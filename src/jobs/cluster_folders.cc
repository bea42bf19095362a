#include "jobs/cluster_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/condition.h"
#include "repository/rollback.h"

namespace spendsync::jobs {
namespace {

/// What is there can be used without a folder that somebody has removed.
bool is_gone(const Error& error) {
  return error.is(ErrorKind::not_found) || error.condition() == Condition::repository_went_back;
}

}  // namespace

Result<std::vector<std::unique_ptr<repository::Repository>>> open_cluster_folders(
    Wiring& wiring, const std::optional<std::string>& asked) {
  std::vector<std::unique_ptr<repository::Repository>> folders;
  std::optional<SystemIdentifier> wanted;
  if (asked) {
    auto parsed = SystemIdentifier::parse(*asked);
    if (!parsed) return std::move(parsed).error().with_hint("`list` shows the system identifiers there are");
    wanted = *parsed;
  }
  auto present = TRY(wiring.open_repository(wanted));
  auto adopted = present->adopted();
  folders.push_back(std::move(present));
  if (asked) return folders;
  // Each has adopted all that came before it.
  std::vector<std::unique_ptr<repository::Repository>> earlier;
  for (auto identifier : adopted) {
    auto folder = wiring.open_repository(identifier);
    if (folder) {
      earlier.push_back(*std::move(folder));
    } else if (is_gone(folder.error())) {
      folders.front()->log().warning(
          fmt::format("the backups of the server before (system identifier {}) are gone from the repository: {}{}",
                      identifier.to_string(), folder.error().message(),
                      folder.error().hint().empty() ? "" : " (" + folder.error().hint() + ")"));
    } else {
      return std::move(folder).error();
    }
  }
  std::stable_sort(earlier.begin(), earlier.end(),
                   [](const auto& a, const auto& b) { return a->adopted().size() > b->adopted().size(); });
  for (auto& folder : earlier) folders.push_back(std::move(folder));
  return folders;
}

Result<std::vector<repository::KeyEntry>> read_cluster_keys(
    const std::vector<std::unique_ptr<repository::Repository>>& folders, std::stop_token stop) {
  std::vector<repository::KeyEntry> keys;
  for (const auto& folder : folders) {
    auto found = TRY(repository::read_key_inventory(*folder, stop));
    std::ranges::move(found, std::back_inserter(keys));
  }
  return keys;
}

Result<std::vector<Error>> warn_of_rollbacks(const Context& context,
                                             const std::vector<std::unique_ptr<repository::Repository>>& folders) {
  std::vector<Error> found;
  for (const auto& folder : folders) {
    auto rollback = TRY(repository::find_rollback(*folder));
    if (!rollback) continue;
    context.log.warning(rollback->message() + " (" + rollback->hint() + ")");
    found.push_back(*std::move(rollback));
  }
  return found;
}

std::string describe_earlier(const repository::Repository& repository) {
  return fmt::format("the server before (system identifier {}, PostgreSQL {})",
                     repository.identity().system_identifier.to_string(), repository.identity().major_version);
}

}  // namespace spendsync::jobs
