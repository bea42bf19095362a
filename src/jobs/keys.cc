#include "jobs/keys.h"

#include <algorithm>

#include "jobs/cluster_folders.h"

namespace spendsync::jobs {
namespace {

using repository::KeyEntry;
using repository::WrapEntry;
using repository::WrapperName;

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

void add_configured(KeyOverview& overview, const std::vector<ConfiguredKey>& configured) {
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

std::vector<KeyRow> open_all(KeyOverview& overview, const std::vector<KeyEntry>& keys,
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

/// Configured keys; an escrow key that was brought opens, but gets no wraps for that.
std::vector<crypto::KeyWrapper*> configured(Wiring& wiring) {
  auto wrappers = wiring.collaborators().wrappers;
  std::erase(wrappers, wiring.escrow_key());
  return wrappers;
}

/// The wrapper that an id means: people read it in `keys list`.
Result<WrapperName> find_wrapper(const std::vector<repository::KeyEntry>& keys, const std::string& id) {
  for (const auto& key : keys) {
    for (const auto& entry : key.wraps) {
      if (entry.wrap && (entry.wrap->wrapper_id == id || entry.wrapper().to_string() == id)) return entry.wrapper();
    }
  }
  return Error(ErrorKind::not_found, "no data key has a wrap of a key with the id " + id)
      .with_hint("`keys list` shows the ids");
}

}  // namespace

Result<KeyList> list_keys(Wiring& wiring) {
  const auto& context = wiring.context();
  const auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  TRY(warn_of_rollbacks(context, folders));
  KeyList list;
  list.keys = TRY(read_cluster_keys(folders, context.stop));
  add_configured(list.overview, examine_configured_keys(wiring.config(), context.random, context.clock));
  list.rows = open_all(list.overview, list.keys, wiring.collaborators().wrappers);
  return list;
}

Result<repository::RewrapReport> rewrap_keys(Wiring& wiring, const std::optional<std::string>& retire) {
  const auto& context = wiring.context();
  const auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  TRY(warn_of_rollbacks(context, folders));
  repository::RewrapSettings settings{.targets = configured(wiring), .retire = std::nullopt};
  if (retire) {
    const auto keys = TRY(read_cluster_keys(folders, context.stop));
    settings.retire = TRY(find_wrapper(keys, *retire));
  }
  repository::RewrapReport report;
  for (const auto& folder : folders) {
    auto of_folder = TRY(repository::rewrap_keys(*folder, settings, context.stop));
    report.add(std::move(of_folder));
  }
  return report;
}

}  // namespace spendsync::jobs
