#include "backup/captured_files.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>

#include "base/process_identity.h"
#include "base/testing.h"

namespace spendsync::backup {
namespace {

/// Root reads everything: the body runs in a child that is nobody, with none of root's rights. True when it says so.
template <class Body>
bool holds_for_nobody(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && !become_user(MUST(find_user("nobody")), KeptRights::none)) _exit(2);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class CapturedFilesTest : public testing::Test {
 protected:
  std::string at(const std::string& relative) const { return directory_.path() + "/" + relative; }
  void write(const std::string& relative, std::string_view content) {
    auto path = at(relative);
    ASSERT_OK(make_directories(path.substr(0, path.find_last_of('/')), 0755));
    ASSERT_OK(replace_file(path, as_bytes(content), 0640));
  }
  void make(const std::string& relative) { ASSERT_OK(make_directories(at(relative), 0755)); }

  struct Captured {
    std::map<std::string, CapturedEntry> entries;  // by path
    std::vector<std::string> order;
    std::map<std::string, std::string> skipped;
    std::map<std::string, std::string> unreadable;
  };
  Captured walk(const CapturedFiles& files) const {
    Captured captured;
    CapturedFiles::Notices notices{[&](const CapturedFiles::Problem& p) { captured.unreadable[p.path] = p.why; },
                                   [&](const CapturedFiles::Problem& p) { captured.skipped[p.path] = p.why; }};
    auto visit = [&](const CapturedEntry& entry) -> Result<void> {
      EXPECT_TRUE(captured.entries.emplace(entry.path, entry).second) << entry.path << " met twice";
      captured.order.push_back(entry.path);
      return {};
    };
    EXPECT_OK(files.walk(visit, notices, {}));
    return captured;
  }
  CapturedFiles open(std::vector<FileSet> sets, std::vector<LeftOutPath> left_out = {}) const {
    return MUST(CapturedFiles::open({std::move(sets), std::move(left_out)}));
  }
  std::string content(const CapturedFiles& files, const CapturedEntry& entry) const {
    Fd fd = MUST(files.open_file(entry));
    Bytes bytes(4096);
    bytes.resize(MUST(read_at(fd, 0, bytes, entry.path)));
    return std::string(as_text(bytes));
  }

  static TemporaryDirectory make_directory() { return MUST(TemporaryDirectory::create("/tmp", "captured-files-test")); }
  TemporaryDirectory directory_ = make_directory();
};

TEST_F(CapturedFilesTest, GivesDirectoriesBeforeTheirContentInOrderOfNames) {
  write("etc/b.conf", "b");
  write("etc/a/z.conf", "z");
  auto files = open({{"configuration", {at("etc")}}});
  auto captured = walk(files);
  EXPECT_EQ(captured.order, (std::vector<std::string>{at("etc"), at("etc/a"), at("etc/a/z.conf"), at("etc/b.conf")}));
  EXPECT_EQ(captured.entries.at(at("etc/a")).kind, CapturedEntry::Kind::directory);
  EXPECT_EQ(captured.entries.at(at("etc/b.conf")).status.st_mode & 07777u, 0640u);
  EXPECT_EQ(content(files, captured.entries.at(at("etc/a/z.conf"))), "z");
}

TEST_F(CapturedFilesTest, GivesAFileToTheMoreSpecificSetWhicheverComesFirst) {
  write("etc/app.conf", "conf");
  write("etc/keys/api.key", "key");
  for (bool general_first : {true, false}) {
    std::vector<FileSet> sets = {{"configuration", {at("etc")}}, {"api_keys", {at("etc/keys")}}};
    if (!general_first) std::swap(sets[0], sets[1]);
    auto captured = walk(open(sets));
    EXPECT_EQ(sets[captured.entries.at(at("etc/app.conf")).set].name, "configuration");
    EXPECT_EQ(sets[captured.entries.at(at("etc/keys")).set].name, "api_keys");
    EXPECT_EQ(sets[captured.entries.at(at("etc/keys/api.key")).set].name, "api_keys");
  }
}

TEST_F(CapturedFilesTest, GivesAPathNamedTwiceToTheFirstSetAndSaysSo) {
  write("etc/app.conf", "conf");
  auto captured = walk(open({{"one", {at("etc")}}, {"two", {at("etc") + "/"}}}));
  EXPECT_EQ(captured.entries.at(at("etc/app.conf")).set, 0u);
  EXPECT_TRUE(captured.skipped.contains(at("etc")));
}

TEST_F(CapturedFilesTest, CapturesASingleFileThatIsNamed) {
  write("etc/one.conf", "one");
  write("etc/two.conf", "two");
  auto files = open({{"configuration", {at("etc/two.conf")}}});
  auto captured = walk(files);
  ASSERT_EQ(captured.order, std::vector<std::string>{at("etc/two.conf")});
  EXPECT_EQ(content(files, captured.entries.at(at("etc/two.conf"))), "two");
}

TEST_F(CapturedFilesTest, KeepsLinksAsLinksAlsoLoopsAndDanglingOnes) {
  make("etc");
  ASSERT_EQ(symlink(".", at("etc/loop").c_str()), 0);
  ASSERT_EQ(symlink("/nowhere/at all", at("etc/dangling").c_str()), 0);
  auto captured = walk(open({{"configuration", {at("etc")}}}));
  EXPECT_EQ(captured.order.size(), 3u);
  EXPECT_EQ(captured.entries.at(at("etc/loop")).kind, CapturedEntry::Kind::symbolic_link);
  EXPECT_EQ(captured.entries.at(at("etc/loop")).target, ".");
  EXPECT_EQ(captured.entries.at(at("etc/dangling")).target, "/nowhere/at all");
}

TEST_F(CapturedFilesTest, FollowsAConfiguredPathThatIsALinkAndKeepsTheLink) {
  write("srv/certificates/server.pem", "pem");
  make("etc/ssl");
  ASSERT_EQ(symlink("../../srv/certificates", at("etc/ssl/app").c_str()), 0);
  auto files = open({{"certificates", {at("etc/ssl/app")}}});
  auto captured = walk(files);
  EXPECT_EQ(captured.entries.at(at("etc/ssl/app")).kind, CapturedEntry::Kind::symbolic_link);
  ASSERT_TRUE(captured.entries.contains(at("srv/certificates/server.pem")));
  EXPECT_EQ(content(files, captured.entries.at(at("srv/certificates/server.pem"))), "pem");
}

TEST_F(CapturedFilesTest, ListsConfiguredPathsThatAreMissingAsUnreachable) {
  make("etc");
  ASSERT_EQ(symlink("gone", at("etc/dangling").c_str()), 0);
  ASSERT_EQ(symlink("circle", at("etc/circle").c_str()), 0);
  auto files = open({{"configuration", {at("etc/dangling"), at("missing"), at("etc/circle/x")}}});
  std::vector<std::string> paths;
  for (const auto& problem : files.unreachable()) paths.push_back(problem.path);
  EXPECT_EQ(paths, (std::vector<std::string>{at("etc/gone"), at("missing"), at("etc/circle/x")}));
}

TEST_F(CapturedFilesTest, RefusesRelativePathsAndTheRoot) {
  for (const char* path : {"etc", "", "/", "/..", "//."}) {
    EXPECT_KIND(CapturedFiles::open({{{"configuration", {path}}}, {}}), ErrorKind::invalid);
  }
}

TEST_F(CapturedFilesTest, NoticesHardLinksWithinASet) {
  write("etc/first", "same");
  ASSERT_EQ(link(at("etc/first").c_str(), at("etc/second").c_str()), 0);
  auto captured = walk(open({{"configuration", {at("etc")}}}));
  EXPECT_EQ(captured.entries.at(at("etc/first")).kind, CapturedEntry::Kind::file);
  EXPECT_EQ(captured.entries.at(at("etc/second")).kind, CapturedEntry::Kind::hard_link);
  EXPECT_EQ(captured.entries.at(at("etc/second")).target, at("etc/first"));
}

TEST_F(CapturedFilesTest, StoresAHardLinkIntoAnotherSetAsAFileOfItsOwn) {
  write("etc/first", "same");
  make("keys");
  ASSERT_EQ(link(at("etc/first").c_str(), at("keys/second").c_str()), 0);
  auto captured = walk(open({{"configuration", {at("etc")}}, {"api_keys", {at("keys")}}}));
  EXPECT_EQ(captured.entries.at(at("keys/second")).kind, CapturedEntry::Kind::file);
}

TEST_F(CapturedFilesTest, SkipsFifosAndSocketsWithoutOpeningThem) {
  make("etc");
  ASSERT_EQ(mkfifo(at("etc/fifo").c_str(), 0600), 0);
  Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  at("etc/socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  auto captured = walk(open({{"configuration", {at("etc")}}}));
  EXPECT_EQ(captured.order, std::vector<std::string>{at("etc")});
  EXPECT_EQ(captured.skipped.at(at("etc/fifo")), "it is a FIFO");
  EXPECT_EQ(captured.skipped.at(at("etc/socket")), "it is a socket");
}

TEST_F(CapturedFilesTest, LeavesOutTheToolsOwnFilesUnderAnyName) {
  write("etc/backup/repository.key", "secret");
  write("etc/backup/state/chain", "state");
  write("etc/app.conf", "conf");
  ASSERT_EQ(link(at("etc/backup/repository.key").c_str(), at("etc/alias").c_str()), 0);
  auto captured =
      walk(open({{"configuration", {at("etc")}}},
                {{at("etc/backup/repository.key"), "the repository's key"}, {at("etc/backup/state/"), "state"}}));
  EXPECT_EQ(captured.order, (std::vector<std::string>{at("etc"), at("etc/app.conf"), at("etc/backup")}));
  EXPECT_EQ(captured.skipped.at(at("etc/alias")), "the repository's key");
  EXPECT_EQ(captured.skipped.at(at("etc/backup/state")), "state");
}

TEST_F(CapturedFilesTest, KeepsNamesOfAnyBytes) {
  std::string odd = "line\nbreak \\ = \xff\xfe";
  write("etc/" + odd, "odd");
  auto files = open({{"configuration", {at("etc")}}});
  auto captured = walk(files);
  ASSERT_TRUE(captured.entries.contains(at("etc/" + odd)));
  EXPECT_EQ(content(files, captured.entries.at(at("etc/" + odd))), "odd");
}

TEST_F(CapturedFilesTest, DoesNotOpenThroughALinkThatTookTheFilesPlace) {
  write("etc/app.conf", "conf");
  write("etc/sub/x.conf", "x");
  write("secret/x.conf", "not asked for");
  auto files = open({{"configuration", {at("etc")}}});
  auto captured = walk(files);
  ASSERT_EQ(unlink(at("etc/app.conf").c_str()), 0);
  ASSERT_EQ(symlink("../secret/x.conf", at("etc/app.conf").c_str()), 0);
  EXPECT_KIND(files.open_file(captured.entries.at(at("etc/app.conf"))), ErrorKind::refused);
  ASSERT_EQ(rename(at("etc/sub").c_str(), at("etc/was").c_str()), 0);
  ASSERT_EQ(symlink("../secret", at("etc/sub").c_str()), 0);
  EXPECT_KIND(files.open_file(captured.entries.at(at("etc/sub/x.conf"))), ErrorKind::refused);
}

TEST_F(CapturedFilesTest, DoesNotBlockOnAFifoThatTookTheFilesPlace) {
  write("etc/app.conf", "conf");
  auto files = open({{"configuration", {at("etc")}}});
  auto captured = walk(files);
  ASSERT_EQ(unlink(at("etc/app.conf").c_str()), 0);
  ASSERT_EQ(mkfifo(at("etc/app.conf").c_str(), 0600), 0);
  EXPECT_KIND(files.open_file(captured.entries.at(at("etc/app.conf"))), ErrorKind::refused);
}

TEST_F(CapturedFilesTest, ReportsADirectoryThatCannotBeReadAndKeepsItsEntry) {
  write("etc/closed/inner", "x");
  ASSERT_EQ(chmod(at("etc/closed").c_str(), 0), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_TRUE(holds_for_nobody([&] {
    auto captured = walk(open({{"configuration", {at("etc")}}}));
    return captured.unreadable.contains(at("etc/closed")) && captured.entries.contains(at("etc/closed")) &&
           !captured.entries.contains(at("etc/closed/inner"));
  }));
  ASSERT_EQ(chmod(at("etc/closed").c_str(), 0700), 0);
}

TEST_F(CapturedFilesTest, ReadsUsersAttributesAndAccessControlLists) {
  write("etc/app.conf", "conf");
  if (setxattr(at("etc/app.conf").c_str(), "user.origin", "a\0b", 3, 0) != 0) GTEST_SKIP() << "no attributes here";
  auto files = open({{"configuration", {at("etc")}}});
  auto captured = walk(files);
  auto attributes = MUST(files.attributes(captured.entries.at(at("etc/app.conf"))));
  ASSERT_EQ(attributes.size(), 1u);
  EXPECT_EQ(attributes[0].name, "user.origin");
  EXPECT_EQ(attributes[0].value, std::string("a\0b", 3));
  EXPECT_TRUE(MUST(files.attributes(captured.entries.at(at("etc")))).empty());
}

TEST_F(CapturedFilesTest, StopsWhenAsked) {
  write("etc/app.conf", "conf");
  auto files = open({{"configuration", {at("etc")}}});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_KIND(files.walk([](const CapturedEntry&) { return ok(); }, {}, stop.get_token()), ErrorKind::cancelled);
}

TEST(OwnerNames, KnowsRootAndLeavesUnknownNumbersEmpty) {
  OwnerNames names;
  EXPECT_EQ(names.user(0), "root");
  EXPECT_EQ(names.group(0), "root");
  EXPECT_EQ(names.user(3999999999u), "");
  EXPECT_EQ(names.user(0), "root");
}

}  // namespace
}  // namespace spendsync::backup
