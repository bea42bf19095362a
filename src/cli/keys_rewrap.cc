// spendsync-backup keys rewrap [--retire ID]
#include <fmt/format.h>

#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace spendsync::cli {
namespace {

using repository::RewrapReport;
using repository::WrapperName;

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

void print(const Output& output, const RewrapReport& report) {
  const bool nothing = report.added.empty() && report.retired == 0;
  output.line(nothing ? fmt::format("nothing to do: every configured key has its wrap of all {} data keys",
                                    report.keys - report.closed.size())
                      : fmt::format("{} wrap(s) added, {} retired; {} data keys, no data touched", report.added_total(),
                                    report.retired, report.keys));
  for (const auto& [name, count] : report.added) {
    output.line(fmt::format("  added    {} wrap(s) of {}", count, name.to_string()));
  }
  if (report.replaced > 0) output.line(fmt::format("  replaced {} damaged wrap(s), which stay there", report.replaced));
  for (const auto& [id, why] : report.closed) output.line("  NOT OPEN " + id.to_string() + ": " + why);
  for (const auto& [id, why] : report.not_retired)
    output.line("  KEPT     the old wrap of " + id.to_string() + ": " + why);
}

Json to_json(const RewrapReport& report) {
  Json added = Json::array();
  for (const auto& [name, count] : report.added) {
    added.push(Json().set("type", name.type).set("id", name.id).set("wraps", count));
  }
  auto keys_json = [](const auto& list) {
    Json keys = Json::array();
    for (const auto& [id, why] : list) keys.push(Json().set("key_id", id.to_string()).set("why", why));
    return keys;
  };
  Json json;
  json.set("keys", report.keys).set("added", added).set("added_total", report.added_total());
  json.set("replaced", report.replaced).set("retired", report.retired);
  return json.set("closed", keys_json(report.closed)).set("not_retired", keys_json(report.not_retired));
}

}  // namespace

Result<int> run_keys_rewrap(const Process& process, const KeysRewrapOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::adds_wraps));
  const auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  TRY(warn_of_rollbacks(process, folders));
  repository::RewrapSettings settings{.targets = configured(*wiring), .retire = std::nullopt};
  if (options.retire) {
    const auto keys = TRY(read_cluster_keys(folders, process.stop));
    settings.retire = TRY(find_wrapper(keys, *options.retire));
  }
  RewrapReport report;
  for (const auto& folder : folders) {
    auto of_folder = TRY(repository::rewrap_keys(*folder, settings, process.stop));
    report.add(std::move(of_folder));
  }
  print(process.output, report);
  const int code = report.complete() ? kDone : kIncomplete;
  process.output.summary("keys rewrap", to_json(report), code);
  return code;
}

}  // namespace spendsync::cli
