#include "postgres/wal/timeline_history.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const TimelineId timeline{9};
  const auto history = postgres::parse_timeline_history(timeline, as_text(input));
  if (!history) return false;
  require(!history->entries.empty() && history->timeline() == timeline, "the timeline itself is the last");
  for (size_t i = 1; i < history->entries.size(); ++i) {
    require(history->entries[i - 1].timeline < history->entries[i].timeline, "timelines ascend");
    require(history->entries[i - 1].end == history->entries[i].begin, "WAL goes on where the older timeline ended");
  }
  for (const uint64_t position : {uint64_t{0}, uint64_t{0x5000028}, ~uint64_t{0}}) {
    const auto found = history->timeline_at(Lsn{position});
    require(history->contains({found, Lsn{position}}), "a position lies on its timeline");
  }
  return true;
}

}  // namespace

Target timeline_history_target() {
  return {"timeline_history",
          reads,
          texts({"1\t0/5000028\tno recovery target specified\n\n# a comment\n2\t0/7ABCDEF0\tbefore 2024-03-15 "
                 "14:30:00+00\n",
                 "8\tFFFFFFFF/FFFFFFFF\tx\n", "1\t0/3018CB0\tx\n2\t0/3018C48\ty\n"}),
          texts({"1\n", "2\t0/1\tx\n1\t0/2\tx\n", "9\t0/1\tx\n", "1\t5000028\tx\n", "x\t0/1\tx\n"}),
          {"\t", "\n", "#", "0/0"}};
}

}  // namespace spendsync::fuzz
