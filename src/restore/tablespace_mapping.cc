#include "restore/tablespace_mapping.h"

#include <fmt/format.h>

#include "restore/target_directory.h"

namespace spendsync::restore {

namespace {

bool overlap(const std::string& a, const std::string& b) { return lies_within(a, b) || lies_within(b, a); }

std::string known_tablespaces(const std::vector<repository::TablespaceRecord>& tablespaces) {
  std::string text;
  for (const auto& tablespace : tablespaces) {
    if (tablespace.location.empty()) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", tablespace.location, tablespace.oid);
  }
  return text.empty() ? "none" : text;
}

bool means(const TablespaceMapping& mapping, const repository::TablespaceRecord& tablespace) {
  return !tablespace.location.empty() &&
         (mapping.source == tablespace.location || mapping.source == std::to_string(tablespace.oid));
}

Result<void> check_known(const std::vector<repository::TablespaceRecord>& tablespaces,
                         const std::vector<TablespaceMapping>& mappings) {
  for (const auto& mapping : mappings) {
    bool known = false;
    for (const auto& tablespace : tablespaces) known = known || means(mapping, tablespace);
    if (known) continue;
    return Error(ErrorKind::refused, fmt::format("the backup has no tablespace {}", mapping.source))
        .with_hint("its tablespaces: " + known_tablespaces(tablespaces));
  }
  return {};
}

Result<void> check_apart(const PlannedTablespace& tablespace, const TablespacePlaces& places,
                         const std::vector<PlannedTablespace>& others) {
  auto refuse = [&](const std::string& other) {
    return Error(ErrorKind::refused, fmt::format("tablespace {} ({}) cannot go to {}: it would overlap with {}",
                                                 tablespace.oid, tablespace.source, tablespace.location, other))
        .with_hint("choose a directory of its own with --tablespace OLD=NEW");
  };
  if (overlap(tablespace.location, places.data)) return refuse("the data directory " + places.data);
  for (const auto& place : places.other_places) {
    // <target>-tablespaces itself holds those that are not mapped.
    if (place == places.beside && !tablespace.chosen) continue;
    if (overlap(tablespace.location, place)) return refuse(place);
  }
  for (const auto& other : others) {
    if (!overlap(tablespace.location, other.location)) continue;
    return refuse(fmt::format("tablespace {} in {}", other.oid, other.location));
  }
  return {};
}

}  // namespace

Result<TablespaceMapping> parse_tablespace_mapping(const std::string& text) {
  TablespaceMapping mapping;
  std::string* side = &mapping.source;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '=') {
      *side += text[++i];
    } else if (text[i] == '=' && side == &mapping.source) {
      side = &mapping.destination;
    } else if (text[i] == '=') {
      return Error(ErrorKind::invalid, fmt::format("--tablespace {}: more than one '='", text))
          .with_hint("write \\= for a '=' that belongs to a path");
    } else {
      *side += text[i];
    }
  }
  if (mapping.source.empty() || mapping.destination.empty()) {
    return Error(ErrorKind::invalid, fmt::format("--tablespace {}: expected OLD=NEW", text))
        .with_hint("OLD is the original location or the OID, NEW an absolute path");
  }
  if (mapping.destination.front() != '/') {
    return Error(ErrorKind::invalid, fmt::format("--tablespace {}: {} is no absolute path", text, mapping.destination));
  }
  mapping.destination = TRY(normalize_target(mapping.destination));
  if (mapping.source.front() == '/') {
    while (mapping.source.size() > 1 && mapping.source.back() == '/') mapping.source.pop_back();
  }
  return mapping;
}

Result<std::vector<PlannedTablespace>> place_tablespaces(const std::vector<repository::TablespaceRecord>& tablespaces,
                                                         const TablespacePlaces& places) {
  TRY(check_known(tablespaces, places.mappings));
  std::vector<PlannedTablespace> planned;
  for (const auto& tablespace : tablespaces) {
    if (tablespace.location.empty()) continue;  // inside the data directory
    PlannedTablespace place{tablespace.oid, tablespace.location, fmt::format("{}/{}", places.beside, tablespace.oid),
                            false};
    if (places.original) place.location = tablespace.location;
    for (const auto& mapping : places.mappings) {
      if (!means(mapping, tablespace)) continue;
      if (place.chosen) {
        return Error(ErrorKind::refused,
                     fmt::format("tablespace {} ({}) is mapped more than once", tablespace.oid, tablespace.location));
      }
      if (places.original && mapping.destination == tablespace.location) continue;  // where it goes anyway
      place.location = mapping.destination;
      place.chosen = true;
    }
    TRY(check_apart(place, places, planned));
    planned.push_back(std::move(place));
  }
  return planned;
}

}  // namespace spendsync::restore
