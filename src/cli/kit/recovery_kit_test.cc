#include "cli/kit/recovery_kit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "base/testing.h"
#include "cli/kit/typed_key.h"

namespace spendsync::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

KitFacts sample() {
  KitFacts facts;
  facts.cluster = "spendsync";
  facts.system_identifier = "7300000000000000001";
  facts.major_version = 15;
  facts.repository = "/var/lib/spendsync/backups";
  facts.repository_id = "00112233445566778899aabbccddeeff";
  facts.host = "db1.example.com";
  facts.configuration_file = "/etc/spendsync/backup/backup-config.yml";
  facts.data_directory = "/var/lib/postgresql/15/main";
  facts.restore_directory = "/var/lib/spendsync/restore";
  facts.newest_backup = "20240315T000000Z-full";
  facts.configuration = "version: 1\ncluster: \"spendsync\"\nstorage: { primary: { type: directory, path: \"/x\" } }\n";
  facts.keys = {{"key-file e5be69e61b779b27", "/etc/spendsync/backup/repository.key", false, 12},
                {"escrow 7b97094ca4e644f7b7043362e1d8a293", "/etc/spendsync/backup/escrow.pem", true, 10}};
  facts.data_keys = 12;
  facts.key_files = {{"key-file e5be69e61b779b27", "/etc/spendsync/backup/repository.key", {}}};
  facts.contacts = {"database administrator: Ann, +1 555 0100", "system administrator: Bob <bob@example.com>"};
  facts.version = "1.2.3";
  facts.printed = Timestamp(std::chrono::seconds(1'710'460'800));
  return facts;
}

size_t count_lines(const std::string& text) { return static_cast<size_t>(std::ranges::count(text, '\n')); }

size_t widest_line(const std::string& text) {
  size_t widest = 0;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    widest = std::max(widest, end - begin);
    begin = end + 1;
  }
  return widest;
}

TEST(RecoveryKit, SaysAllThatIsNeededOnOnePage) {
  const auto text = kit_text(make_kit(sample()));
  for (const char* fact :
       {"/var/lib/spendsync/backups on host db1.example.com", "00112233445566778899aabbccddeeff", "7300000000000000001",
        "PostgreSQL 15", "key-file e5be69e61b779b27", "opens everything", "OPENS ONLY 10 of 12 data keys",
        "private half kept", "20240315T000000Z-full", "printed 2024-03-15 by spendsync-backup 1.2.3",
        "It holds no secret", "restore --latest --start --target /var/lib/spendsync/restore/data", "--escrow-key FILE",
        "Ann, +1 555 0100"}) {
    EXPECT_THAT(text, HasSubstr(fact));
  }
  EXPECT_LE(count_lines(text), 62u) << "a sheet of A4 has 62 lines of text at 10 points";
  EXPECT_LE(widest_line(text), 100u);
}

TEST(RecoveryKit, WarnsWhereItHoldsTheKeyAndStillFits) {
  auto facts = sample();
  facts.key_files[0].lines = {"key 1: a", "key 2: b", "key 3: c", "key 4: d", "key id: e"};
  const auto page = make_kit(facts);
  EXPECT_TRUE(page.secret);
  const auto text = kit_text(page);
  EXPECT_THAT(text, HasSubstr("IT HOLDS THE KEY"));
  EXPECT_THAT(text, Not(HasSubstr("It holds no secret")));
  EXPECT_THAT(text, HasSubstr("  key 4: d\n"));
  EXPECT_THAT(text, HasSubstr("keys import-kit --output /etc/spendsync/backup/repository.key"));
  EXPECT_LE(count_lines(text), 70u);
  EXPECT_THAT(kit_html(page), HasSubstr("class=\"secret\""));
}

TEST(RecoveryKit, HasEveryKeyFileThatOpensEverything) {
  auto facts = sample();
  facts.key_files[0].lines = {"key 1: a", "key id: e"};
  facts.key_files.push_back({"key-file 1122334455667788", "/etc/new.key", {"key 1: b", "key id: f"}});
  const auto text = kit_text(make_kit(facts));
  for (const char* part :
       {"To be typed: key-file e5be69e61b779b27", "  key 1: a\n", "To be typed: key-file 1122334455667788",
        "  key 1: b\n", "import-kit --output /etc/spendsync/backup/repository.key", "import-kit --output /etc/new.key",
        "one of these is enough"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

constexpr size_t kLineSize = 19;
/// "5152 5354 5556 5758" with every bit inverted: searched for as it is, it would pass through registers, which the
/// dynamic linker may save to the stack.
constexpr std::array<unsigned char, kLineSize> kInvertedLine = [] {
  std::array<unsigned char, kLineSize> inverted{};
  constexpr const char* kPieces[] = {"5152 ", "5354 ", "5556 ", "5758"};
  size_t at = 0;
  for (const char* piece : kPieces) {
    for (; *piece != 0; ++piece) inverted[at++] = static_cast<unsigned char>(~static_cast<unsigned char>(*piece));
  }
  return inverted;
}();

bool is_line(const char* at) {
  for (size_t i = 0; i < kLineSize; ++i) {
    if (static_cast<unsigned char>(~static_cast<unsigned char>(at[i])) != kInvertedLine[i]) return false;
  }
  return true;
}

/// How often the line lies in the writable memory of this process.
size_t count_lines_in_memory() {
  size_t count = 0;
  std::ifstream maps("/proc/self/maps");
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  constexpr size_t kChunk = 1u << 20;
  void* place = ::mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto own = reinterpret_cast<uintptr_t>(place);
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char rights[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[1] != 'w') continue;
    for (uintptr_t at = begin; at < end; at += kChunk - kLineSize) {
      const auto size = std::min<size_t>(kChunk, end - at);
      if (at < own + kChunk && own < at + size) continue;
      const auto got = ::pread(memory, place, size, static_cast<off_t>(at));
      if (got <= 0) break;
      const auto* bytes = static_cast<const char*>(place);
      for (size_t i = 0; i + kLineSize <= static_cast<size_t>(got); ++i) count += is_line(bytes + i) ? 1u : 0u;
      if (size < kChunk) break;
    }
  }
  ::munmap(place, kChunk);
  ::close(memory);
  return count;
}

TEST(RecoveryKit, LeavesNoLineOfTheKeyInMemory) {
  Secret key;
  for (size_t i = 0; i < Secret::kSize; ++i) key.mutable_view()[i] = static_cast<std::byte>(0x51 + i);
  auto facts = sample();
  facts.key_files[0].lines = typed_key_lines(key, "0011223344556677");
  auto page = make_kit(facts);
  auto text = kit_text(page);
  auto html = kit_html(page);
  EXPECT_GE(count_lines_in_memory(), 4u) << "or the search finds nothing";
  wipe_text(text);
  wipe_text(html);
  wipe_secrets(page);
  wipe_secrets(facts);
  EXPECT_EQ(count_lines_in_memory(), 0u);
}

TEST(RecoveryKit, HtmlStandsAloneAndEscapes) {
  const auto html = kit_html(make_kit(sample()));
  EXPECT_THAT(html, HasSubstr("Bob &lt;bob@example.com&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<bob@")));
  for (const char* reference : {"http", "src=", "href=", "url(", "@import", "<script"}) {
    EXPECT_THAT(html, Not(HasSubstr(reference)));
  }
  for (const char* tag : {"html", "body", "head", "style", "h1", "table", "pre"}) {
    EXPECT_THAT(html, HasSubstr("</" + std::string(tag) + ">"));
  }
}

}  // namespace
}  // namespace spendsync::cli
