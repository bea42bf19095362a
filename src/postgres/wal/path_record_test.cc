#include "postgres/wal/path_record.h"

#include "base/testing.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

using Kind = PathRecord::Kind;

std::string numbers(const std::vector<uint32_t>& values) {
  std::string bytes;
  for (auto value : values) bytes += WalBuilder::integer(value);
  return bytes;
}

Result<std::optional<PathRecord>> found_in(const WalBuilder::Record& record, int major_version = 15) {
  WalBuilder::Settings settings;
  settings.major_version = major_version;
  WalBuilder builder(settings);
  builder.append(record);
  WalRecordReader reader({.segment_size = settings.segment_size, .major_version = major_version});
  WalRecordContents scratch;
  std::optional<PathRecord> found;
  auto number = builder.first_segment();
  TRY(reader.feed(builder.name(number), builder.segment(number), [&](const WalRecord& read) -> Result<void> {
    found = TRY(path_record_of(read, major_version, scratch));
    return {};
  }));
  return found;
}

TEST(PathRecord, NamesTablespacesThatWereCreatedAndDropped) {
  auto created = MUST(found_in(
      {.resource_manager = kTablespaceResource, .main_data = numbers({16500}) + std::string("/mnt/fast\0", 10)}));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->kind, Kind::tablespace_created);
  EXPECT_EQ(created->tablespace, 16500u);
  EXPECT_EQ(created->location, "/mnt/fast");
  EXPECT_EQ(created->to_string(), "CREATE TABLESPACE of 16500 (/mnt/fast) at " + created->position.to_string());
  auto dropped = MUST(found_in({.resource_manager = kTablespaceResource, .info = 0x10, .main_data = numbers({16500})}));
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->kind, Kind::tablespace_dropped);
  EXPECT_EQ(dropped->tablespace, 16500u);
}

TEST(PathRecord, NamesDatabasesWhoseFilesWereCopied) {
  for (int major : {13, 14, 15, 18}) {
    auto moved =
        MUST(found_in({.resource_manager = kDatabaseResource, .main_data = numbers({5, 16500, 5, 1663})}, major));
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->kind, Kind::database_copied);
    EXPECT_EQ(moved->database, 5u);
    EXPECT_EQ(moved->tablespace, 16500u);
    EXPECT_EQ(moved->from_tablespace, 1663u);
    EXPECT_NE(moved->to_string().find("ALTER DATABASE"), std::string::npos);
  }
  auto made = MUST(found_in({.resource_manager = kDatabaseResource, .main_data = numbers({16600, 1663, 1, 1663})}));
  ASSERT_TRUE(made);
  EXPECT_NE(made->to_string().find("CREATE DATABASE"), std::string::npos);
}

TEST(PathRecord, LeavesEverythingElseAlone) {
  // 15 gave the number of a dropped database to one whose blocks are logged; neither copies files.
  for (uint8_t info : {uint8_t{0x10}, uint8_t{0x20}}) {
    for (int major : {14, 15}) {
      auto other =
          MUST(found_in({.resource_manager = kDatabaseResource, .info = info, .main_data = numbers({5, 1, 9})}, major));
      EXPECT_FALSE(other);
    }
  }
  EXPECT_FALSE(MUST(found_in({.resource_manager = 10, .main_data = "heap"})));
}

TEST(PathRecord, OneThatIsTooShortIsDamaged) {
  EXPECT_KIND(found_in({.resource_manager = kTablespaceResource, .main_data = "x"}), ErrorKind::corrupt);
  EXPECT_KIND(found_in({.resource_manager = kDatabaseResource, .main_data = numbers({5, 1663, 5})}),
              ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
