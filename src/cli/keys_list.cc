// spendsync-backup keys list
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace spendsync::cli {
namespace {

using repository::KeyEntry;
using repository::WrapEntry;
using repository::WrapperName;

/// One key-encrypting key: what it can do for the data keys.
struct Opener {
  std::string place;      // its file; empty: not configured
  std::string algorithm;  // of an escrow key
  std::string problem;    // why a configured key cannot be read
  bool configured = false;
  bool opens_here = false;  // it was asked, and did
  size_t keys = 0;          // data keys that have a wrap of it
};

struct Overview {
  size_t keys = 0;
  std::map<WrapperName, Opener> openers;
  std::vector<std::string> unreadable;  // configured keys that cannot be read
  std::vector<std::string> damaged;
  size_t closed = 0;  // data keys that nothing here opens
};

/// "yes", or why not. What has no key here is told by its owner.
std::string try_to_open(const WrapEntry& entry, const std::vector<crypto::KeyWrapper*>& wrappers) {
  if (!entry.wrap) return "DAMAGED: " + entry.wrap.error().message();
  if (entry.retired) return "no: retired";
  for (auto* wrapper : wrappers) {
    if (!wrapper->can_open() || WrapperName{wrapper->type(), wrapper->id()} != entry.wrapper()) continue;
    auto secret = wrapper->unwrap(*entry.wrap);
    return secret ? "yes" : "DAMAGED: " + secret.error().message();
  }
  if (entry.wrap->wrapper_type == "escrow") return "no: its private half is kept offline";
  return "no: this key is not open here";
}

void add_configured(Overview& overview, const std::vector<ConfiguredKey>& configured) {
  for (const auto& key : configured) {
    if (!key.id) {
      overview.unreadable.push_back(key.type + " " + key.place + ": " + key.id.error().message());
      continue;
    }
    auto& opener = overview.openers[{key.type, *key.id}];
    opener.place = key.place;
    opener.algorithm = key.algorithm;
    opener.configured = true;
  }
}

struct KeyRow {
  const KeyEntry* key;
  std::vector<std::string> opens;  // one a wrap
  bool opens_here() const { return std::ranges::find(opens, "yes") != opens.end(); }
};

std::vector<KeyRow> open_all(Overview& overview, const std::vector<KeyEntry>& keys,
                             const std::vector<crypto::KeyWrapper*>& wrappers) {
  std::vector<KeyRow> rows;
  for (const auto& key : keys) {
    KeyRow row{&key, {}};
    for (const auto& entry : key.wraps) {
      row.opens.push_back(try_to_open(entry, wrappers));
      if (row.opens.back().starts_with("DAMAGED")) overview.damaged.push_back(entry.object.text());
      if (!entry.counts()) continue;
      auto& opener = overview.openers[entry.wrapper()];
      opener.opens_here = opener.opens_here || row.opens.back() == "yes";
    }
    if (!row.opens_here()) ++overview.closed;
    rows.push_back(std::move(row));
  }
  overview.keys = keys.size();
  for (auto& [name, opener] : overview.openers) {
    opener.keys = static_cast<size_t>(std::ranges::count_if(keys, [&](const auto& key) { return key.has(name); }));
  }
  return rows;
}

std::string meaning(const WrapperName& name, const Opener& opener, size_t keys) {
  const bool escrow = name.type == "escrow";
  if (opener.keys == keys) {
    if (escrow) return "its private half opens everything";
    return opener.opens_here ? "opens everything" : "would open everything";
  }
  const auto lacking = keys - opener.keys;
  if (!opener.configured) return fmt::format("not configured: {} key(s) made without it", lacking);
  return fmt::format("CANNOT open what {} key(s) seal: keys rewrap adds the wraps", lacking);
}

bool lacks_wraps(const Overview& overview) {
  return std::ranges::any_of(
      overview.openers, [&](const auto& item) { return item.second.configured && item.second.keys < overview.keys; });
}

std::string verdict(const Overview& overview) {
  if (!overview.damaged.empty()) return fmt::format("DAMAGED: {} wrap(s) of data keys", overview.damaged.size());
  if (overview.closed > 0) {
    return fmt::format("{} of {} data keys cannot be opened here: what they seal cannot be restored", overview.closed,
                       overview.keys);
  }
  if (lacks_wraps(overview)) {
    return "every data key opens here; a configured key lacks wraps: run spendsync-backup keys rewrap";
  }
  return fmt::format("every data key ({}) opens here and has a wrap of every configured key", overview.keys);
}

void print(const Output& output, const Overview& overview, const std::vector<KeyRow>& rows) {
  output.line(verdict(overview));
  for (const auto& problem : overview.unreadable) output.line("  configured, but cannot be read: " + problem);
  output.line("");
  Table openers({"KEY THAT OPENS", "WHERE", "OPENED HERE", "DATA KEYS", "MEANING"});
  for (const auto& [name, opener] : overview.openers) {
    const std::string kind = opener.algorithm.empty() ? "" : " (" + opener.algorithm + ")";
    openers.add({name.to_string() + kind, opener.configured ? opener.place : "not configured",
                 opener.opens_here       ? "yes"
                 : name.type == "escrow" ? "offline"
                                         : "no",
                 fmt::format("{} of {}", opener.keys, overview.keys), meaning(name, opener, overview.keys)});
  }
  for (const auto& line : openers.lines()) output.line(line);
  output.line("");
  // A cluster that has been one server all the time needs no column for it.
  const bool several =
      std::ranges::any_of(rows, [&](const auto& row) { return row.key->server != rows.front().key->server; });
  std::vector<std::string> columns{"DATA KEY", "CLASS", "CREATED (UTC)", "HAS WRAPS OF", "OPENS HERE"};
  if (several) columns.emplace_back("OF SERVER");
  Table keys(std::move(columns));
  for (const auto& row : rows) {
    const auto* first = row.key->first();
    std::string owners;
    for (const auto& entry : row.key->wraps) {
      const auto owner = entry.counts() ? entry.wrapper().to_string() : entry.retired ? "(retired)" : "(damaged)";
      owners += (owners.empty() ? "" : ", ") + owner;
    }
    std::vector<std::string> cells{
        row.key->id.to_string(), first ? std::string(to_string(first->wrap->context.key_class)) : "-",
        first ? format_utc(first->wrap->created) : "-", owners, row.opens_here() ? "yes" : "NO"};
    if (several) cells.push_back(row.key->server.to_string());
    keys.add(std::move(cells));
  }
  for (const auto& line : keys.lines()) output.line(line);
}

Json openers_json(const Overview& overview) {
  Json list = Json::array();
  for (const auto& [name, opener] : overview.openers) {
    list.push(Json()
                  .set("type", name.type)
                  .set("id", name.id)
                  .set("configured", opener.configured)
                  .set("place", opener.configured ? Json(opener.place) : Json())
                  .set("opens_here", opener.opens_here)
                  .set("keys", opener.keys)
                  .set("lacking", overview.keys - opener.keys));
  }
  return list;
}

Json wraps_json(const std::vector<KeyRow>& rows) {
  Json list = Json::array();
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.key->wraps.size(); ++i) {
      const auto& entry = row.key->wraps[i];
      Json wrap;
      wrap.set("object", entry.object.text()).set("key_id", row.key->id.to_string()).set("opens", row.opens[i]);
      wrap.set("system_identifier", row.key->server.to_string());
      wrap.set("retired", entry.retired);
      if (entry.wrap) {
        wrap.set("class", to_string(entry.wrap->context.key_class)).set("created", format_utc(entry.wrap->created));
        wrap.set("wrapper", entry.wrapper().to_string());
      }
      list.push(std::move(wrap));
    }
  }
  return list;
}

}  // namespace

Result<int> run_keys_list(const Process& process) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::reads));
  const auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  TRY(warn_of_rollbacks(process, folders));
  const auto keys = TRY(read_cluster_keys(folders, process.stop));
  Overview overview;
  add_configured(overview, examine_configured_keys(wiring->config(), process.random, process.clock));
  const auto rows = open_all(overview, keys, wiring->collaborators().wrappers);
  print(process.output, overview, rows);
  Json unreadable = Json::array();
  for (const auto& problem : overview.unreadable) unreadable.push(problem);
  const int code = overview.damaged.empty() ? kDone : kDamaged;
  Json json;
  json.set("verdict", verdict(overview)).set("keys", overview.keys).set("closed", overview.closed);
  json.set("openers", openers_json(overview)).set("unreadable", unreadable).set("wraps", wraps_json(rows));
  process.output.summary("keys list", std::move(json), code);
  return code;
}

}  // namespace spendsync::cli
