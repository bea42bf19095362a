#include "config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>

#include "config/addresses.h"

namespace spendsync::config {
namespace {

/// "7 d", "36 h", "90 min": short, for comparing two times in one message.
std::string brief(seconds duration) {
  const int64_t count = duration.count();
  if (count % 86400 == 0) return fmt::format("{} d", count / 86400);
  if (count % 3600 == 0) return fmt::format("{} h", count / 3600);
  if (count % 60 == 0) return fmt::format("{} min", count / 60);
  return fmt::format("{} s", count);
}

bool is_inside(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path == directory || (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

class Rules {
 public:
  Rules(const Config& config, const Value& root, Findings& findings)
      : config_(config), root_(root), findings_(findings) {}

  void check() {
    check_files();
    check_storage();
    check_directories();
    check_credentials_of_all();
    check_keys();
    check_commands();
    check_retention();
    check_objectives();
    check_console();
    check_compression();
  }

 private:
  /// The first of these paths that stands in the file: findings point at what a person wrote.
  Position place(std::initializer_list<std::string_view> paths) const {
    for (std::string_view path : paths) {
      const Value* value = find_path(root_, path);
      if (value != nullptr && !value->is_default()) return value->position;
    }
    return {1, 1};
  }
  Position place(const std::string& path) const { return place({std::string_view(path)}); }

  void check_files() {
    if (find_path(root_, "files")->is_default()) {
      findings_.warning({1, 1}, "no 'files': full backups hold the database alone",
                        "name configuration, keys and certificates under 'files', or write 'files: []'");
    }
    std::set<std::string> names;
    std::map<std::string, std::string> owners;
    for (size_t i = 0; i < config_.files.size(); ++i) {
      const FileSet& set = config_.files[i];
      if (!names.insert(set.name).second) {
        findings_.error(place(fmt::format("files[{}].name", i)),
                        fmt::format("two sets of files are named '{}'", set.name),
                        "names must differ: restores use them as folders");
      }
      for (size_t j = 0; j < set.paths.size(); ++j) {
        const std::string at = fmt::format("files[{}].paths[{}]", i, j);
        const auto [owner, is_new] = owners.emplace(set.paths[j], set.name);
        if (!is_new && owner->second != set.name) {
          findings_.error(place(at),
                          fmt::format("'{}': {} is already in the set '{}'", at, quote(set.paths[j]), owner->second),
                          "keep it in one set");
        }
        if (set.paths[j].find_first_of("*?[") != std::string::npos) {
          findings_.warning(place(at), fmt::format("'{}': patterns are not expanded", at),
                            "name the directory that holds the files");
        }
      }
    }
  }

  void check_storage() {
    const Storage& storage = config_.storage;
    for (const char* region : {"primary", "secondary"}) check_prefix(region);
    if (!storage.secondary) {
      if (storage.acknowledge == Acknowledge::both) {
        findings_.error(place("storage.acknowledge"),
                        "'storage.acknowledge' is both, but there is no 'storage.secondary'",
                        "add a secondary, or write any");
      }
      return;
    }
    check_directory_pair();
    const auto* first = std::get_if<S3Target>(&storage.primary);
    const auto* second = std::get_if<S3Target>(&*storage.secondary);
    if (first == nullptr || second == nullptr) return;
    if (first->bucket == second->bucket && first->endpoint == second->endpoint) {
      findings_.error(place("storage.secondary.bucket"), "'storage.secondary' is the same bucket as 'storage.primary'",
                      "use a bucket in another region");
    } else if (first->region == second->region) {
      findings_.warning(place("storage.secondary.region"),
                        fmt::format("both stores are in {}: losing that region loses both", first->region),
                        "use another region");
    }
  }

  void check_prefix(std::string_view region) {
    const std::string path = fmt::format("storage.{}.prefix", region);
    const Value* prefix = find_path(root_, path);
    if (prefix == nullptr) return;
    const std::string with_slashes = "/" + prefix->text + "/";
    for (std::string_view bad : {"//", "/../", "/./"}) {
      const size_t at = with_slashes.find(bad);
      const bool trailing = bad == "//" && at + 2 == with_slashes.size();  // "prefix/" is fine
      if (at != std::string::npos && !trailing) {
        findings_.error(prefix->position,
                        fmt::format("'{}': {} holds an empty or dotted part", path, quote(prefix->text)),
                        "write names with single slashes between");
        return;
      }
    }
  }

  void check_directory_pair() {
    const auto* first = std::get_if<DirectoryTarget>(&config_.storage.primary);
    const auto* second = std::get_if<DirectoryTarget>(&*config_.storage.secondary);
    if (first == nullptr || second == nullptr) return;
    if (is_inside(second->path, first->path) || is_inside(first->path, second->path)) {
      findings_.error(place("storage.secondary.path"),
                      "'storage.secondary' is the same directory as 'storage.primary' or inside of it",
                      "use a directory on another disk");
    }
  }

  /// What must not lie in the repository, and where the repository must not lie.
  void check_directories() {
    for (const char* region : {"primary", "secondary"}) {
      const std::string path = fmt::format("storage.{}.path", region);
      const Value* store = find_path(root_, path);
      if (store == nullptr) continue;
      if (config_.database.data_directory && is_inside(store->text, *config_.database.data_directory)) {
        findings_.error(store->position, fmt::format("'{}' is inside database.data_directory", path),
                        "what destroys the database must not destroy its backups");
      }
      for (std::string_view other :
           {"restore.target_directory", "state_directory", "dr_tests.work_directory", "dr_tests.report_directory"}) {
        const Value* directory = find_path(root_, other);
        if (other == "dr_tests.work_directory" && directory->is_default()) continue;  // restore.target_directory again
        if (is_inside(directory->text, store->text)) {
          findings_.error(place({other, path}), fmt::format("'{}' is inside the repository '{}'", other, path),
                          "use a directory of its own");
        }
      }
      for (size_t i = 0; i < config_.encryption.keys.size(); ++i) {
        const auto* key = std::get_if<KeyFile>(&config_.encryption.keys[i]);
        if (key != nullptr && is_inside(key->path, store->text)) {
          findings_.error(place(fmt::format("encryption.keys[{}].path", i)),
                          fmt::format("the key {} lies in the repository that it opens", quote(key->path)),
                          "whoever takes the one must not get the other: keep the key elsewhere");
        }
      }
    }
  }

  void check_credentials_of_all() {
    for (const char* region : {"primary", "secondary"})
      check_credentials(fmt::format("storage.{}.credentials", region));
    for (size_t i = 0; i < config_.encryption.keys.size(); ++i)
      check_credentials(fmt::format("encryption.keys[{}].credentials", i));
  }

  /// One source, except for the two pairs that belong together.
  void check_credentials(const std::string& path) {
    const Value* value = find_path(root_, path);
    if (value == nullptr || value->members.size() < 2) return;
    const auto has = [&](std::string_view key) { return value->find(key) != nullptr; };
    const bool pair = value->members.size() == 2 && ((has("access_key_file") && has("profile")) ||
                                                     (has("role_arn") && has("web_identity_token_file")));
    if (pair) return;
    findings_.error(
        value->position, fmt::format("'{}' names several sources", path),
        "one of profile, role_arn, web_identity_token_file and access_key_file; together only access_key_file "
        "with profile, and role_arn with web_identity_token_file");
  }

  void check_keys() {
    std::set<std::string> seen;
    std::set<std::string> kms_regions;
    size_t openers = 0;
    const auto& keys = config_.encryption.keys;
    for (size_t i = 0; i < keys.size(); ++i) {
      std::string identity;
      if (const auto* kms = std::get_if<AwsKmsKey>(&keys[i])) {
        identity = "aws-kms " + kms->region + " " + kms->key_id;
        kms_regions.insert(kms->region);
        ++openers;
      } else if (const auto* file = std::get_if<KeyFile>(&keys[i])) {
        identity = "key-file " + file->path;
        ++openers;
      } else {
        identity = "escrow " + std::get<EscrowKey>(keys[i]).public_key_path;
      }
      if (!seen.insert(identity).second) {
        findings_.error(place(fmt::format("encryption.keys[{}]", i)),
                        fmt::format("'encryption.keys[{}]' is in the list twice", i), "remove one");
      }
    }
    if (openers == 0) {
      findings_.error(place("encryption.keys"),
                      "an escrow key alone can seal but not open: no backup could be verified or restored here",
                      "add a key of type key-file or aws-kms");
    }
    const bool only_one_region =
        openers > 0 && kms_regions.size() == 1 &&
        std::none_of(keys.begin(), keys.end(), [](const auto& k) { return std::holds_alternative<KeyFile>(k); });
    if (config_.storage.secondary && only_one_region) {
      findings_.warning(
          place("encryption.keys"),
          fmt::format("every key that opens is in {}: losing that region loses both stores", *kms_regions.begin()),
          "add a key in the secondary's region");
    }
  }

  void check_commands() {
    check_command("dr_tests.application.start");
    std::set<std::string> names;
    const auto& checks = config_.dr_tests.application.health_checks;
    for (size_t i = 0; i < checks.size(); ++i) {
      const std::string path = fmt::format("dr_tests.application.health_checks[{}]", i);
      check_command(path + ".command");
      if (!names.insert(checks[i].name).second) {
        findings_.error(place(path + ".name"), fmt::format("two health checks are named {}", quote(checks[i].name)),
                        "names must differ");
      }
    }
  }

  void check_command(const std::string& path) {
    const Value* command = find_path(root_, path);
    if (command == nullptr || command->items.empty() || command->items[0].text.starts_with('/')) return;
    findings_.error(command->items[0].position,
                    fmt::format("'{}': program {} is not an absolute path", path, quote(command->items[0].text)),
                    "write the program's path from / on; PATH is not searched");
  }

  void check_retention() {
    const Schedules& schedules = config_.schedules;
    const seconds between_fulls = schedules.full.cron.longest_gap();
    const seconds kept = schedules.full.retention;
    if (kept < 2 * between_fulls) {
      // What is just about to expire when the next one runs may or may not still be there.
      const int64_t whole = kept / between_fulls;
      const int64_t fewest = kept % between_fulls == seconds(0) ? whole - 1 : whole;
      findings_.warning(place({"schedules.full.retention", "schedules.full.cron"}),
                        fmt::format("full every {} with retention {} leaves {}-{} recoverable fulls",
                                    brief(between_fulls), brief(kept), fewest, fewest + 1),
                        "keep at least two: a damaged one must not be the only one");
    }
    warn_if_longer(
        "schedules.verify.cron", "schedules.full.retention", schedules.verify.longest_gap(), kept,
        "verification every {} is rarer than full retention {}: damage could be noticed when no good full is left",
        "verify more often");
    const seconds logs_kept = schedules.transaction_logs.retention;
    const seconds between_bases = CronExpression::longest_gap(schedules.full.cron, schedules.incremental.cron);
    warn_if_longer("schedules.transaction_logs.retention", "schedules.incremental.cron", between_bases, logs_kept,
                   "backups every {} with transaction-log retention {} leave times that cannot be recovered",
                   "keep transaction logs at least until the next backup");
    check_object_lock("primary");
    check_object_lock("secondary");
  }

  void warn_if_longer(std::string_view at, std::string_view or_at, seconds what, seconds limit, const char* message,
                      const char* suggestion) {
    if (what <= limit) return;
    findings_.warning(place({at, or_at}), fmt::format(fmt::runtime(message), brief(what), brief(limit)), suggestion);
  }

  void check_object_lock(const std::string& region) {
    const struct {
      const char* key;
      seconds retention;
    } kept[] = {{"full", config_.schedules.full.retention},
                {"incremental", config_.schedules.incremental.retention},
                {"transaction_logs", config_.schedules.transaction_logs.retention}};
    for (const auto& [key, retention] : kept) {
      const std::string path = fmt::format("storage.{}.object_lock.{}", region, key);
      const Value* lock = find_path(root_, path);
      if (lock == nullptr || seconds(lock->number) <= retention) continue;
      findings_.warning(place({path, fmt::format("storage.{}.object_lock", region)}),
                        fmt::format("'{}' {} is longer than its retention {}: what expires cannot be deleted yet", path,
                                    brief(seconds(lock->number)), brief(retention)),
                        "lock no longer than it is kept");
    }
  }

  void check_objectives() {
    const auto& logs = config_.schedules.transaction_logs;
    if (logs.streaming) return;
    warn_if_longer("schedules.transaction_logs.cron", "objectives.rpo", logs.cron.longest_gap(), config_.objectives.rpo,
                   "transaction logs every {} without streaming cannot meet the recovery point objective of {}",
                   "back them up more often, or set streaming: true");
  }

  void check_console() {
    const bool open = !is_loopback(config_.monitoring.listen.host) && !config_.monitoring.console_token_file;
    if (!open) return;
    findings_.warning(place("monitoring.listen"), "the console answers whoever can reach this address",
                      "set 'monitoring.console_token_file', or listen on 127.0.0.1");
  }

  void check_compression() {
    const Value* level = find_path(root_, "compression.level");
    if (config_.compression.codec == Codec::none && !level->is_default()) {
      findings_.warning(level->position, "'compression.level' has no effect with codec none", "remove it");
    }
  }

  const Config& config_;
  const Value& root_;
  Findings& findings_;
};

/// A default that is computed, put where the table has the key.
void add_default(Value& section, const Section& fields, std::string_view key, std::string text) {
  if (section.find(key) != nullptr) return;
  const Field* field = fields.find(key);
  CHECK(field != nullptr);
  Value value;
  value.type = field->type;
  value.text = std::move(text);
  const auto place = std::find_if(section.members.begin(), section.members.end(), [&](const Value::Member& member) {
    const auto order = [&](std::string_view k) { return fields.find(k) - fields.fields.data(); };
    return order(member.key) > order(key);
  });
  section.members.insert(place, {field->key, std::move(value)});
}

}  // namespace

void derive_defaults(Value& root, Findings& findings) {
  const Value* cluster = root.find("cluster");
  Value* database = root.find("database");
  std::string slot = "spendsync_backup_" + cluster->text;
  std::replace(slot.begin(), slot.end(), '-', '_');
  constexpr size_t kLongestSlot = 63;  // NAMEDATALEN - 1
  if (database->find("slot") == nullptr && slot.size() > kLongestSlot) {
    findings.error(cluster->position,
                   fmt::format("the slot's name made of cluster '{}' would have {} characters, more than {}",
                               cluster->text, slot.size(), kLongestSlot),
                   "set 'database.slot'");
  }
  add_default(*database, *database->type->section, "slot", std::move(slot));
  Value* dr_tests = root.find("dr_tests");
  add_default(*dr_tests, *dr_tests->type->section, "work_directory", find_path(root, "restore.target_directory")->text);
  add_default(*dr_tests, *dr_tests->type->section, "runbook", dr_tests->find("report_directory")->text + "/RUNBOOK.md");
}

void check_rules(const Config& config, const Value& root, Findings& findings) { Rules(config, root, findings).check(); }

}  // namespace spendsync::config
