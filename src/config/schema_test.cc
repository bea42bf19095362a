// What is generated from the table and committed must equal what the table says now. After a change of the table run
//   SPENDSYNC_UPDATE_GENERATED=1 config_test --gtest_filter='Generated.*'
#include "config/schema.h"

#include <cstdlib>

#include "base/file.h"
#include "base/json.h"
#include "base/testing.h"

namespace spendsync::config {
namespace {

constexpr const char* kSchemaFile = SSB_SOURCE_ROOT "/docs/backup-config.schema.json";
constexpr const char* kPage = SSB_SOURCE_ROOT "/docs/operations/configuration.md";
constexpr std::string_view kBegin = "<!-- generated from src/config/table.cc: begin -->\n";
constexpr std::string_view kEnd = "<!-- generated: end -->\n";

std::string read_text(const char* path) { return std::string(as_text(MUST(read_file(path)))); }

bool updating() { return std::getenv("SPENDSYNC_UPDATE_GENERATED") != nullptr; }

TEST(Generated, SchemaIsCommitted) {
  const std::string schema = config_schema_json();
  if (updating()) MUST(replace_file(kSchemaFile, as_bytes(schema), 0644));
  EXPECT_EQ(read_text(kSchemaFile), schema);
}

TEST(Generated, ReferencePageIsCommitted) {
  std::string page = read_text(kPage);
  const size_t begin = page.find(kBegin);
  const size_t end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t first = begin + kBegin.size();
  if (updating()) {
    page.replace(first, end - first, config_reference_markdown());
    MUST(replace_file(kPage, as_bytes(page), 0644));
    return;
  }
  EXPECT_EQ(page.substr(first, end - first), config_reference_markdown());
}

TEST(Schema, DescribesKeysUnitsChoicesAndDefaults) {
  const Json schema = MUST(Json::parse(config_schema_json(), 64));
  EXPECT_EQ(MUST(schema.text("$schema")), "http://json-schema.org/draft-07/schema#");
  EXPECT_FALSE(MUST(schema.boolean("additionalProperties")));
  const Json* properties = schema.find("properties");
  ASSERT_NE(properties, nullptr);
  EXPECT_EQ(MUST(properties->find("cluster")->text("pattern")), "^[a-z0-9][a-z0-9_-]{0,62}$");
  EXPECT_EQ(MUST(properties->find("cluster")->text("default")), "spendsync");
  const Json* full = properties->find("schedules")->find("properties")->find("full")->find("properties");
  EXPECT_EQ(MUST(full->find("retention")->text("default")), "4 weeks");
  EXPECT_NE(MUST(full->find("retention")->text("pattern")).find("weeks"), std::string::npos);
  const Json* primary = properties->find("storage")->find("properties")->find("primary")->find("oneOf");
  ASSERT_NE(primary, nullptr);
  EXPECT_EQ(primary->as_array()->size(), 2u);
  const auto& required = *MUST(schema.array_of("required"));
  EXPECT_EQ(required.size(), 3u);
  EXPECT_EQ(*required[0].as_string(), "version");
}

}  // namespace
}  // namespace spendsync::config
