#include "repository/layout.h"

#include <charconv>

namespace spendsync::repository {

using storage::ObjectKey;

namespace {

std::string hex_number(uint64_t value, int digits, bool upper_case) {
  std::string text(static_cast<size_t>(digits), '0');
  const char* alphabet = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
  for (auto position = text.rbegin(); position != text.rend(); ++position, value >>= 4) {
    *position = alphabet[value & 15];
  }
  return text;
}

/// All of `text`, in one spelling: fixed width, one case.
std::optional<uint64_t> parse_hex(std::string_view text, int digits, bool upper_case) {
  uint64_t value = 0;
  auto end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, value, 16);
  if (text.size() != static_cast<size_t>(digits) || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (hex_number(value, digits, upper_case) != text) return std::nullopt;
  return value;
}

/// Keys from typed parts are always well-formed; anything else is our own mistake.
ObjectKey make_key(const std::string& text) {
  auto key = ObjectKey::parse(text);
  CHECK(key.has_value());
  return *std::move(key);
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

}  // namespace

std::string_view to_string(ObjectType type) {
  switch (type) {
    case ObjectType::identity:
      return "identity";
    case ObjectType::started:
      return "started";
    case ObjectType::pack:
      return "pack";
    case ObjectType::pack_index:
      return "pack-index";
    case ObjectType::manifest:
      return "manifest";
    case ObjectType::child:
      return "child";
    case ObjectType::expiring:
      return "expiring";
    case ObjectType::pin:
      return "pin";
    case ObjectType::wal:
      return "wal";
    case ObjectType::wal_part:
      return "wal-part";
    case ObjectType::change_map:
      return "change-map";
    case ObjectType::history:
      return "history";
    case ObjectType::wal_file:
      return "wal-file";
    case ObjectType::log:
      return "log";
    case ObjectType::tombstone:
      return "tombstone";
    case ObjectType::report:
      return "report";
    case ObjectType::verdict:
      return "verdict";
  }
  return "unknown";
}

Result<void> check_cluster_name(std::string_view name) {
  bool allowed = name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
                 std::string_view::npos;
  if (name.empty() || name.size() > 64 || name.front() == '.' || !allowed) {
    return Error(ErrorKind::invalid, "'" + std::string(name) + "' is no cluster name")
        .with_hint("1 to 64 letters, digits, dots, dashes and underscores, not beginning with a dot");
  }
  if (name == "repository") return Error(ErrorKind::invalid, "a cluster cannot be named 'repository'");
  return ok();
}

RunId RunId::random(RandomSource& random) { return {random.next_u64()}; }

Result<RunId> RunId::parse(std::string_view hex) {
  auto value = parse_hex(hex, 16, false);
  if (!value) return Error(ErrorKind::invalid, "'" + std::string(hex) + "' is no run id");
  return RunId{*value};
}

std::string RunId::to_string() const { return hex_number(value, 16, false); }

Result<PackName> PackName::parse(std::string_view text) {
  auto invalid = [&] { return Error(ErrorKind::invalid, "'" + std::string(text) + "' is no pack name"); };
  auto dash = text.find('-');
  if (dash == std::string_view::npos) return invalid();
  auto run = RunId::parse(text.substr(0, dash));
  uint32_t number = 0;
  auto digits = text.substr(dash + 1);
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (!run || parsed.ec != std::errc()) return invalid();
  PackName name{*run, number};
  if (name.to_string() != text) return invalid();
  return name;
}

std::string PackName::to_string() const {
  auto digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return run.to_string() + "-" + digits;
}

Result<PartRange> PartRange::parse(std::string_view text) {
  std::optional<uint64_t> from;
  std::optional<uint64_t> to;
  if (text.size() == 17 && text[8] == '-') {
    from = parse_hex(text.substr(0, 8), 8, true);
    to = parse_hex(text.substr(9), 8, true);
  }
  if (!from || !to || *from >= *to) return Error(ErrorKind::invalid, "'" + std::string(text) + "' is no part's range");
  return PartRange{static_cast<uint32_t>(*from), static_cast<uint32_t>(*to)};
}

std::string PartRange::to_string() const { return hex_number(from, 8, true) + "-" + hex_number(to, 8, true); }

ObjectKey repository_key() { return make_key("repository"); }

Layout::Layout(ClusterPath path) : path_(std::move(path)), base_(path_.text() + "/") {}

ObjectKey Layout::identity() const { return make_key(base_ + "identity"); }
ObjectKey Layout::key_wrap(const crypto::KeyId& key, std::string_view wrap_id) const {
  return make_key(key_prefix(key) + std::string(wrap_id));
}
ObjectKey Layout::started(const Label& label) const { return make_key(backup_prefix(label) + "started"); }
ObjectKey Layout::resumed(const Label& label, RunId run) const {
  return make_key(resumed_prefix(label) + run.to_string());
}
ObjectKey Layout::pack(const Label& label, PackName name) const {
  return make_key(packs_prefix(label) + name.to_string());
}
ObjectKey Layout::manifest(const Label& label) const { return make_key(backup_prefix(label) + "manifest"); }
ObjectKey Layout::child(const Label& full, const Label& incremental) const {
  return make_key(children_prefix(full) + incremental.text());
}
ObjectKey Layout::expiring(const Label& label) const { return make_key(backup_prefix(label) + "expiring"); }
ObjectKey Layout::pin(const Label& label, RunId id) const { return make_key(pins_prefix(label) + id.to_string()); }
ObjectKey Layout::segment(SegmentName name, uint32_t segment_size) const {
  return make_key(timeline_prefix(name.timeline) + name.file_name(segment_size));
}
std::string Layout::parts_prefix(SegmentName name, uint32_t segment_size) const {
  return timeline_prefix(name.timeline) + name.file_name(segment_size) + ".part/";
}
ObjectKey Layout::segment_part(SegmentName name, uint32_t segment_size, PartRange range) const {
  return make_key(parts_prefix(name, segment_size) + range.to_string());
}
ObjectKey Layout::history(TimelineId timeline) const { return make_key(timeline_prefix(timeline) + "history"); }

Result<ObjectKey> Layout::wal_file(std::string_view file_name) const {
  auto kind = classify_wal_file(file_name);
  if (kind != WalFileKind::partial && kind != WalFileKind::backup_history) {
    return Error(ErrorKind::invalid,
                 "'" + std::string(file_name) + "' is no .partial or .backup file of WAL archiving");
  }
  auto timeline = parse_hex(file_name.substr(0, 8), 8, true);
  if (!timeline) return Error(ErrorKind::invalid, "'" + std::string(file_name) + "' names no timeline");
  return make_key(timeline_prefix({static_cast<uint32_t>(*timeline)}) + std::string(file_name));
}

ObjectKey Layout::log(const Label& label) const { return make_key(logs_prefix() + label.text()); }

ObjectKey Layout::verdict(Timestamp finished, RunId id) const {
  auto label = Label::make(finished, BackupType::full).text();
  return make_key(verdicts_prefix() + label.substr(0, label.find('-')) + "-" + id.to_string());
}

ObjectKey Layout::tombstone(const ObjectKey& expired) const {
  CHECK(starts_with(expired.text(), base_));
  return make_key(tombstones_prefix() + expired.text().substr(base_.size()));
}

ObjectKey Layout::wal_tombstone(SegmentName first, SegmentName last, uint32_t segment_size) const {
  return make_key(tombstones_prefix() + "wal/" + first.timeline.to_hex() + "/" + first.file_name(segment_size) + "-" +
                  last.file_name(segment_size));
}

namespace {

/// What lies below backups/<label>/.
std::optional<ObjectType> classify_backup_object(std::string_view rest) {
  auto slash = rest.find('/');
  if (slash == std::string_view::npos || !Label::parse(rest.substr(0, slash))) return std::nullopt;
  auto name = rest.substr(slash + 1);
  if (name == "started") return ObjectType::started;
  if (name == "manifest") return ObjectType::manifest;
  if (name == "expiring") return ObjectType::expiring;
  if (starts_with(name, "resumed/") && RunId::parse(name.substr(8))) return ObjectType::started;
  if (starts_with(name, "pins/") && RunId::parse(name.substr(5))) return ObjectType::pin;
  if (starts_with(name, "packs/") && PackName::parse(name.substr(6))) return ObjectType::pack;
  if (starts_with(name, "children/") && Label::parse(name.substr(9))) return ObjectType::child;
  return std::nullopt;
}

/// What lies below wal/<timeline>/.
std::optional<ObjectType> classify_wal_object(std::string_view rest) {
  auto slash = rest.find('/');
  if (slash == std::string_view::npos || !parse_hex(rest.substr(0, slash), 8, true)) return std::nullopt;
  auto timeline = rest.substr(0, slash);
  auto name = rest.substr(slash + 1);
  if (name == "history") return ObjectType::history;
  if (!starts_with(name, timeline)) return std::nullopt;
  auto parts = name.find(".part/");
  if (parts != std::string_view::npos) {
    bool good =
        classify_wal_file(name.substr(0, parts)) == WalFileKind::segment && PartRange::parse(name.substr(parts + 6));
    return good ? std::optional(ObjectType::wal_part) : std::nullopt;
  }
  switch (classify_wal_file(name)) {
    case WalFileKind::segment:
      return ObjectType::wal;
    case WalFileKind::partial:
    case WalFileKind::backup_history:
      return ObjectType::wal_file;
    case WalFileKind::history:
    case WalFileKind::unknown:
      break;
  }
  return std::nullopt;
}

/// "20240315T000000Z-<16 hexadecimal digits>"
bool is_verdict_name(std::string_view name) {
  auto dash = name.find('-');
  if (dash == std::string_view::npos || !RunId::parse(name.substr(dash + 1))) return false;
  return Label::parse(std::string(name.substr(0, dash)) + "-full").has_value();
}

}  // namespace

std::optional<ObjectType> classify_key(const Layout& layout, const ObjectKey& key) {
  std::string_view text = key.text();
  if (!starts_with(text, layout.base())) return std::nullopt;
  auto rest = text.substr(layout.base().size());
  auto below = [&](std::string_view folder) { return starts_with(rest, folder); };
  if (rest == "identity") return ObjectType::identity;
  if (below("backups/")) return classify_backup_object(rest.substr(8));
  if (below("wal/")) return classify_wal_object(rest.substr(4));
  if (below("logs/") && Label::parse(rest.substr(5))) return ObjectType::log;
  if (below("tombstones/")) return ObjectType::tombstone;
  if (below("reports/")) return ObjectType::report;
  if (below("verdicts/")) return is_verdict_name(rest.substr(9)) ? std::optional(ObjectType::verdict) : std::nullopt;
  return std::nullopt;
}

}  // namespace spendsync::repository
