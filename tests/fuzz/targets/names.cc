// Labels, names of packs, runs, keys, parts and segments, positions in WAL: what object keys are made of.
#include "base/testing.h"
#include "fuzz/targets.h"
#include "postgres/data_directory.h"
#include "repository/layout.h"

namespace spendsync::fuzz {
namespace {

constexpr uint32_t kSegmentSize = 16u << 20;

/// What a parser takes it writes again just so.
template <class Parsed, class Text>
bool comes_back(const Parsed& parsed, std::string_view text, Text text_of) {
  if (!parsed) return false;
  require(text_of(*parsed) == text, "a name is written as it was read");
  return true;
}

bool reads(ByteView input) {
  const auto text = as_text(input);
  const auto to_string = [](const auto& value) { return value.to_string(); };
  bool taken = comes_back(repository::Label::parse(text), text, [](const auto& label) { return label.text(); });
  taken = comes_back(repository::RunId::parse(text), text, to_string) || taken;
  taken = comes_back(repository::PackName::parse(text), text, to_string) || taken;
  taken = comes_back(repository::PartRange::parse(text), text, to_string) || taken;
  taken = comes_back(SegmentName::parse(text, kSegmentSize), text,
                     [](const auto& name) { return name.file_name(kSegmentSize); }) ||
          taken;
  taken = crypto::KeyId::parse(text).has_value() || taken;
  taken = Lsn::parse(text).has_value() || taken;
  taken = SystemIdentifier::parse(text).has_value() || taken;
  taken = parse_backup_type(text).has_value() || taken;
  classify_wal_file(text);
  postgres::classify_relation_file(text);
  static const repository::Layout layout({"demo", {7300000000000000001u}});
  if (const auto key = storage::ObjectKey::parse(text)) {
    taken = repository::classify_key(layout, *key).has_value() || taken;
  }
  return taken;
}

}  // namespace

Target names_target() {
  return {"names",
          reads,
          texts({"20240315T120000Z-full", "20240229T235959Z-incremental", "20240315T120000Z-transaction_logs",
                 "00112233445566aa", "00112233445566aa-000000", "00112233445566778899aabbccddeeff", "16/B374D848",
                 "0000000100000000000000FE", "7300000000000000001",
                 "demo/7300000000000000001/backups/20240315T120000Z-full/packs/00112233445566aa-000012",
                 "demo/7300000000000000001/wal/00000001/000000010000000000000002",
                 "demo/7300000000000000001/logs/20240315T120000Z-transaction_logs"}),
          texts({"", "20240230T000000Z-full", "20240315T120000Z-Full", "demo//x", "../x", "G"}),
          {"/history", "/manifest", "/keys/", ".partial", ".backup", "_fsm", "t3_", "\xff"}};
}

}  // namespace spendsync::fuzz
