#include "postgres/backup_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>

#include "base/json.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync::postgres {
namespace {

using ::testing::HasSubstr;

std::string sha256(std::string_view text) {
  std::array<std::byte, 32> digest;
  unsigned size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
                   nullptr) == 1);
  return to_hex(digest);
}

class BackupManifest : public ::testing::Test {
 protected:
  std::string write(int major, const std::vector<BackupManifestWriter::File>& files) {
    BackupManifestWriter::Settings settings;
    settings.major_version = major;
    settings.system_identifier = {7711360146866910053};
    auto writer = MUST(BackupManifestWriter::create(path_, settings));
    for (const auto& file : files) MUST(writer.add(file));
    MUST(writer.finish({{{1}, {0x2000028}, {0x3000000}}, {{2}, {0x3000000}, {0x3000148}}}));
    return MUST(read_text_file(path_, 64u << 20));
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "manifest-"));
  std::string path_ = directory_.path() + "/backup_manifest";
};

TEST_F(BackupManifest, IsWrittenAsTheServerWritesIt) {
  auto modified = MUST(parse_rfc3339("2026-11-23T13:35:47.9Z"));
  auto text = write(15, {{"base/5/112", 8192, modified, 0x01234567}, {"PG_VERSION", 3, modified, 0}});
  EXPECT_THAT(text, ::testing::StartsWith("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n"));
  EXPECT_THAT(text,
              HasSubstr("{ \"Path\": \"base/5/112\", \"Size\": 8192, \"Last-Modified\": \"2026-11-23 13:35:47 GMT\", "
                        "\"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"67452301\" },\n"));
  EXPECT_THAT(text, HasSubstr("\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": "
                              "\"0/3000000\" },\n{ \"Timeline\": 2,"));
  EXPECT_EQ(text.find("System-Identifier"), std::string::npos);
  EXPECT_OK(Json::parse(text));
}

TEST_F(BackupManifest, CarriesTheSystemIdentifierFrom17On) {
  auto text = write(17, {});
  EXPECT_THAT(text, ::testing::StartsWith("{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n\"System-Identifier\": "
                                          "7711360146866910053,\n\"Files\": ["));
  EXPECT_OK(Json::parse(text));
}

TEST_F(BackupManifest, EndsWithTheChecksumOfAllLinesBeforeTheLast) {
  std::vector<BackupManifestWriter::File> files(3000, {"base/5/16384", 1, Timestamp(), 7});  // over several buffers
  auto text = write(15, files);
  auto last_line = text.rfind('\n', text.size() - 2) + 1;
  EXPECT_EQ(text.substr(last_line), "\"Manifest-Checksum\": \"" + sha256(text.substr(0, last_line)) + "\"}\n");
}

TEST_F(BackupManifest, EncodesPathsThatAreNotUtf8) {
  struct Case {
    const char* path;
    const char* expected;
  };
  for (const auto& [path, expected] :
       {Case{"caf\xC3\xA9", "\"Path\": \"caf\xC3\xA9\""}, Case{"a\"b\\c\n", "\"Path\": \"a\\\"b\\\\c\\u000a\""},
        Case{"\xF0\x9F\x98\x80", "\"Path\": \"\xF0\x9F\x98\x80\""},
        Case{"latin1-\xE9", "\"Encoded-Path\": \"6c6174696e312de9\""}, Case{"\xC0\xAF", "\"Encoded-Path\": \"c0af\""},
        Case{"\xED\xA0\x80", "\"Encoded-Path\": \"eda080\""}, Case{"\xE0\x80\x80", "\"Encoded-Path\": \"e08080\""},
        Case{"\xF4\x90\x80\x80", "\"Encoded-Path\": \"f4908080\""},
        Case{"\xF0\x8F\xBF\xBF", "\"Encoded-Path\": \"f08fbfbf\""}, Case{"\xC3", "\"Encoded-Path\": \"c3\""},
        Case{"x\x80", "\"Encoded-Path\": \"7880\""}}) {
    EXPECT_THAT(write(15, {{path, 1, Timestamp(), 0}}), HasSubstr(expected));
  }
}

}  // namespace
}  // namespace spendsync::postgres
