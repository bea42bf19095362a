#include "config/find.h"

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::config {
namespace {

class FindConfig : public testing::Test {
 protected:
  std::string make(const std::string& name) {
    const std::string path = directory_.path() + "/" + name;
    MUST(replace_file(path, as_bytes("version: 1\n"), 0600));
    return path;
  }
  std::string missing(const std::string& name) const { return directory_.path() + "/" + name; }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "find-config-"));
};

TEST_F(FindConfig, LooksInTheOrderOfTheDocumentation) {
  ConfigPlaces places{make("flag"), make("environment"), make("installed"), make("beside")};
  EXPECT_EQ(MUST(find_config(places)), *places.flag);
  places.flag.reset();
  EXPECT_EQ(MUST(find_config(places)), *places.environment);
  places.environment.reset();
  EXPECT_EQ(MUST(find_config(places)), places.installed);
  places.installed = missing("installed2");
  EXPECT_EQ(MUST(find_config(places)), places.beside_script);
}

TEST_F(FindConfig, NeverFallsBackFromAPlaceThatWasAskedFor) {
  ConfigPlaces places{missing("flag"), make("environment"), make("installed"), make("beside")};
  auto by_flag = find_config(places);
  EXPECT_KIND(by_flag, ErrorKind::invalid);
  EXPECT_EQ(by_flag.error().message(), "--config names " + missing("flag") + ", which does not exist");
  EXPECT_EQ(by_flag.error().exit_code(), 2);
  places.flag.reset();
  places.environment = missing("environment2");
  auto by_variable = find_config(places);
  EXPECT_KIND(by_variable, ErrorKind::invalid);
  EXPECT_EQ(by_variable.error().message(),
            "$SPENDSYNC_BACKUP_CONFIG names " + missing("environment2") + ", which does not exist");
  places.environment = "";
  EXPECT_EQ(find_config(places).error().message(), "$SPENDSYNC_BACKUP_CONFIG names no configuration file");
}

TEST_F(FindConfig, ListsWhereItLooked) {
  const ConfigPlaces places{{}, {}, missing("installed"), missing("beside")};
  const auto found = find_config(places);
  EXPECT_KIND(found, ErrorKind::invalid);
  EXPECT_EQ(found.error().message(),
            "no configuration file found; looked at --config (not given), $SPENDSYNC_BACKUP_CONFIG (not set), " +
                missing("installed") + ", " + missing("beside"));
  EXPECT_EQ(found.error().exit_code(), 2);
}

TEST_F(FindConfig, ReadsTheVariableOfTheProcess) {
  const std::string path = make("environment");
  ASSERT_EQ(setenv(kConfigVariable, path.c_str(), 1), 0);
  const auto found = find_config(std::nullopt, missing("beside"));
  unsetenv(kConfigVariable);
  EXPECT_EQ(MUST(Result<std::string>(found)), path);
}

}  // namespace
}  // namespace spendsync::config
