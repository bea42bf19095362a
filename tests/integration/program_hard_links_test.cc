// Captured files with several names that belong to somebody else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

TEST(ProgramHardLinks, OfOtherOwnersComeBackWhenStartedAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of other users";
  constexpr uid_t kOther = 12345;
  RealServer server;
  server.start();
  Installation installation(server);
  const auto captured = server.make_directory("etc");
  MUST(replace_file(captured + "/token", as_bytes("token\n"), 0400));
  ASSERT_EQ(::link((captured + "/token").c_str(), (captured + "/twin").c_str()), 0);
  ASSERT_EQ(::chown((captured + "/token").c_str(), kOther, kOther), 0);
  installation.configure(fmt::format("files:\n  - {{ name: keys, paths: [{}] }}\n", captured));
  const auto backup = installation.run_as_caller({"backup", "full"});
  ASSERT_EQ(backup.exit_status, 0) << backup.out << backup.err;

  const auto target = installation.directory() + "/copy";
  const auto today = TimeZone::utc().day_of(SystemClock().now());
  const auto restored = installation.run_as_caller({"restore", "full", today, "--no-start", "--target", target});
  ASSERT_EQ(restored.exit_status, 0) << restored.out << restored.err;
  struct stat token {};
  struct stat twin {};
  ASSERT_EQ(::stat((target + ".files/keys" + captured + "/token").c_str(), &token), 0);
  ASSERT_EQ(::stat((target + ".files/keys" + captured + "/twin").c_str(), &twin), 0);
  EXPECT_EQ(token.st_ino, twin.st_ino);
  EXPECT_EQ(twin.st_uid, kOther);
  EXPECT_EQ(twin.st_mode & 07777u, 0400u);
}

}  // namespace
}  // namespace spendsync::testing
