#include "base/process_identity.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kLeakChecker = true;
#else
constexpr bool kLeakChecker = false;
#endif

/// Runs `body` in a child, because who has changed its user cannot change back. The body's number says where it failed.
template <class Body>
int exit_code_of_child(Body body) {
  pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

class BecomeUser : public testing::Test {
 protected:
  void SetUp() override {
    if (!running_as_root()) GTEST_SKIP() << "needs root";
    ASSERT_OK(replace_file(secret_, as_bytes("root's own"), 0600));
    ASSERT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
  }
  bool can_read() const { return read_file(secret_).has_value(); }

  UserIdentity nobody_ = MUST(find_user("nobody"));
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "base_identity_"));
  std::string secret_ = directory_.path() + "/secret";
};

TEST(FindUser, ByNameAndByNumber) {
  UserIdentity root = MUST(find_user("root"));
  EXPECT_EQ(root.uid, 0u);
  EXPECT_EQ(root.home, "/root");
  EXPECT_TRUE(std::ranges::count(root.groups, root.gid) > 0);
  EXPECT_EQ(MUST(find_user(uid_t{0})).name, "root");
}

TEST(FindUser, NamesWhoIsMissing) {
  auto missing = find_user("no-such-user");
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_EQ(missing.error().message(), "there is no user \"no-such-user\"");
  EXPECT_KIND(find_user(uid_t{4'000'000'000}), ErrorKind::not_found);
}

TEST_F(BecomeUser, ChangesEveryIdAndTheEnvironment) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::none)) return 1;
              uid_t real = 0, effective = 0, saved = 0;
              if (getresuid(&real, &effective, &saved) != 0) return 2;
              if (real != nobody_.uid || effective != nobody_.uid || saved != nobody_.uid) return 3;
              if (getgid() != nobody_.gid || getegid() != nobody_.gid) return 4;
              std::vector<gid_t> groups(64);
              int count = getgroups(64, groups.data());
              groups.resize(static_cast<size_t>(std::max(count, 0)));
              if (!std::ranges::is_permutation(groups, nobody_.groups)) return 5;
              if (nobody_.name != getenv("USER") || nobody_.home != getenv("HOME")) return 6;
              return setresuid(0, 0, 0) == 0 ? 7 : 0;
            }));
}

TEST_F(BecomeUser, WithoutKeptRightsNothingCanBeRaised) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::none)) return 1;
              PrivilegedReads reads;
              if (reads.effective()) return 2;
              return can_read() ? 3 : 0;
            }));
}

TEST_F(BecomeUser, ReadsOthersFilesOnlyInsideTheScope) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::read_files)) return 1;
              if (can_read()) return 2;
              {
                PrivilegedReads reads;
                if (!reads.effective() || !can_read()) return 3;
                {
                  PrivilegedReads nested;
                  if (!nested.effective()) return 4;
                }
                if (!can_read()) return 5;  // the inner one takes nothing from the outer
                if (replace_file(directory_.path() + "/new", {}, 0600)) return 6;  // reading is not writing
                if (::chown(secret_.c_str(), nobody_.uid, nobody_.gid) == 0) return 7;
              }
              if (can_read()) return 8;
              PrivilegedRestores restores;
              return restores.effective() ? 9 : 0;
            }));
}

TEST_F(BecomeUser, ThreadsStartedLaterInheritTheKeptRight) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::read_files)) return 1;
              int in_thread = 2;
              bool own_thread_reads = true;
              {
                std::jthread reader([&] {
                  PrivilegedReads reads;
                  in_thread = can_read() ? 0 : 3;
                });
              }
              own_thread_reads = can_read();
              return own_thread_reads ? 4 : in_thread;
            }));
}

TEST_F(BecomeUser, RestoresWithOwnersOnRequest) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::restore_files)) return 1;
              PrivilegedRestores restores;
              if (!restores.effective()) return 2;
              std::string path = directory_.path() + "/restored";
              if (!replace_file(path, as_bytes("x"), 0600)) return 3;
              if (::chown(path.c_str(), 1, 1) != 0) return 4;
              if (::chmod(path.c_str(), 0640) != 0) return 5;  // although it belongs to somebody else now
              struct stat status {};
              return ::stat(path.c_str(), &status) == 0 && status.st_uid == 1 && status.st_gid == 1 ? 0 : 6;
            }));
}

TEST_F(BecomeUser, ProgramsThatItRunsHaveNoRightsAtAll) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::restore_files)) return 1;
              PrivilegedReads reads;
              pid_t pid = fork();
              if (pid == 0) {
                ::close(2);
                execl("/bin/cat", "cat", secret_.c_str(), nullptr);
                _exit(127);
              }
              int status = 0;
              waitpid(pid, &status, 0);
              return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 0 : 2;
            }));
}

TEST_F(BecomeUser, IsRefusedToOthersThanRoot) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!become_user(nobody_, KeptRights::none)) return 1;
              auto again = become_user(nobody_, KeptRights::none);
              return !again && again.error().is(ErrorKind::denied) ? 0 : 2;
            }));
}

TEST_F(BecomeUser, PlainRootNeedsNoScope) {
  PrivilegedReads reads;
  EXPECT_TRUE(can_read());
  { PrivilegedReads nested; }
  EXPECT_TRUE(can_read());
}

TEST(HardenProcess, ForbidsDumpsAndNewPrivileges) {
  EXPECT_EQ(0, exit_code_of_child([] {
              if (!harden_process({})) return 1;
              if (umask(0) != 077) return 2;
              rlimit core{1, 1};
              if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0) return 3;
              if (!kLeakChecker && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 4;
              return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 5;
            }));
}

TEST(HardenProcess, LeavesNewPrivilegesWhereAskedTo) {
  EXPECT_EQ(0, exit_code_of_child([] {
              if (!harden_process({.no_new_privileges = false})) return 1;
              return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : 2;
            }));
}

TEST_F(BecomeUser, StaysUndumpable) {
  EXPECT_EQ(0, exit_code_of_child([&] {
              if (!harden_process({})) return 1;
              if (!become_user(nobody_, KeptRights::read_files)) return 2;
              PrivilegedReads reads;
              if (!can_read()) return 3;
              return !kLeakChecker && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 4 : 0;
            }));
}

}  // namespace
}  // namespace spendsync
