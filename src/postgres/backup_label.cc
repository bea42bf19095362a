#include <fmt/format.h>

#include <charconv>

#include "postgres/backup_session.h"

namespace spendsync::postgres {
namespace {

/// Lines "NAME: value", in the order in which the server writes them.
class LabelReader {
 public:
  explicit LabelReader(std::string_view text) : rest_(text) {}

  Result<std::string_view> value(std::string_view name) {
    auto end = rest_.find('\n');
    if (end == std::string_view::npos) return error(name, "missing or without an end of line");
    auto line = rest_.substr(0, end);
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) return error(name, "missing");
    rest_.remove_prefix(end + 1);
    return line.substr(name.size() + 2);
  }

  Result<Lsn> lsn(std::string_view name, std::string_view text) {
    auto parsed = Lsn::parse(text);
    if (!parsed) return error(name, fmt::format("\"{}\" is no WAL position", text));
    return *parsed;
  }

  bool next_is(std::string_view name) const { return rest_.starts_with(name); }
  std::string_view rest() const { return rest_; }

  static Error error(std::string_view line, std::string_view what) {
    return Error(ErrorKind::corrupt, fmt::format("backup_label: {}: {}", line, what));
  }

 private:
  std::string_view rest_;
};

/// "0/2000028 (file 000000010000000000000002)": the position, and the timeline from the file's name.
struct StartLocation {
  Lsn lsn;
  TimelineId file_timeline;
};
Result<StartLocation> parse_start_location(LabelReader& reader) {
  constexpr std::string_view kName = "START WAL LOCATION";
  auto text = TRY(reader.value(kName));
  auto space = text.find(' ');
  constexpr std::string_view kFile = " (file ";
  auto file = space == std::string_view::npos ? std::string_view() : text.substr(space);
  if (!file.starts_with(kFile) || file.size() != kFile.size() + 24 + 1 || file.back() != ')') {
    return LabelReader::error(kName, "the file is not named");
  }
  auto digits = file.substr(kFile.size(), 8);
  StartLocation location;
  location.lsn = TRY(reader.lsn(kName, text.substr(0, space)));
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), location.file_timeline.value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return LabelReader::error(kName, "the file's name has no timeline");
  }
  return location;
}

Result<TimelineId> parse_timeline(LabelReader& reader) {
  constexpr std::string_view kName = "START TIMELINE";
  auto text = TRY(reader.value(kName));
  TimelineId timeline;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), timeline.value);
  if (error != std::errc() || end != text.data() + text.size() || timeline.value == 0) {
    return LabelReader::error(kName, fmt::format("\"{}\" is no timeline", text));
  }
  return timeline;
}

}  // namespace

Result<BackupLabel> parse_backup_label(std::string_view text) {
  LabelReader reader(text);
  BackupLabel label;
  auto start = TRY(parse_start_location(reader));
  label.start_lsn = start.lsn;
  auto checkpoint = TRY(reader.value("CHECKPOINT LOCATION"));
  label.checkpoint_lsn = TRY(reader.lsn("CHECKPOINT LOCATION", checkpoint));
  auto method = TRY(reader.value("BACKUP METHOD"));
  if (method != "streamed") return LabelReader::error("BACKUP METHOD", fmt::format("\"{}\", not streamed", method));
  auto from = TRY(reader.value("BACKUP FROM"));
  label.from_standby = from == "standby";
  // "master" is how 13 writes it.
  if (!label.from_standby && from != "primary" && from != "master") {
    return LabelReader::error("BACKUP FROM", fmt::format("\"{}\" is neither primary nor standby", from));
  }
  TRY(reader.value("START TIME"));
  auto name = TRY(reader.value("LABEL"));
  label.label = std::string(name);
  label.timeline = TRY(parse_timeline(reader));
  if (label.timeline != start.file_timeline) {
    return LabelReader::error("START TIMELINE", "differs from the timeline of the start location's file");
  }
  if (reader.next_is("INCREMENTAL FROM ")) {
    return Error(ErrorKind::refused, "backup_label is that of an incremental backup made by the server")
        .with_hint("combine it with its full backup first (pg_combinebackup)");
  }
  if (!reader.rest().empty()) return LabelReader::error("end", "unknown lines follow");
  return label;
}

}  // namespace spendsync::postgres
