#include "postgres/wal/record_changes.h"

#include "base/testing.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

template <class T>
std::string integer(T value) {
  return WalBuilder::integer(value);
}

constexpr RelationPlace kTable{1663, 5, 16384};
constexpr RelationPlace kOther{1663, 5, 16999};

std::string text_of(const RelationPlace& place) {
  return integer(place.tablespace) + integer(place.database) + integer(place.relation);
}

/// A block reference without data.
std::string reference(uint8_t id, uint8_t fork, const RelationPlace& place, uint32_t block) {
  return std::string(1, static_cast<char>(id)) + std::string(1, static_cast<char>(fork)) + integer(uint16_t{0}) +
         text_of(place) + integer(block);
}

Result<WalChangeSet> changes_of(WalBuilder& builder, uint64_t segments = 1) {
  const auto& settings = builder.settings();
  WalRecordReader reader({.segment_size = settings.segment_size, .major_version = settings.major_version});
  WalRecordContents scratch;
  WalChangeSet changes;
  for (uint64_t i = 0; i < segments; ++i) {
    auto number = builder.first_segment() + i;
    TRY(reader.feed(builder.name(number), builder.segment(number), [&](const WalRecord& record) {
      return add_changes(record, settings.major_version, scratch, changes);
    }));
  }
  changes.sort();
  return changes;
}

Result<WalChangeSet> changes_of(const WalBuilder::Record& record, int major_version = 15) {
  WalBuilder::Settings settings;
  settings.major_version = major_version;
  WalBuilder builder(settings);
  builder.append(record);
  return changes_of(builder);
}

std::vector<uint32_t> blocks_of(const WalChangeSet& changes, const RelationPlace& place) {
  auto blocks = changes.blocks(place);
  return {blocks.begin(), blocks.end()};
}

TEST(RecordChanges, TellsBlocksOfMainForksOfWhateverResourceManager) {
  WalBuilder builder;
  builder.append({.resource_manager = 10, .headers = reference(0, 0, kTable, 77) + reference(1, 2, kTable, 3)});
  builder.append({.resource_manager = 200, .headers = reference(0, 0, kTable, 5) + reference(1, 1, kOther, 4)});
  builder.append({.resource_manager = 10, .headers = reference(0, 0, kTable, 77)});
  auto changes = MUST(changes_of(builder));
  EXPECT_EQ(blocks_of(changes, kTable), (std::vector<uint32_t>{5, 77}));
  EXPECT_TRUE(changes.blocks(kOther).empty()) << "a free space map is no main fork";
  EXPECT_FALSE(changes.is_remade(kTable));
  EXPECT_FALSE(changes.incomplete());
}

TEST(RecordChanges, FollowsARecordOverPagesAndSegments) {
  // Fills up to a few bytes before the end, so that the references themselves are cut.
  WalBuilder cut;
  while (cut.position().value % (1u << 20) < (1u << 20) - 3000) cut.fill(1000);
  while (cut.position().value % (1u << 20) < (1u << 20) - 64) cut.fill(8);
  cut.append({.resource_manager = 10,
              .headers = reference(0, 0, kTable, 1) + reference(1, 0, kOther, 2),
              .main_data = std::string(20000, 'm')});
  ASSERT_GT(cut.position().value, (cut.first_segment() + 1) << 20);
  auto first = MUST(changes_of(cut, 1));
  EXPECT_TRUE(first.empty()) << "the record has not ended";
  auto both = MUST(changes_of(cut, 2));
  EXPECT_EQ(blocks_of(both, kTable), std::vector<uint32_t>{1});
  EXPECT_EQ(blocks_of(both, kOther), std::vector<uint32_t>{2});
}

TEST(RecordChanges, CreatedAndTruncatedRelationsAreRemade) {
  auto created = MUST(changes_of({.resource_manager = 2, .info = 0x10, .main_data = text_of(kTable) + integer(0u)}));
  EXPECT_TRUE(created.is_remade(kTable));
  EXPECT_FALSE(created.is_remade(kOther));
  auto map = MUST(changes_of({.resource_manager = 2, .info = 0x10, .main_data = text_of(kTable) + integer(2u)}));
  EXPECT_FALSE(map.is_remade(kTable)) << "a new visibility map leaves the table as it is";
  auto cut =
      MUST(changes_of({.resource_manager = 2, .info = 0x20, .main_data = integer(9u) + text_of(kTable) + integer(7u)}));
  EXPECT_TRUE(cut.is_remade(kTable));
  EXPECT_FALSE(cut.is_remade(kOther));
}

