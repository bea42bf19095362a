#include "jobs/open_keys.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::jobs {
namespace {

class PassphraseFile : public testing::Test {
 protected:
  std::string write(std::string_view content, mode_t mode = 0600) {
    const auto path = directory_.path() + "/passphrase";
    MUST(replace_file(path, as_bytes(content), mode));
    return path;
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "passphrase-"));
};

TEST_F(PassphraseFile, HoldsOneLine) {
  for (const char* content : {"correct horse", "correct horse\n", "correct horse\r\n"}) {
    EXPECT_EQ(as_text(MUST(read_passphrase_file(write(content))).view()), "correct horse");
  }
  EXPECT_EQ(as_text(MUST(read_passphrase_file(write(" spaces count \n"))).view()), " spaces count ");
}

TEST_F(PassphraseFile, IsRefusedWhereOthersMayReadItOrNothingIsInIt) {
  EXPECT_KIND(read_passphrase_file(write("x", 0644)), ErrorKind::refused);
  EXPECT_KIND(read_passphrase_file(write("")), ErrorKind::refused);
  EXPECT_KIND(read_passphrase_file(write("\n")), ErrorKind::refused);
  EXPECT_KIND(read_passphrase_file(write(std::string(2000, 'x'))), ErrorKind::refused);
  EXPECT_KIND(read_passphrase_file(directory_.path() + "/none"), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::jobs
