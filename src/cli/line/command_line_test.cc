#include "cli/line/command_line.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace spendsync::cli {
namespace {

using testing::HasSubstr;

TEST(CommandLine, NamesTheCommandThatThereIsNot) {
  for (const auto& words : {std::vector<std::string>{"bogus"}, {"--config", "c.yml", "bogus"}, {"keys", "bogus"}}) {
    const auto parsed = parse_command_line(words);
    EXPECT_FALSE(parsed.invocation);
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_THAT(parsed.error, HasSubstr("there is no command bogus"));
    EXPECT_THAT(parsed.error, HasSubstr("--help"));
  }
}

TEST(CommandLine, SaysWhatIsMissing) {
  EXPECT_THAT(parse_command_line({}).error, HasSubstr("no command was given"));
  EXPECT_THAT(parse_command_line({"keys"}).error, HasSubstr("no command was given"));
  const auto untyped = parse_command_line({"backup"});
  EXPECT_EQ(untyped.exit_code, 2);
  EXPECT_THAT(untyped.error, HasSubstr("type is required"));
  EXPECT_THAT(parse_command_line({"--bogus"}).error, HasSubstr("there is no option --bogus"));
  EXPECT_THAT(parse_command_line({"list", "--bogus"}).error, HasSubstr("--bogus"));
}

TEST(CommandLine, TakesOptionsBeforeAndAfterTheCommand) {
  for (const auto& words : {std::vector<std::string>{"--config", "c.yml", "--json", "backup", "full"},
                            {"backup", "full", "--json", "--config", "c.yml"},
                            {"backup", "--json", "--config", "c.yml", "full"}}) {
    const auto parsed = parse_command_line(words);
    ASSERT_TRUE(parsed.invocation) << parsed.error;
    EXPECT_EQ(parsed.invocation->global.config, "c.yml");
    EXPECT_TRUE(parsed.invocation->global.json);
    EXPECT_EQ(std::get<BackupOptions>(parsed.invocation->command).type, "full");
  }
}

TEST(CommandLine, MistakesOfWalGetNeverLookLikeTheEndOfWal) {
  for (const auto& words : {std::vector<std::string>{"wal", "get"},
                            {"wal", "get", "a", "b", "--bogus"},
                            {"wal", "get", "a", "b", "c"},
                            {"--bogus", "wal", "get", "a", "b"}}) {
    const auto parsed = parse_command_line(words);
    EXPECT_FALSE(parsed.invocation);
    EXPECT_EQ(parsed.exit_code, 126);
  }
  EXPECT_EQ(parse_command_line({"wal", "push"}).exit_code, 2);
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  for (const auto& words : {std::vector<std::string>{"--help"}, {"--version"}, {"restore", "--help"}}) {
    const auto parsed = parse_command_line(words);
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_FALSE(parsed.output.empty());
    EXPECT_TRUE(parsed.error.empty());
  }
}

}  // namespace
}  // namespace spendsync::cli
