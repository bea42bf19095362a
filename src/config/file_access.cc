#include "config/file_access.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/condition.h"

namespace spendsync::config {
namespace {

constexpr mode_t kPermissions = 07777;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

std::string account(uid_t uid) {
  std::array<char, 4096> buffer{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return fmt::format("user {}", uid);
}

std::optional<uid_t> uid_of(const char* name) {
  std::array<char, 4096> buffer{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_uid;
  return std::nullopt;
}

/// Root, the running user and, for root, the user that it drops to before it works. A file of that user cannot harm
/// root: what is in it is used only as that user.
std::vector<uid_t> trusted_owners(const Config& config, Identity identity) {
  std::vector<uid_t> owners = {0, identity.running_user};
  if (identity.running_user != 0) return owners;
  struct stat status {};
  if (config.database.data_directory && stat(config.database.data_directory->c_str(), &status) == 0) {
    owners.push_back(status.st_uid);
  } else if (const auto postgres = uid_of("postgres")) {
    owners.push_back(*postgres);
  }
  return owners;
}

class FileCheck {
 public:
  FileCheck(std::vector<uid_t> owners, Findings& findings) : owners_(std::move(owners)), findings_(findings) {}

  void walk(const Value& value) {
    if (value.type->kind == Kind::path && value.type->file != FileRule::none) check(value);
    for (const Value::Member& member : value.members) walk(member.value);
    for (const Value& item : value.items) walk(item);
  }

 private:
  void check(const Value& value) {
    struct stat status {};
    // What cannot be looked at is reported by whoever needs it: `list` must work without every secret.
    if (stat(value.text.c_str(), &status) != 0) return;
    const bool secret = value.type->file == FileRule::secret;
    const std::string name = fmt::format("{} {}", secret ? "secret file" : "file", quote(value.text));
    if (!S_ISREG(status.st_mode)) {
      findings_.error(value.position, fmt::format("{} is not a regular file", name));
      return;
    }
    if (std::find(owners_.begin(), owners_.end(), status.st_uid) == owners_.end()) {
      findings_.error(value.position, fmt::format("{} is owned by {}", name, account(status.st_uid)),
                      fmt::format("give it to root or {}: chown {} {}", account(owners_.back()),
                                  account(owners_.back()), value.text));
    }
    const mode_t mode = status.st_mode & kPermissions;
    if (secret && mode != 0600 && mode != 0400) {
      findings_.error(value.position, fmt::format("{} has mode {:04o}", name, mode),
                      fmt::format("chmod 600 {}", value.text));
    }
    if (!secret && (mode & kWritableByOthers) != 0) {
      findings_.error(value.position, fmt::format("{} can be written by others (mode {:04o})", name, mode),
                      fmt::format("chmod go-w {}", value.text));
    }
  }

  std::vector<uid_t> owners_;
  Findings& findings_;
};

}  // namespace

Identity Identity::of_process() { return {geteuid()}; }

Result<void> check_config_file(const struct stat& status, const std::string& path, Identity identity) {
  if (!S_ISREG(status.st_mode))
    return Error(ErrorKind::refused, fmt::format("configuration {} is not a regular file", path))
        .with_condition(Condition::configuration_unsafe);
  if (status.st_uid != 0 && status.st_uid != identity.running_user) {
    return Error(ErrorKind::refused, fmt::format("configuration {} is owned by {}", path, account(status.st_uid)))
        .with_condition(Condition::configuration_unsafe)
        .with_hint(fmt::format("it must belong to root or {}: chown root {}", account(identity.running_user), path));
  }
  const mode_t mode = status.st_mode & kPermissions;
  if ((mode & kWritableByOthers) != 0) {
    return Error(ErrorKind::refused,
                 fmt::format("configuration {} can be written by group or others (mode {:04o})", path, mode))
        .with_condition(Condition::configuration_unsafe)
        .with_hint(fmt::format("chmod go-w {}", path));
  }
  return ok();
}

void check_named_files(const Value& root, const Config& config, Identity identity, Findings& findings) {
  FileCheck(trusted_owners(config, identity), findings).walk(root);
}

}  // namespace spendsync::config
