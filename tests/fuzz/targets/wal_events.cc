// Records with right checksums and any content: what a forger or a new kind of record puts before the scanner.
#include "base/testing.h"
#include "base/time.h"
#include "fuzz/targets.h"
#include "postgres/wal/commit_scanner.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::fuzz {
namespace {

constexpr size_t kContentMax = 48u << 10;  // the rest of the segment is zeros, which end WAL

/// The input: version, then per record resource manager, info, length and main data.
bool reads(ByteView input) {
  ByteReader reader(input);
  const auto version = reader.u8();
  if (!version) return false;
  postgres::WalBuilder::Settings settings;
  settings.major_version = 13 + *version % 6;
  postgres::WalBuilder builder(settings);
  while (!reader.at_end()) {
    const auto resource_manager = reader.u8();
    const auto info = reader.u8();
    const auto content = reader.text(kInputMax);
    if (!resource_manager || !info || !content) return false;
    builder.append({.resource_manager = *resource_manager,
                    .info = *info,
                    .transaction = 700,
                    .headers = {},
                    .payload = {},
                    .main_data = std::string(*content)});
    if (builder.position().value % settings.segment_size > kContentMax) break;
  }
  const auto segment = builder.segment(builder.first_segment());
  postgres::CommitScanner scanner({settings.segment_size, settings.major_version});
  size_t events = 0;
  const auto fed = scanner.feed(builder.name(builder.first_segment()), ByteView(segment).first(2 * kContentMax),
                                [&](const postgres::WalEvent& event) -> Result<void> {
                                  require(event.start < event.end, "an event has a place");
                                  ++events;
                                  return ok();
                                });
  return fed.has_value() && events > 0;
}

struct Part {
  uint8_t resource_manager;
  uint8_t info;
  std::string content;
};

Bytes sample(uint8_t version, const std::vector<Part>& parts) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.u8(version);
  for (const auto& part : parts) {
    writer.u8(part.resource_manager);
    writer.u8(part.info);
    writer.text(part.content);
  }
  return bytes;
}

}  // namespace

Target wal_events_target() {
  const auto time =
      postgres::WalBuilder::integer(postgres::WalBuilder::to_postgres(MUST(parse_rfc3339("2024-03-15T14:30:00Z"))));
  std::string name = "before the change";
  name.resize(64, '\0');
  // xinfo: database, subtransactions, relations, invalidations, two-phase, origin
  const std::string commit_with_all =
      time + postgres::WalBuilder::integer(uint32_t{0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20}) + std::string(200, '\0');
  return {"wal_events",
          reads,
          {sample(2, {{1, 0x00, time}, {1, 0x20, time}, {0, 0x70, time + name}}),
           sample(4, {{10, 0, std::string(3000, 'f')}, {1, 0x30, time}, {1, 0x00, time}}),
           sample(0, {{1, 0x80, commit_with_all}, {1, 0x00, time}})},
          {Bytes{}, sample(2, {{1, 0x00, "x"}})},
          {time, name}};
}

}  // namespace spendsync::fuzz
