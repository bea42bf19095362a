#include "fuzz/targets.h"
#include "postgres/backup_session.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto label = postgres::parse_backup_label(as_text(input));
  if (!label) return false;
  require(label->timeline.value > 0, "a label has a timeline");
  return true;
}

}  // namespace

Target backup_label_target() {
  const std::string label =
      "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
      "CHECKPOINT LOCATION: 0/2000060\n"
      "BACKUP METHOD: streamed\n"
      "BACKUP FROM: primary\n"
      "START TIME: 2026-11-23 13:50:13 UTC\n"
      "LABEL: 20261123T135013Z-full\n"
      "START TIMELINE: 1\n";
  auto standby = label;
  standby.replace(standby.find("primary"), 7, "standby");
  return {"backup_label",
          reads,
          texts({label, standby}),
          texts({"", label + "MORE: x\n", label.substr(0, 90)}),
          {"INCREMENTAL FROM LSN: 0/1000028\n", "\r\n", "\n"}};
}

}  // namespace spendsync::fuzz