TEST(RecordChanges, DroppedRelationsStandInCommitsAndAborts) {
  const std::string time = integer(int64_t{764000000000000});
  // xinfo: database, two subtransactions, two relations
  const std::string data = time + integer(uint32_t{1 | 2 | 4}) + integer(5u) + integer(1663u) + integer(2u) +
                           integer(701u) + integer(702u) + integer(2u) + text_of(kTable) + text_of(kOther);
  for (int operation : {0x00, 0x20, 0x30, 0x40}) {
    auto info = static_cast<uint8_t>(operation | 0x80);
    auto changes = MUST(changes_of({.resource_manager = 1, .info = info, .main_data = data}));
    EXPECT_TRUE(changes.is_remade(kTable)) << operation;
    EXPECT_TRUE(changes.is_remade(kOther)) << operation;
  }
  auto plain = MUST(changes_of({.resource_manager = 1, .info = 0x00, .main_data = time}));
  EXPECT_TRUE(plain.empty());
  EXPECT_KIND(changes_of({.resource_manager = 1, .info = 0x80, .main_data = data.substr(0, data.size() - 1)}),
              ErrorKind::corrupt);
}

// 15 gave the drop another number, and its old one to databases that are created by WAL.
TEST(RecordChanges, CopiedAndDroppedDatabasesAreRemadeInEachTablespace) {
  const RelationPlace moved{20000, 5, 1259};
  const std::string copied = integer(5u) + integer(20000u) + integer(4u) + integer(1663u);
  const std::string dropped = integer(5u) + integer(2u) + integer(1663u) + integer(20000u);
  for (int major = 13; major <= 18; ++major) {
    auto copy = MUST(changes_of({.resource_manager = 4, .info = 0x00, .main_data = copied}, major));
    EXPECT_TRUE(copy.is_remade(moved)) << major;
    EXPECT_FALSE(copy.is_remade(kTable)) << major;
    auto drop_type = static_cast<uint8_t>(major < 15 ? 0x10 : 0x20);
    auto drop = MUST(changes_of({.resource_manager = 4, .info = drop_type, .main_data = dropped}, major));
    EXPECT_TRUE(drop.is_remade(moved)) << major;
    EXPECT_TRUE(drop.is_remade(kTable)) << major;
    EXPECT_FALSE(drop.is_remade({1663, 6, 16384})) << major;
  }
  auto by_wal = MUST(changes_of({.resource_manager = 4, .info = 0x10, .main_data = integer(5u) + integer(20000u)}));
  EXPECT_TRUE(by_wal.is_remade(moved));
  EXPECT_FALSE(by_wal.is_remade(kTable));
}

TEST(RecordChanges, TablespacesAreRemade) {
  auto changes = MUST(changes_of({.resource_manager = 5, .info = 0x10, .main_data = integer(20000u)}));
  EXPECT_TRUE(changes.is_remade({20000, 5, 1}));
  EXPECT_FALSE(changes.is_remade(kTable));
}

TEST(RecordChanges, MinimalLevelAndUnknownRecordsProveNothing) {
  auto parameters = [](uint32_t level) { return std::string(20, '\x01') + integer(level) + std::string(2, '\0'); };
  EXPECT_EQ(MUST(changes_of({.info = 0x60, .main_data = parameters(0)})).incomplete(), UnloggedCause::minimal_level);
  EXPECT_FALSE(MUST(changes_of({.info = 0x60, .main_data = parameters(1)})).incomplete());
  EXPECT_EQ(MUST(changes_of({.info = 0xE0, .main_data = integer(0u)}, 17)).incomplete(), UnloggedCause::minimal_level);
  EXPECT_FALSE(MUST(changes_of({.info = 0xE0, .main_data = integer(1u)}, 17)).incomplete());
  auto unknown = MUST(changes_of({.resource_manager = 4, .info = 0x50, .main_data = "new"}));
  EXPECT_EQ(unknown.incomplete(), UnloggedCause::unknown_record);
  EXPECT_TRUE(unknown.is_remade(kTable)) << "nothing can be concluded";
}

TEST(RecordChanges, ShortRecordsAreDamage) {
  EXPECT_KIND(changes_of({.resource_manager = 2, .info = 0x10, .main_data = "short"}), ErrorKind::corrupt);
  EXPECT_KIND(changes_of({.resource_manager = 2, .info = 0x20, .main_data = "short"}), ErrorKind::corrupt);
  EXPECT_KIND(changes_of({.resource_manager = 4, .info = 0x00, .main_data = "short"}), ErrorKind::corrupt);
  EXPECT_KIND(changes_of({.resource_manager = 4, .info = 0x20, .main_data = integer(5u) + integer(UINT32_MAX)}),
              ErrorKind::corrupt);
  EXPECT_KIND(changes_of({.resource_manager = 5, .info = 0x10, .main_data = "x"}), ErrorKind::corrupt);
  EXPECT_KIND(changes_of({.resource_manager = 0, .info = 0x60, .main_data = "x"}), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
