#include "restore/target_directory.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/time.h"
#include "restore/testing/synthetic_backup.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

class TargetDirectoryTest : public ::testing::Test {
 protected:
  std::string data() const { return directory_.path() + "/data"; }
  Result<TargetDirectory> claim(const std::string& plan = "plan-a", bool database = true) {
    return TargetDirectory::claim({RestorePaths::of(data()), plan, database, false}, log_, {});
  }
  void put(const std::string& path) { MUST(replace_file(data() + path, as_bytes("x"), 0600)); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "target-"));
  SystemClock clock_;
  Log log_{{LogLevel::error, Log::Format::console, 2}, clock_};
};

TEST_F(TargetDirectoryTest, MakesWhatIsNotThere) {
  auto target = MUST(claim());
  EXPECT_THAT(MUST(list_directory(data())), testing::ElementsAre(repository::kUnfinishedMarker));
  struct stat status {};
  ASSERT_EQ(::stat(data().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
  ASSERT_OK(target.finish());
  EXPECT_TRUE(MUST(list_directory(data())).empty());
}

TEST_F(TargetDirectoryTest, RefusesWhatIsNotEmpty) {
  MUST(make_directories(data(), 0700));
  put("/something");
  auto refused = claim();
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("something"));
  EXPECT_EQ(MUST(read_text_file(data() + "/something")), "x");
  MUST(remove_tree(data()));
  for (const char* beside : {".files", "-tablespaces", ".wal"}) {
    MUST(make_directories(data() + beside, 0700));
    put(std::string(beside) + "/something");
    SCOPED_TRACE(beside);
    EXPECT_KIND(claim(), ErrorKind::refused);
    EXPECT_TRUE(exists(data() + beside + "/something"));
    MUST(remove_tree(data() + beside));
  }
  EXPECT_OK(claim());
}

TEST_F(TargetDirectoryTest, RefusesLinksFilesAndForeignDirectories) {
  MUST(make_directories(directory_.path() + "/real", 0700));
  ASSERT_EQ(::symlink("real", data().c_str()), 0);
  EXPECT_KIND(claim(), ErrorKind::refused);
  MUST(remove_tree(data()));
  MUST(replace_file(data(), as_bytes("x"), 0600));
  EXPECT_KIND(claim(), ErrorKind::refused);
  MUST(remove_tree(data()));
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a directory of another user";
  MUST(make_directories(data(), 0700));
  ASSERT_EQ(::chown(data().c_str(), 12345, 12345), 0);
  auto foreign = claim();
  EXPECT_KIND(foreign, ErrorKind::refused);
  EXPECT_THAT(foreign.error().message(), HasSubstr("12345"));
}

TEST_F(TargetDirectoryTest, TakesUpItsOwnUnfinishedRestoreWithWhatItHolds) {
  {
    auto first = MUST(claim());
    EXPECT_FALSE(first.taken_up());
    put("/PG_VERSION");
    MUST(make_directories(data() + "-tablespaces/16500", 0700));
    put("-tablespaces/16500/x");
    MUST(make_directories(data() + ".files/set", 0700));
  }  // killed: not finished
  auto again = MUST(claim());
  EXPECT_TRUE(again.taken_up());
  EXPECT_TRUE(again.holds_files());
  EXPECT_THAT(MUST(list_directory(data())), testing::ElementsAre("PG_VERSION", repository::kUnfinishedMarker));
  EXPECT_TRUE(exists(data() + "-tablespaces/16500/x"));
  EXPECT_FALSE(exists(data() + ".files"));
}

TEST_F(TargetDirectoryTest, LeavesAnotherPlansUnfinishedRestoreAlone) {
  {
    auto first = MUST(claim("plan-a"));
    put("/PG_VERSION");
  }
  EXPECT_KIND(claim("plan-b"), ErrorKind::refused);
  EXPECT_TRUE(exists(data() + "/PG_VERSION"));
  MUST(replace_file(data() + "/" + repository::kUnfinishedMarker, as_bytes("torn"), 0600));
  EXPECT_KIND(claim("plan-a"), ErrorKind::refused);
  EXPECT_TRUE(exists(data() + "/PG_VERSION"));
}

TEST_F(TargetDirectoryTest, RewritesOnlyADataDirectoryOfTheSameCluster) {
  auto rewrite = [&] {
    return TargetDirectory::claim({.paths = RestorePaths::of(data()),
                                   .plan_id = "plan-a",
                                   .rewrite = true,
                                   .system_identifier = repository::SampleWorld::kSystem},
                                  log_, {});
  };
  EXPECT_KIND(rewrite(), ErrorKind::refused);  // nothing there
  MUST(make_directories(data() + "/global", 0700));
  put("/something");
  EXPECT_KIND(rewrite(), ErrorKind::refused);
  put("/PG_VERSION");
  EXPECT_KIND(rewrite(), ErrorKind::refused);  // nothing tells which cluster it is of
  auto control = synthetic_control_file();
  MUST(replace_file(data() + "/global/pg_control", control, 0600));
  {
    auto target = MUST(rewrite());
    EXPECT_TRUE(target.holds_files());
    EXPECT_FALSE(target.taken_up());
    EXPECT_TRUE(exists(data() + "/something"));
  }
  // Unfinished: only a rewrite, of any plan, may go on; the control file may be gone by then.
  MUST(remove_tree(data() + "/global/pg_control"));
  EXPECT_KIND(claim("plan-b"), ErrorKind::refused);
  EXPECT_OK(rewrite());
  MUST(remove_tree(data() + "/" + repository::kUnfinishedMarker));
  control[8] ^= std::byte{1};  // no valid CRC: not believed
  MUST(replace_file(data() + "/global/pg_control", control, 0600));
  EXPECT_KIND(rewrite(), ErrorKind::refused);
}

TEST_F(TargetDirectoryTest, NeverTakesAChosenTablespaceThatHoldsSomethingOfOthers) {
  const auto place = directory_.path() + "/place";
  auto with = [&](const std::string& plan, bool rewrite) {
    return TargetDirectory::claim({.paths = RestorePaths::of(data()),
                                   .plan_id = plan,
                                   .chosen_tablespaces = {{16500, "/old", place, true}},
                                   .rewrite = rewrite,
                                   .system_identifier = repository::SampleWorld::kSystem},
                                  log_, {});
  };
  MUST(make_directories(place + "/PG_15_202209061", 0700));
  EXPECT_KIND(with("plan-a", false), ErrorKind::refused);
  EXPECT_FALSE(exists(data()));
  MUST(make_directories(data() + "/global", 0700));
  put("/PG_VERSION");
  MUST(replace_file(data() + "/global/pg_control", synthetic_control_file(), 0600));
  EXPECT_KIND(with("plan-a", true), ErrorKind::refused);
  MUST(replace_file(data() + "/" + repository::kUnfinishedMarker, {},
                    0600));  // as moving aside leaves it: nobody's plan yet
  EXPECT_KIND(with("plan-a", true), ErrorKind::refused);
  MUST(remove_tree(data() + "/" + repository::kUnfinishedMarker));
  MUST(remove_tree(place));
  EXPECT_OK(with("plan-a", true));
  MUST(make_directories(place + "/PG_15_202209061", 0700));  // what that one wrote before it was killed
  EXPECT_KIND(with("plan-b", true), ErrorKind::refused);
  EXPECT_OK(with("plan-a", true));
}

TEST_F(TargetDirectoryTest, RewritesAChosenTablespaceThatItsOwnLinkLeadsTo) {
  const auto place = directory_.path() + "/place";
  auto rewrite = [&](const std::string& original) {
    return TargetDirectory::claim({.paths = RestorePaths::of(data()),
                                   .plan_id = "plan-a",
                                   .chosen_tablespaces = {{16500, original, place, true}},
                                   .original_tablespaces = {{original}, std::nullopt},
                                   .rewrite = true,
                                   .system_identifier = repository::SampleWorld::kSystem},
                                  log_, {});
  };
  MUST(make_directories(place + "/PG_15_202209061", 0700));
  MUST(make_directories(data() + "/global", 0700));
  MUST(make_directories(data() + "/pg_tblspc", 0700));
  put("/PG_VERSION");
  MUST(replace_file(data() + "/global/pg_control", synthetic_control_file(), 0600));
  EXPECT_KIND(rewrite("/old"), ErrorKind::refused);
  ASSERT_EQ(::symlink(place.c_str(), (data() + "/pg_tblspc/16500").c_str()), 0);
  EXPECT_KIND(rewrite(place), ErrorKind::refused);  // a copied directory, whose links lead to the original's
  ASSERT_OK(MUST(rewrite("/old")).finish());
}

TEST_F(TargetDirectoryTest, ATornMarkerAloneIsNoHindrance) {
  MUST(make_directories(data(), 0700));
  put("/" + std::string(repository::kUnfinishedMarker));
  EXPECT_OK(claim());
}

TEST_F(TargetDirectoryTest, IsHeldByOneRestoreAtATime) {
  auto first = MUST(claim());
  EXPECT_KIND(claim(), ErrorKind::conflict);
  ASSERT_OK(first.finish());
  EXPECT_OK(claim());
}

TEST_F(TargetDirectoryTest, CapturedFilesAloneNeedNoDataDirectory) {
  auto target = MUST(claim("plan-a", false));
  EXPECT_FALSE(exists(data()));
  EXPECT_TRUE(exists(data() + ".files/" + repository::kUnfinishedMarker));
  ASSERT_OK(target.finish());
}

TEST_F(TargetDirectoryTest, DefaultPlaceIsNamedAfterBackupAndTimeUnlessOneIsUnfinished) {
  auto now = MUST(parse_rfc3339("2024-03-15T14:30:00Z"));
  auto place = MUST(default_target(directory_.path(), "20240315T000000Z-full", now, "plan-a"));
  EXPECT_EQ(place, directory_.path() + "/20240315T000000Z-full-20240315T143000Z/data");
  {
    auto unfinished = MUST(TargetDirectory::claim({RestorePaths::of(place), "plan-a", true, false}, log_, {}));
    // Another restore at the same second, while that one runs.
    EXPECT_EQ(MUST(default_target(directory_.path(), "20240315T000000Z-full", now, "plan-a")),
              directory_.path() + "/20240315T000000Z-full-20240315T143000Z.2/data");
  }
  auto later = now + std::chrono::hours(1);
  EXPECT_EQ(MUST(default_target(directory_.path(), "20240315T000000Z-full", later, "plan-a")), place);
  EXPECT_EQ(MUST(default_target(directory_.path(), "20240315T000000Z-full", later, "plan-b")),
            directory_.path() + "/20240315T000000Z-full-20240315T153000Z/data");
}

TEST(NormalizeTarget, MakesPathsPlain) {
  EXPECT_EQ(MUST(normalize_target("/a/./b//c/../d/")), "/a/b/d");
  EXPECT_KIND(normalize_target("/"), ErrorKind::refused);
  EXPECT_KIND(normalize_target("/a/.."), ErrorKind::refused);
  EXPECT_KIND(normalize_target("/a\nb"), ErrorKind::refused);
  EXPECT_KIND(normalize_target("/a\\b"), ErrorKind::refused);
  EXPECT_KIND(normalize_target(""), ErrorKind::invalid);
}

}  // namespace
}  // namespace spendsync::restore
