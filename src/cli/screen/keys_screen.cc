#include "cli/screen/keys_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"

namespace spendsync::cli {

using jobs::KeyOverview;
using jobs::KeyRow;
using jobs::WrappingKey;
using repository::RewrapReport;
using repository::WrapperName;

namespace {

std::string meaning(const WrapperName& name, const WrappingKey& opener, size_t keys) {
  const bool escrow = name.type == "escrow";
  if (opener.keys == keys) {
    if (escrow) return "its private half opens everything";
    return opener.opens_here ? "opens everything" : "would open everything";
  }
  const auto lacking = keys - opener.keys;
  if (!opener.configured) return fmt::format("not configured: {} key(s) made without it", lacking);
  return fmt::format("CANNOT open what {} key(s) seal: keys rewrap adds the wraps", lacking);
}

bool lacks_wraps(const KeyOverview& overview) {
  return std::ranges::any_of(
      overview.openers, [&](const auto& item) { return item.second.configured && item.second.keys < overview.keys; });
}

std::string verdict(const KeyOverview& overview) {
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

Json openers_json(const KeyOverview& overview) {
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

void print(const Output& output, const jobs::KeyList& list) {
  const auto& [overview, entries, rows] = list;
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

Json to_json(const jobs::KeyList& list) {
  const auto& overview = list.overview;
  Json unreadable = Json::array();
  for (const auto& problem : overview.unreadable) unreadable.push(problem);
  Json json;
  json.set("verdict", verdict(overview)).set("keys", overview.keys).set("closed", overview.closed);
  return json.set("openers", openers_json(overview)).set("unreadable", unreadable).set("wraps", wraps_json(list.rows));
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

}  // namespace spendsync::cli
