#include "cli/line/parse.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "cli/commands/commands.h"

namespace spendsync::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

ParsedCommandLine parse(const Words& words) {
  static const CommandEntry kTable = command_table();
  return parse_command_line(kTable, words);
}

TEST(CommandLine, NamesTheCommandThatThereIsNot) {
  for (const auto& words : {Words{"bogus"}, {"--config", "c.yml", "bogus"}, {"keys", "bogus"}}) {
    const auto parsed = parse(words);
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_THAT(parsed.error, HasSubstr("there is no command bogus"));
    EXPECT_THAT(parsed.error, HasSubstr("--help"));
  }
}

TEST(CommandLine, ProposesTheWordThatWasMeant) {
  EXPECT_THAT(parse({"restor"}).error, HasSubstr("there is no command restor; did you mean 'restore'?"));
  EXPECT_THAT(parse({"keys", "rewarp"}).error, HasSubstr("of `keys`; did you mean 'rewrap'?"));
  EXPECT_THAT(parse({"restore", "--lastest"}).error,
              HasSubstr("there is no option --lastest of `restore`; did you mean "
                        "'--latest'?"));
  EXPECT_THAT(parse({"status", "--jsno"}).error, HasSubstr("did you mean '--json'?")) << "an option of every command";
  EXPECT_THAT(parse({"backup", "--throtle=3"}).error, HasSubstr("did you mean '--throttle'?"));
  EXPECT_THAT(parse({"list", "--zzzzzzzz"}).error, Not(HasSubstr("did you mean")));
}

TEST(CommandLine, SaysWhatIsMissingAndWhatIsTooMuch) {
  EXPECT_THAT(parse({}).error, HasSubstr("no command was given"));
  EXPECT_THAT(parse({"keys"}).error, HasSubstr("no command was given after `keys`"));
  EXPECT_EQ(parse({"backup"}).exit_code, 2);
  EXPECT_THAT(parse({"backup"}).error, HasSubstr("type is required"));
  EXPECT_THAT(parse({"backup"}).error, HasSubstr("hint: see 'spendsync-backup backup --help'"));
  EXPECT_THAT(parse({"--bogus"}).error, HasSubstr("there is no option --bogus"));
  EXPECT_THAT(parse({"list", "full", "3", "4"}).error, HasSubstr("`list` takes no further argument: '4'"));
  EXPECT_THAT(parse({"restore", "--target"}).error, HasSubstr("--target needs a value"));
  EXPECT_THAT(parse({"verify"}).error, HasSubstr("or --all is required"));
  EXPECT_THAT(parse({"--config", "a", "list", "--config", "b"}).error, HasSubstr("--config is given more than once"));
}

TEST(CommandLine, RefusesValuesThatAreNone) {
  EXPECT_THAT(parse({"backup", "full", "--workers", "0"}).error, HasSubstr("--workers takes a number from 1 to 256"));
  EXPECT_THAT(parse({"backup", "full", "--workers", "3x"}).error, HasSubstr("not '3x'"));
  EXPECT_THAT(parse({"backup", "full", "--throttle", "fast"}).error, HasSubstr("'fast' is no rate such as '20 MiB/s'"));
  EXPECT_THAT(parse({"export", "--latest", "--format", "zip", "--output", "x"}).error,
              HasSubstr("--format is one of directory, tar, sql, custom, not 'zip'"));
  EXPECT_THAT(parse({"completion", "csh"}).error, HasSubstr("shell is one of bash, zsh, fish, not 'csh'"));
  EXPECT_THAT(parse({"restore", "--latest", "--plan", "--plan-id", "1"}).error, HasSubstr("--plan"));
  EXPECT_THAT(parse({"restore", "full", "20240315", "--inclusive"}).error, HasSubstr("--target-lsn"));
}

/// What a table of our own is bound to.
struct Bound {
  bool quiet = false;
  std::optional<std::string> config;
  std::string type;
  std::vector<std::string> places;
  std::optional<unsigned> workers;
  std::optional<uint64_t> rate;
};

CommandEntry table(Bound& bound) {
  return {.name = "program",
          .description = "a table for a test",
          .options = {flag("-q,--quiet", bound.quiet, "say less"),
                      option("--config", "FILE", bound.config, "where settings are")},
          .commands = {{.name = "run",
                        .description = "does it",
                        .options = {option("--place", "DIR", bound.places, "repeatable"),
                                    number("--workers", bound.workers, {1, 8}, "threads"),
                                    rate("--rate", bound.rate, "bytes a second")},
                        .arguments = {argument("type", bound.type, "what").required()},
                        .run = [](const Process&) { return Result<int>(0); },
                        .title = [&bound] { return "run " + bound.type; }}}};
}

