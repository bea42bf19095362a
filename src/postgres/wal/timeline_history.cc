#include "postgres/wal/timeline_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace spendsync::postgres {

namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trim(std::string_view text) {
  auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Takes the next blank-separated word off the front of `text`.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

std::optional<uint32_t> parse_decimal(std::string_view word) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return value;
}

}  // namespace

TimelineId TimelineHistory::timeline_at(Lsn lsn) const {
  for (const Entry& entry : entries) {
    if (!entry.end || lsn < *entry.end) return entry.timeline;
  }
  return timeline();
}

bool TimelineHistory::contains(WalPosition position) const {
  // A switch point is the end of one timeline and the beginning of the next: it lies on both.
  return std::ranges::any_of(entries, [&](const Entry& entry) {
    return entry.timeline == position.timeline && entry.begin <= position.lsn &&
           (!entry.end || position.lsn <= *entry.end);
  });
}

TimelineHistory initial_history(TimelineId timeline) { return {{{timeline, Lsn{0}, std::nullopt}}}; }

Result<TimelineHistory> parse_timeline_history(TimelineId timeline, std::string_view text) {
  TimelineHistory history;
  auto bad_line = [&](size_t number, std::string_view why) {
    return Error(ErrorKind::corrupt, fmt::format("{}.history, line {}: {}", timeline.to_hex(), number, why));
  };
  TimelineId last_timeline;
  Lsn begin;
  for (size_t number = 1; !text.empty(); ++number) {
    auto newline = text.find('\n');
    std::string_view line = trim(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.empty() || line.front() == '#') continue;
    auto parent = parse_decimal(take_word(line));
    auto end = Lsn::parse(take_word(line));
    if (!parent || *parent == 0) return bad_line(number, "expected a numeric timeline first");
    if (!end) return bad_line(number, "expected a switch point like 0/3000000 after the timeline");
    if (TimelineId{*parent} <= last_timeline) return bad_line(number, "timelines must ascend");
    if (*end < begin) return bad_line(number, "switch points must ascend");
    history.entries.push_back({TimelineId{*parent}, begin, *end});
    last_timeline = TimelineId{*parent};
    begin = *end;
  }
  if (timeline <= last_timeline) {
    return Error(ErrorKind::corrupt, fmt::format("{}.history names timeline {}, which is not older", timeline.to_hex(),
                                                 last_timeline.value));
  }
  history.entries.push_back({timeline, begin, std::nullopt});
  return history;
}

}  // namespace spendsync::postgres
