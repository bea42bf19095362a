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

/// Newest first: what is newer has taken everything from its begin on.
std::vector<TimelineHistory::Entry> stretches(TimelineId timeline,
                                              const std::vector<TimelineHistory::Ancestor>& ancestors) {
  Lsn begin = ancestors.empty() ? Lsn{0} : ancestors.back().switch_point;
  std::vector<TimelineHistory::Entry> entries{{timeline, begin, std::nullopt}};
  Lsn end = begin;
  for (size_t i = ancestors.size(); i-- > 0;) {
    end = std::min(end, ancestors[i].switch_point);
    begin = i == 0 ? Lsn{0} : ancestors[i - 1].switch_point;
    if (begin <= end) entries.push_back({ancestors[i].timeline, begin, end});
  }
  std::ranges::reverse(entries);
  return entries;
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

std::optional<Lsn> TimelineHistory::left_at(TimelineId ancestor) const {
  auto line = std::ranges::find(ancestors, ancestor, &Ancestor::timeline);
  if (line == ancestors.end()) return std::nullopt;
  return std::min_element(line, ancestors.end(),
                          [](const Ancestor& a, const Ancestor& b) { return a.switch_point < b.switch_point; })
      ->switch_point;
}

TimelineHistory initial_history(TimelineId timeline) { return {{{timeline, Lsn{0}, std::nullopt}}, {}}; }

Result<TimelineHistory> parse_timeline_history(TimelineId timeline, std::string_view text) {
  TimelineHistory history;
  auto bad_line = [&](size_t number, std::string_view why) {
    return Error(ErrorKind::corrupt, fmt::format("{}.history, line {}: {}", timeline.to_hex(), number, why));
  };
  TimelineId last_timeline;
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
    history.ancestors.push_back({TimelineId{*parent}, *end});
    last_timeline = TimelineId{*parent};
  }
  if (timeline <= last_timeline) {
    return Error(ErrorKind::corrupt, fmt::format("{}.history names timeline {}, which is not older", timeline.to_hex(),
                                                 last_timeline.value));
  }
  history.entries = stretches(timeline, history.ancestors);
  return history;
}

}  // namespace spendsync::postgres
