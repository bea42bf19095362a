#include "wal/changes/path_record_search.h"

#include "base/testing.h"
#include "postgres/wal/testing/wal_builder.h"
#include "repository/testing/open_world.h"

namespace spendsync::wal {
namespace {

using postgres::WalBuilder;

/// WAL in a pg_wal of its own.
class PathRecordSearchTest : public ::testing::Test {
 protected:
  PathRecordSearchTest() { builder_.fill(100); }

  PathRecordSearch search(Lsn start) const {
    const auto& settings = builder_.settings();
    return PathRecordSearch({{settings.timeline, start},
                             settings.segment_size,
                             settings.major_version,
                             settings.system_identifier,
                             directory_.path()});
  }
  Lsn create_tablespace() {
    return builder_.append({.resource_manager = postgres::kTablespaceResource,
                            .main_data = WalBuilder::integer(uint32_t{16500}) + std::string("/mnt/fast\0", 10)});
  }
  void fill_segments(uint64_t count) {
    auto end = Lsn{builder_.position().value + count * builder_.settings().segment_size};
    while (builder_.position() < end) builder_.fill(5000);
  }
  /// All that was built, as the server's files.
  void write() {
    const auto size = builder_.settings().segment_size;
    for (auto number = builder_.first_segment(); number <= builder_.position().value / size; ++number) {
      auto name = directory_.path() + "/" + builder_.name(number).file_name(size);
      Fd file = MUST(open_file(name, O_WRONLY | O_CREAT | O_TRUNC, 0600));
      MUST(write_all(file, builder_.segment(number), name));
    }
  }
  void remove(uint64_t number) {
    auto name = builder_.name(number).file_name(builder_.settings().segment_size);
    ASSERT_EQ(::unlink((directory_.path() + "/" + name).c_str()), 0);
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "path-record-"));
  WalBuilder builder_;
  repository::OpenWorld repository_;
  repository::WalArchive archive_{repository_.repository(), {}};
};

TEST_F(PathRecordSearchTest, FindsWhatLiesBetweenStartAndStopAndNothingBefore) {
  create_tablespace();
  builder_.fill(100);
  auto start = builder_.position();
  fill_segments(2);
  write();
  auto clean = search(start);
  EXPECT_FALSE(MUST(clean.look(builder_.position(), {})));
  EXPECT_FALSE(MUST(clean.prove(archive_, builder_.position(), {})));
  auto position = create_tablespace();
  fill_segments(1);
  write();
  for (bool anew : {false, true}) {
    auto again = search(start);
    auto found = MUST((anew ? again : clean).prove(archive_, builder_.position(), {}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->position, position);
  }
}

TEST_F(PathRecordSearchTest, GoesOnInTheMiddleOfARecordOverTwoSegments) {
  auto start = builder_.position();
  fill_segments(1);
  auto first = builder_.first_segment();
  write();
  remove(first + 1);
  auto one = search(start);
  EXPECT_FALSE(MUST(one.look(builder_.position(), {})));
  auto position = create_tablespace();
  write();
  auto found = MUST(one.look(builder_.position(), {}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, position);
}

TEST_F(PathRecordSearchTest, ProvesNothingWhereWalIsMissingOrEndsEarly) {
  auto start = builder_.position();
  fill_segments(3);
  auto end = builder_.position();
  write();
  auto beyond = search(start);
  EXPECT_FALSE(MUST(beyond.look({end.value + 100'000}, {})));
  EXPECT_KIND(beyond.prove(archive_, {end.value + 100'000}, {}), ErrorKind::corrupt);
  remove(builder_.first_segment() + 1);
  auto gap = search(start);
  EXPECT_FALSE(MUST(gap.look(end, {})));
  EXPECT_KIND(gap.prove(archive_, end, {}), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::wal