TEST(CommandLine, TakesOptionsBeforeAndAfterTheCommand) {
  for (const auto& words : {Words{"--config", "c.yml", "-q", "run", "full"},
                            {"run", "full", "--quiet", "--config", "c.yml"},
                            {"run", "-q", "--config=c.yml", "full"}}) {
    Bound bound;
    const auto root = table(bound);
    const auto parsed = parse_command_line(root, words);
    ASSERT_NE(parsed.command, nullptr) << parsed.error;
    EXPECT_EQ(parsed.command->name, "run");
    EXPECT_EQ(parsed.title, "run full");
    EXPECT_EQ(bound.config, "c.yml");
    EXPECT_TRUE(bound.quiet);
    EXPECT_EQ(bound.type, "full");
  }
}

TEST(CommandLine, PutsEachValueWhereItBelongs) {
  Bound bound;
  const auto root = table(bound);
  const auto parsed = parse_command_line(
      root, {"run", "--place", "a=b", "full", "--place", "c", "--workers", "8", "--rate", "2 MiB/s"});
  ASSERT_NE(parsed.command, nullptr) << parsed.error;
  EXPECT_THAT(bound.places, ElementsAre("a=b", "c"));
  EXPECT_EQ(bound.type, "full");
  EXPECT_EQ(bound.workers, 8u);
  EXPECT_EQ(bound.rate, 2u << 20);
}

/// As an unset variable in quotes leaves it.
TEST(CommandLine, AnEmptyTextIsNoValueOfAnOptionAndNoArgument) {
  Bound bound;
  const auto root = table(bound);
  for (const auto& words :
       {Words{"--config", "", "run", "x"}, {"run", "x", "--place="}, {"run", "x", "--workers", ""}}) {
    EXPECT_THAT(parse_command_line(root, words).error, HasSubstr("needs a value"));
  }
  EXPECT_THAT(parse({"export", "--latest", "--format", "tar", "--output", ""}).error,
              HasSubstr("--output needs a value, and is given an empty one"));
  EXPECT_NE(parse({"list", "", "30"}).command, nullptr);
}

TEST(CommandLine, MistakesOfWalGetNeverLookLikeTheEndOfWal) {
  for (const auto& words : {Words{"wal", "get"},
                            {"wal", "get", "a", "b", "--bogus"},
                            {"wal", "get", "a", "b", "c"},
                            {"--bogus", "wal", "get", "a", "b"},
                            {"--config", "keys", "wal", "get"},
                            // What an unquoted blank, an unset variable or a mistyped word before it leads to.
                            {"--config", "/etc/my", "conf.yml", "wal", "get", "a", "b"},
                            {"--config", "wal", "get", "a", "b"},
                            {"--confg", "/etc/x.yml", "wal", "get", "a", "b"},
                            {"wal", "--plan", "p", "get", "a", "b"},
                            {"--config", "", "wal", "get", "a", "b"},
                            {"--", "wal", "get", "a", "b"}}) {
    SCOPED_TRACE(::testing::PrintToString(words));
    const auto parsed = parse(words);
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_EQ(parsed.exit_code, 126);
  }
  EXPECT_EQ(parse({"wal", "push"}).exit_code, 2);
  EXPECT_EQ(failure_code_of(command_table(), {"--bogus", "wal", "get"}, 1), 126);
  EXPECT_EQ(failure_code_of(command_table(), {"get", "wal"}, 1), 1);
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  for (const auto& words : {Words{"--help"},
                            {"--version"},
                            {"restore", "--help"},
                            {"restore", "--bogus", "-h"},
                            {"expire", "-vh"},
                            {"expire", "--help=yes"}}) {
    SCOPED_TRACE(::testing::PrintToString(words));
    const auto parsed = parse(words);
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_EQ(parsed.exit_code, 0);
    EXPECT_FALSE(parsed.output.empty());
    EXPECT_TRUE(parsed.error.empty());
  }
  EXPECT_THAT(parse({"--version"}).output, HasSubstr("spendsync-backup " SSB_VERSION));
}

}  // namespace
}  // namespace spendsync::cli
