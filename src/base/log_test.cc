#include "base/log.h"

#include "base/file.h"
#include "base/json.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync {
namespace {

class LogTest : public testing::Test {
 protected:
  Log make(Log::Format format, LogLevel threshold = LogLevel::info) {
    return Log({.threshold = threshold, .format = format, .fd = file_.get()}, clock_);
  }
  std::string written() { return MUST(read_text_file(path_)); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "base_log_"));
  std::string path_ = directory_.path() + "/log";
  Fd file_ = MUST(open_file(path_, O_WRONLY | O_CREAT | O_APPEND));
  ManualClock clock_{MUST(parse_rfc3339("2024-03-15T14:30:00Z"))};
};

TEST_F(LogTest, ConsoleLinesAreForPeople) {
  Log log = make(Log::Format::console);
  log.info("backup started", {{"label", "20240315T143000Z-full"}, {"workers", "2"}});
  log.warning("slow disk");
  log.debug("not shown");
  EXPECT_EQ(written(), "backup started (label=20240315T143000Z-full, workers=2)\nwarning: slow disk\n");
}

TEST_F(LogTest, JsonLinesAreForMachines) {
  Log log = make(Log::Format::json, LogLevel::debug);
  log.debug("read \"x\"", {{"bytes", "5"}});
  EXPECT_EQ(written(),
            "{\"time\":\"2024-03-15T14:30:00Z\",\"level\":\"debug\",\"message\":\"read \\\"x\\\"\",\"bytes\":\"5\"}\n");
}

TEST_F(LogTest, FailuresHaveAnErrorAndAHintLine) {
  Log log = make(Log::Format::console);
  log.failure(Error(ErrorKind::denied, "cannot open key").with_hint("run as postgres"));
  log.failure(Error(ErrorKind::corrupt, "bad frame"));
  EXPECT_EQ(written(), "error: cannot open key [SSB-1006]\nhint: run as postgres\nerror: bad frame [SSB-1005]\n");
}

TEST_F(LogTest, FailuresInJsonCarryKindAndHint) {
  Log log = make(Log::Format::json);
  log.failure(Error(ErrorKind::denied, "cannot open key").with_hint("run as postgres"));
  Json line = MUST(Json::parse(written()));
  EXPECT_EQ(MUST(line.text("level")), "error");
  EXPECT_EQ(MUST(line.text("kind")), "denied");
  EXPECT_EQ(MUST(line.text("code")), "SSB-1006");
  EXPECT_EQ(MUST(line.text("hint")), "run as postgres");
}

TEST_F(LogTest, NamesOfOthersCannotForgeLines) {
  Log log = make(Log::Format::console);
  log.warning("odd file \"a\nerror: forged\"", {{"name", "\x1b[2J"}});
  EXPECT_EQ(written(), "warning: odd file \"a\\x0aerror: forged\" (name=\\x1b[2J)\n");
}

TEST_F(LogTest, ErrorsPassEveryThreshold) {
  Log log = make(Log::Format::console, LogLevel::error);
  log.warning("hidden");
  log.error("shown");
  EXPECT_EQ(written(), "error: shown\n");
}

}  // namespace
}  // namespace spendsync
