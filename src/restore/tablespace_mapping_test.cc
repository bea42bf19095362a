#include "restore/tablespace_mapping.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

const std::vector<repository::TablespaceRecord> kTwo{{16500, "/mnt/fast"}, {16501, "/mnt/slow"}, {16502, ""}};

TablespacePlaces places(const std::vector<std::string>& words) {
  TablespacePlaces result{
      "/srv/copy", "/srv/copy-tablespaces", {"/srv/copy.files", "/srv/copy-tablespaces"}, false, {}};
  for (const auto& word : words) result.mappings.push_back(MUST(parse_tablespace_mapping(word)));
  return result;
}

std::string refusal(const std::vector<std::string>& words) {
  auto planned = place_tablespaces(kTwo, places(words));
  EXPECT_KIND(planned, ErrorKind::refused);
  return planned ? "" : planned.error().message();
}

TEST(TablespaceMapping, TakesLocationsAndOids) {
  auto planned = MUST(place_tablespaces(kTwo, places({"/mnt/fast/=/new/fast/", "16501=/new/slow"})));
  ASSERT_EQ(planned.size(), 2u);
  EXPECT_EQ(planned[0].location, "/new/fast");
  EXPECT_EQ(planned[1].location, "/new/slow");
  EXPECT_TRUE(planned[0].chosen);
}

TEST(TablespaceMapping, UnmappedOnesGoBesideTheTargetOrWhereTheyLay) {
  auto words = places({"16500=/new/fast"});
  auto planned = MUST(place_tablespaces(kTwo, words));
  EXPECT_EQ(planned[1].location, "/srv/copy-tablespaces/16501");
  EXPECT_FALSE(planned[1].chosen);
  words.original = true;
  planned = MUST(place_tablespaces(kTwo, words));
  EXPECT_EQ(planned[0].location, "/new/fast");
  EXPECT_EQ(planned[1].location, "/mnt/slow");
}

TEST(TablespaceMapping, EqualsSignsOfPathsAreEscaped) {
  auto mapping = MUST(parse_tablespace_mapping("/a\\=b=/c\\=d"));
  EXPECT_EQ(mapping.source, "/a=b");
  EXPECT_EQ(mapping.destination, "/c=d");
  EXPECT_KIND(parse_tablespace_mapping("/a=/b=/c"), ErrorKind::invalid);
}

TEST(TablespaceMapping, RefusesWhatIsNoMapping) {
  for (const char* text : {"", "=", "/a", "/a=", "=/b", "/a=b", "/a=./b"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(parse_tablespace_mapping(text), ErrorKind::invalid);
  }
  EXPECT_KIND(parse_tablespace_mapping("/a=/"), ErrorKind::refused);
}

TEST(TablespaceMapping, RefusesUnknownTablespacesAndPlacesThatOverlap) {
  EXPECT_THAT(refusal({"/mnt/other=/new"}), HasSubstr("has no tablespace /mnt/other"));
  EXPECT_THAT(refusal({"16502=/new"}), HasSubstr("has no tablespace 16502")) << "lies in the data directory";
  EXPECT_THAT(refusal({"16500=/new", "/mnt/fast=/newer"}), HasSubstr("mapped more than once"));
  EXPECT_THAT(refusal({"16500=/new", "16501=/new"}), HasSubstr("overlap with tablespace 16500"));
  EXPECT_THAT(refusal({"16500=/new", "16501=/new/in"}), HasSubstr("overlap with tablespace 16500"));
  EXPECT_THAT(refusal({"16500=/srv/copy"}), HasSubstr("overlap with the data directory"));
  EXPECT_THAT(refusal({"16500=/srv/copy/in"}), HasSubstr("overlap with the data directory"));
  EXPECT_THAT(refusal({"16500=/srv"}), HasSubstr("overlap with the data directory"));
  EXPECT_THAT(refusal({"16500=/srv/copy.files/x"}), HasSubstr("overlap with /srv/copy.files"));
  EXPECT_THAT(refusal({"16500=/srv/copy-tablespaces/16501"}), HasSubstr("overlap with /srv/copy-tablespaces"));
}

}  // namespace
}  // namespace spendsync::restore
