#include "cli/kit/recovery_kit.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/secret_file.h"

namespace spendsync::cli {
namespace {

std::string date_of(Timestamp time) { return format_utc(time).substr(0, 10); }

std::string repository_phrase(const KitFacts& facts) { return facts.repository + " on host " + facts.host; }

KitSection what_this_is(const KitFacts& facts) {
  KitSection section{"What this is", {}, {}, {}};
  section.text.push_back(
      fmt::format("With a copy of the repository, one of the keys below and this page, the database cluster {} comes "
                  "back on any Linux machine with PostgreSQL {}.",
                  facts.cluster, facts.major_version));
  section.text.emplace_back(facts.holds_secret()
                                ? "IT HOLDS THE KEY: whoever reads it and reaches the repository reads the database. "
                                  "Keep it in a safe, apart from every copy of the repository."
                                : "It holds no secret. Keep it where it is found when the server is gone.");
  return section;
}

KitSection where_it_is(const KitFacts& facts) {
  KitSection section{"What is kept, and where", {}, {}, {}};
  section.facts = {{"repository", repository_phrase(facts)},
                   {"repository id", facts.repository_id},
                   {"cluster", fmt::format("{}, system identifier {}, PostgreSQL {}", facts.cluster,
                                           facts.system_identifier, facts.major_version)},
                   {"data directory", facts.data_directory.empty() ? "not stated" : facts.data_directory},
                   {"configuration", facts.configuration_file},
                   {"newest backup", facts.newest_backup.empty() ? "none yet" : facts.newest_backup}};
  return section;
}

KitSection which_keys(const KitFacts& facts) {
  KitSection section{"Keys: any one that opens everything is enough", {}, {}, {}};
  for (const auto& key : facts.keys) {
    const auto part = key.opens == facts.data_keys
                          ? std::string("opens everything")
                          : fmt::format(
                                "OPENS ONLY {} of {} data keys: run `spendsync-backup keys rewrap` and print "
                                "this again",
                                key.opens, facts.data_keys);
    const auto place = key.offline ? "private half kept at: ____________________________" : key.place;
    section.facts.emplace_back(key.name, part + "; " + place);
  }
  return section;
}

KitSection secret_key(const KitKeyFile& key) {
  KitSection section{"To be typed: " + key.name, {}, {}, {}};
  section.text.emplace_back("Type these lines into step 3. The four digits after '/' find a mistyped line.");
  section.commands = key.lines;
  return section;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

constexpr const char* kOwner = "postgres:postgres";

/// PostgreSQL's user must get there; a directory that exists is left as it is: it may be /etc.
void add_directory(std::vector<std::string>& type, const std::string& path) {
  const auto directory = crypto::quoted_path(path);
  auto test = fmt::format("[ -d {} ] ||\\", directory);  // two lines: the page is narrow
  if (std::ranges::find(type, test) != type.end()) return;
  type.push_back(std::move(test));
  type.push_back("  install -d -o postgres -g postgres -m 0700 " + directory);
}

std::string parent_of(const std::string& path) { return path.substr(0, std::max<size_t>(1, path.rfind('/'))); }

void add_configuration(std::vector<std::string>& type, const KitFacts& facts) {
  const auto file = crypto::quoted_path(facts.configuration_file);
  type.push_back("# 2. the configuration");
  add_directory(type, parent_of(facts.configuration_file));
  type.push_back("printf '%s\\n' > " + file + " \\");
  const auto lines = lines_of(facts.configuration);
  for (size_t i = 0; i < lines.size(); ++i) {
    type.push_back("  " + crypto::quoted_path(lines[i]) + (i + 1 < lines.size() ? " \\" : ""));
  }
  type.push_back("chmod 0644 " + file);
}

void add_key_file(std::vector<std::string>& type, const KitKeyFile& key) {
  const auto file = crypto::quoted_path(key.path);
  add_directory(type, parent_of(key.path));
  if (key.lines.empty()) {
    type.push_back(fmt::format("# 3. {}: bring it from where it is kept to", key.name));
    type.push_back("#    " + key.path);
  } else {
    type.push_back(fmt::format("# 3. {}, from this page: type its lines, then Ctrl-D", key.name));
    type.push_back("spendsync-backup keys import-kit --output " + file);
  }
  type.push_back(fmt::format("chown {} {}", kOwner, file));
  type.push_back("chmod 0600 " + file);
}

KitSection how_to_restore(const KitFacts& facts) {
  KitSection section{"On a bare machine, as root", {}, {}, {}};
  auto& type = section.commands;
  type.push_back(fmt::format("# 1. install PostgreSQL {} and spendsync-backup {} or newer; bring the repository to",
                             facts.major_version, facts.version));
  type.push_back("#    " + facts.repository + " (or put another path here and in step 2)");
  type.emplace_back("umask 022");
  type.push_back(fmt::format("chown -R {} {}", kOwner, crypto::quoted_path(facts.repository)));
  add_configuration(type, facts);
  for (const auto& key : facts.key_files) add_key_file(type, key);
  if (facts.key_files.size() > 1) {
    type.emplace_back("#    one of these is enough: leave the lines of the others out of the configuration");
  }
  type.emplace_back("#    or an escrow key's private half: add to each command  --escrow-key FILE");
  type.emplace_back("# 4. look, restore and start it (it says how to start it another time)");
  add_directory(type, facts.restore_directory);
  type.push_back("export SPENDSYNC_BACKUP_CONFIG=" + crypto::quoted_path(facts.configuration_file));
  type.emplace_back("spendsync-backup list");
  type.push_back("spendsync-backup restore --latest --start --target " +
                 crypto::quoted_path(facts.restore_directory + "/data"));
  return section;
}

}  // namespace

bool KitFacts::holds_secret() const {
  return std::ranges::any_of(key_files, [](const auto& key) { return !key.lines.empty(); });
}

KitPage make_kit(const KitFacts& facts) {
  KitPage page;
  page.title = "Recovery kit: database cluster " + facts.cluster;
  page.subtitle = fmt::format("printed {} by spendsync-backup {}; print it again when keys, storage or server change",
                              date_of(facts.printed), facts.version);
  page.secret = facts.holds_secret();
  page.sections = {what_this_is(facts), where_it_is(facts), which_keys(facts)};
  for (const auto& key : facts.key_files) {
    if (!key.lines.empty()) page.sections.push_back(secret_key(key));
  }
  page.sections.push_back(how_to_restore(facts));
  if (!facts.contacts.empty()) {
    KitSection people{"Whom to call", facts.contacts, {}, {}};
    page.sections.push_back(std::move(people));
  }
  return page;
}

}  // namespace spendsync::cli
