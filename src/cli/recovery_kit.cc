#include "cli/recovery_kit.h"

#include <fmt/format.h>

#include <algorithm>

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

void add_key_file(std::vector<std::string>& type, const KitKeyFile& key) {
  if (key.lines.empty()) {
    type.push_back(fmt::format("# 3. {}, from where it is kept (32 bytes, mode 0600), to", key.name));
    type.push_back("#    " + key.path);
    return;
  }
  type.push_back(fmt::format("# 3. {}, from this page: type its lines, then Ctrl-D", key.name));
  type.push_back("spendsync-backup keys import-kit --output " + key.path);
}

KitSection how_to_restore(const KitFacts& facts) {
  KitSection section{"On a bare machine, as the user postgres", {}, {}, {}};
  auto& type = section.commands;
  type.push_back(fmt::format("# 1. install PostgreSQL {} and spendsync-backup {} or newer; bring the repository to",
                             facts.major_version, facts.version));
  type.push_back("#    " + facts.repository + " (or put another path below)");
  type.push_back("# 2. write " + facts.configuration_file + ":");
  for (const auto& line : lines_of(facts.configuration)) type.push_back("     " + line);
  for (const auto& key : facts.key_files) add_key_file(type, key);
  if (facts.key_files.size() > 1) {
    type.emplace_back("#    one of these is enough: leave the lines of the others out of the configuration");
  }
  type.emplace_back("#    or an escrow key's private half: add to each command  --escrow-key FILE");
  type.emplace_back("# 4. look, restore, open (the restore prints the last command)");
  type.push_back("export SPENDSYNC_BACKUP_CONFIG=" + facts.configuration_file);
  type.emplace_back("spendsync-backup list");
  type.push_back("spendsync-backup restore --latest --target " + facts.restore_directory + "/data");
  type.push_back("pg_ctl -D " + facts.restore_directory + "/data start");
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
