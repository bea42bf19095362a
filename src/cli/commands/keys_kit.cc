// spendsync-backup keys kit [--output FILE] [--html] [--with-secret] and keys import-kit --output FILE [TYPED]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/kit/recovery_kit.h"
#include "cli/kit/typed_key.h"
#include "cli/process.h"
#include "crypto/key_file_wrapper.h"
#include "crypto/secret_file.h"
#include "jobs/cluster_folders.h"
#include "jobs/host_name.h"
#include "jobs/new_file.h"
#include "repository/catalog.h"

namespace spendsync::cli {
namespace {

struct KeysKitOptions {
  std::optional<std::string> output;  // else stdout
  bool html = false;
  bool with_secret = false;
};

struct KeysImportKitOptions {
  std::string output;
  std::optional<std::string> typed;  // else stdin
};

using repository::KeyEntry;

/// Double quotes, as YAML and JSON write them alike.
std::string yaml_text(const std::string& text) { return Json(text).dump(); }

/// Only what a restore needs: everything else has a default, and a bare machine has no server to ask.
std::string smallest_configuration(const Wiring& wiring, const KitFacts& facts) {
  const auto& config = wiring.config();
  std::string text = "version: 1\n";
  text += "cluster: " + yaml_text(config.cluster) + "\n";
  if (config.database.bin_directory) {
    text += "database: { bin_directory: " + yaml_text(*config.database.bin_directory) + " }\n";
  }
  text += "storage: { primary: { type: directory, path: " + yaml_text(facts.repository) + " } }\n";
  if (!facts.key_files.empty()) text += "encryption:\n  keys:\n";
  for (const auto& key : facts.key_files) text += "    - { type: key-file, path: " + yaml_text(key.path) + " }\n";
  text += "restore: { target_directory: " + yaml_text(facts.restore_directory) + " }\n";
  if (config.schedules.timezone.name() != "UTC") {
    text += "schedules: { timezone: " + yaml_text(config.schedules.timezone.name()) + " }\n";
  }
  return text;
}

/// A configured key with the data keys that it does not open.
struct ExaminedKey {
  jobs::ConfiguredKey configured;
  std::string name;                       // "key-file e5be69e61b779b27"; empty: it cannot be read
  std::vector<const KeyEntry*> unopened;  // all of them when it cannot be read
  bool is_file() const { return configured.type == "key-file"; }
};

/// What is open here is asked to open; of an escrow key it counts that its wraps are there.
bool opens(const KeyEntry& key, const repository::WrapperName& name, const std::vector<crypto::KeyWrapper*>& wrappers) {
  const auto found = std::ranges::find_if(wrappers, [&](auto* wrapper) {
    return wrapper->can_open() && wrapper->opens_locally() && wrapper->type() == name.type && wrapper->id() == name.id;
  });
  if (found == wrappers.end()) return key.has(name);
  return std::ranges::any_of(key.wraps, [&](const auto& entry) {
    return entry.counts() && entry.wrapper() == name && (*found)->unwrap(*entry.wrap).has_value();
  });
}

std::vector<ExaminedKey> examine(std::vector<jobs::ConfiguredKey> configured, const std::vector<KeyEntry>& data_keys,
                                 const std::vector<crypto::KeyWrapper*>& wrappers) {
  std::vector<ExaminedKey> keys;
  for (auto& key : configured) {
    ExaminedKey examined{std::move(key), "", {}};
    const auto& id = examined.configured.id;
    const repository::WrapperName name{examined.configured.type, id ? *id : ""};
    if (id) examined.name = name.to_string();
    for (const auto& data_key : data_keys) {
      if (!id || !opens(data_key, name, wrappers)) examined.unopened.push_back(&data_key);
    }
    keys.push_back(std::move(examined));
  }
  return keys;
}

std::vector<KitKey> kit_keys(const std::vector<ExaminedKey>& examined, size_t data_keys) {
  std::vector<KitKey> keys;
  for (const auto& key : examined) {
    keys.push_back({key.name.empty() ? key.configured.type : key.name, key.configured.place, !key.configured.opens,
                    data_keys - key.unopened.size()});
  }
  return keys;
}

/// A kit with the secret of a key that opens only a part would be found out on the day on which it is needed.
Result<void> expect_to_open_everything(const ExaminedKey& key) {
  constexpr size_t kNamed = 3;
  if (key.unopened.empty()) return ok();
  if (!key.configured.id) {
    return Error(ErrorKind::refused,
                 "key file " + key.configured.place + " cannot be read: " + key.configured.id.error().message());
  }
  std::string ids;
  for (size_t i = 0; i < std::min(kNamed, key.unopened.size()); ++i) {
    ids += (i == 0 ? "" : ", ") + key.unopened[i]->id.to_string();
  }
  if (key.unopened.size() > kNamed) ids += fmt::format(" and {} more", key.unopened.size() - kNamed);
  return Error(ErrorKind::refused, fmt::format("key file {} ({}) does not open {} of the data keys: {}",
                                               key.configured.place, key.name, key.unopened.size(), ids))
      .with_hint("let it in, then print the kit: spendsync-backup keys rewrap");
}

std::vector<std::string> contacts_of(const config::Contacts& contacts) {
  std::vector<std::string> lines;
  auto add = [&](const char* role, const std::string& who) {
    if (!who.empty()) lines.push_back(std::string(role) + ": " + who);
  };
  add("database administrator", contacts.database_administrator);
  add("system administrator", contacts.system_administrator);
  add("cloud infrastructure team", contacts.cloud_infrastructure_team);
  return lines;
}

Result<std::vector<std::string>> secret_lines(const std::string& path) {
  const crypto::SecretFileWords words{"key file", "bring it back from where you keep it", "name the key file"};
  auto content = TRY(crypto::read_secret_file(path, words, Secret::kSize));
  if (content.size() != Secret::kSize) return Error(ErrorKind::refused, "key file " + path + " is no key of 32 bytes");
  const Secret key(content.view());
  return typed_key_lines(key, crypto::key_file_id(key));
}

Result<void> add_secrets(KitFacts& facts, const std::vector<ExaminedKey>& keys) {
  for (const auto& key : keys) {
    if (key.is_file()) TRY(expect_to_open_everything(key));
  }
  if (facts.key_files.empty()) {
    return Error(ErrorKind::refused, "no key file is configured: there is no secret that a kit could hold");
  }
  for (auto& key : facts.key_files) key.lines = TRY(secret_lines(key.path));
  return ok();
}

/// Its label; empty: there is none yet.
Result<std::string> newest_backup(const std::vector<std::unique_ptr<repository::Repository>>& folders,
                                  std::stop_token stop) {
  std::string newest;
  for (const auto& folder : folders) {
    const auto catalog = TRY(repository::Catalog::load(*folder, stop));
    for (const auto& backup : catalog.backups()) {
      if (backup.summary) newest = std::max(newest, backup.label.text());
    }
  }
  return newest;
}

Result<KitFacts> collect_facts(const Process& process, Wiring& wiring, bool with_secret) {
  const auto folders = TRY(jobs::open_cluster_folders(wiring, std::nullopt));
  const auto keys = TRY(jobs::read_cluster_keys(folders, process.stop));
  const auto& config = wiring.config();
  const auto& identity = folders.front()->identity();
  KitFacts facts;
  facts.cluster = identity.cluster;
  facts.system_identifier = identity.system_identifier.to_string();
  facts.major_version = identity.major_version;
  facts.repository = wiring.store().description();
  facts.repository_id = folders.front()->id();
  facts.host = jobs::host_name();
  facts.configuration_file = wiring.loaded().file;
  facts.data_directory = config.database.data_directory.value_or("");
  facts.restore_directory = config.restore.target_directory;
  facts.newest_backup = TRY(newest_backup(folders, process.stop));
  const auto examined = examine(jobs::examine_configured_keys(config, process.random, process.clock), keys,
                                wiring.collaborators().wrappers);
  facts.keys = kit_keys(examined, keys.size());
  facts.data_keys = keys.size();
  for (const auto& key : examined) {
    if (key.is_file() && key.unopened.empty()) facts.key_files.push_back({key.name, key.configured.place, {}});
  }
  if (with_secret) TRY(add_secrets(facts, examined));
  facts.configuration = smallest_configuration(wiring, facts);
  facts.contacts = contacts_of(config.contacts);
  facts.version = SSB_VERSION;
  facts.printed = process.clock.now();
  return facts;
}

/// From a file, or from standard input up to its end.
Result<crypto::WipedBytes> read_typed(const std::optional<std::string>& path) {
  constexpr size_t kTypedMax = 64u << 10;
  Fd input;
  if (path) input = TRY(open_file(*path, O_RDONLY | O_NOCTTY));
  crypto::WipedBytes text{Bytes(kTypedMax)};
  size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(path ? input.get() : STDIN_FILENO, text.mutable_view().data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "reading " + path.value_or("standard input"));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.truncate(size);
  return text;
}

Result<int> run_keys_kit(const Process& process, const KeysKitOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::reads));
  auto facts = TRY(collect_facts(process, *wiring, options.with_secret));
  auto page = make_kit(facts);
  auto text = options.html ? kit_html(page) : kit_text(page);
  if (options.output) {
    TRY(jobs::write_new_file(*options.output, as_bytes(text)));
    process.output.line("the recovery kit is in " + *options.output + ": print it, then " +
                        (page.secret ? "shred the file: it holds the key" : "keep it away from this server"));
  } else if (!process.output.json()) {
    // Past the buffer of stdout, which would keep a copy.
    std::fflush(stdout);
    const Fd out(::dup(STDOUT_FILENO));
    TRY(write_all(out, as_bytes(text), "standard output"));
  }
  Json json;
  json.set("output", options.output ? Json(*options.output) : Json()).set("holds_secret", page.secret);
  json.set("repository_id", facts.repository_id).set("configuration", facts.configuration);
  process.output.summary("keys kit", std::move(json), kDone);
  wipe_text(text);
  wipe_secrets(page);
  wipe_secrets(facts);
  return kDone;
}

Result<int> run_keys_import_kit(const Process& process, const KeysImportKitOptions& options) {
  const auto typed = TRY(read_typed(options.typed));
  const auto key = TRY(parse_typed_key(as_text(typed.view())));
  TRY(jobs::write_new_file(options.output, key.view()));
  const auto id = crypto::key_file_id(key);
  process.output.line("key file " + options.output + " is written; its id is " + id);
  process.output.summary("keys import-kit", Json().set("output", options.output).set("id", id), kDone);
  return kDone;
}

}  // namespace

CommandEntry keys_kit_command() {
  auto o = std::make_shared<KeysKitOptions>();
  return {.name = "kit",
          .description = "the recovery kit: one page to print and keep elsewhere",
          .options = {option("--output", "FILE", o->output, "a new file (default: standard output)"),
                      flag("--html", o->html, "HTML that prints on one sheet of A4, instead of text"),
                      flag("--with-secret", o->with_secret, "print the key file too, to be typed back: for a safe")},
          .examples = {{"keys kit --html --output kit.html", "print it, then keep it away from this server"}},
          .run = [o](const Process& process) { return run_keys_kit(process, *o); }};
}

CommandEntry keys_import_kit_command() {
  auto o = std::make_shared<KeysImportKitOptions>();
  return {.name = "import-kit",
          .description = "make the key file again from the typed lines of a kit",
          .options = {option("--output", "FILE", o->output, "the key file to make").required()},
          .arguments = {argument("typed", o->typed, "file with the typed lines (default: standard input)")},
          .examples = {{"keys import-kit --output repository.key typed.txt", "a mistyped line is told by its number"}},
          .run = [o](const Process& process) { return run_keys_import_kit(process, *o); }};
}

}  // namespace spendsync::cli
