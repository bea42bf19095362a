// A repository written by somebody who holds the keys, restored by the program: nothing outside the target is touched.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "base/testing.h"
#include "integration/installation.h"
#include "restore/testing/synthetic_backup.h"
#include "wal/plan.h"

namespace spendsync::testing {
namespace {

using repository::FileEntry;
using repository::FileKind;
using restore::SyntheticBackup;

/// The forged repository on disk, and a program that is configured for it.
class HostileRepository : public ::testing::Test {
 protected:
  HostileRepository() : installation_(server_) {
    precious_ = server_.make_directory("precious");
    MUST(replace_file(precious_ + "/file", as_bytes("untouched"), 0600));
    auto config = MUST(read_text_file(installation_.config_file()));
    config.replace(config.find("cluster: test"), 13, "cluster: demo");
    auto fd = MUST(open_file(installation_.config_file(), O_WRONLY | O_TRUNC));
    MUST(write_all(fd, as_bytes(config), installation_.config_file()));
  }

  /// Writes the objects of `forged` where the program looks for them.
  void publish(repository::OpenWorld& forged) {
    MUST(replace_file(installation_.key_file(), forged.key.secret(), 0600));
    give(installation_.key_file());
    MUST(remove_tree(installation_.repository_path()));
    for (const auto& key : forged.memory.keys()) {
      const auto path = installation_.repository_path() + "/" + key.text();
      MUST(make_directories(path.substr(0, path.rfind('/')), 0700));
      MUST(replace_file(path, MUST(forged.memory.get(key, 1u << 30)), 0600));
    }
    const std::string owner = geteuid() == 0 ? "postgres:postgres" : "";
    if (!owner.empty()) {
      MUST(run_checked(Command{{"chown", "-R", owner, installation_.repository_path()}, {}, {}, {}}, {},
                       std::chrono::seconds(60)));
    }
  }
  void give(const std::string& path) {
    if (geteuid() != 0) return;
    MUST(run_checked(Command{{"chown", "postgres:postgres", path}, {}, {}, {}}, {}, std::chrono::seconds(60)));
  }
  std::string everything_outside() {
    return server_.run({"/bin/sh", "-c",
                        fmt::format("cd {} && find precious data -printf '%p %y %m %s %T@ %l\\n' | sort; cat "
                                    "precious/file; ls -a .",
                                    server_.directory())});
  }
  /// Restores a cluster with what `add` puts into its file table; expects a refusal that names `named`.
  void expect_refused(const std::string& what, const std::function<void(SyntheticBackup&)>& add,
                      const std::string& named) {
    SCOPED_TRACE(what);
    repository::OpenWorld forged;
    SyntheticBackup backup(forged);
    backup.cluster();
    add(backup);
    const auto label = backup.commit();
    publish(forged);
    const auto before = everything_outside();
    const auto target = installation_.directory() + "/target";
    for (const auto* beside : {"", ".files", "-tablespaces", ".wal"}) MUST(remove_tree(target + beside));
    const auto output = installation_.run({"restore", "full", label.text(), "--no-start", "--target", target});
    EXPECT_NE(output.exit_status, 0) << output.out;
    EXPECT_LT(output.exit_status, 126) << output.err;
    EXPECT_NE(output.err.find(named), std::string::npos) << output.err;
    EXPECT_FALSE(exists(target + "/global/pg_control")) << "a server must not start on it";
    EXPECT_EQ(everything_outside(), before);
  }
  /// What the forger left as it was is restored: the refusals are for what was forged.
  void expect_restored() {
    const auto target = restore_with([](auto&) {});
    EXPECT_TRUE(exists(target + "/global/pg_control"));
  }
  /// Restores what must be restored; returns where.
  std::string restore_with(const std::function<void(SyntheticBackup&)>& add) {
    repository::OpenWorld repository;
    SyntheticBackup backup(repository);
    backup.cluster();
    add(backup);
    const auto label = backup.commit();
    publish(repository);
    const auto target = installation_.directory() + "/honest";
    const auto output = installation_.run({"restore", "full", label.text(), "--no-start", "--target", target});
    EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
    return target;
  }
  static FileEntry entry(const std::string& path, FileKind kind = FileKind::file, uint32_t mode = 0600) {
    auto made = SyntheticBackup::entry_of(path, mode);
    made.kind = kind;
    return made;
  }

  RealServer server_;
  Installation installation_;
  std::string precious_;
};

TEST_F(HostileRepository, LeadsTheRestoreNowhereElse) {
  ASSERT_NO_FATAL_FAILURE(expect_restored());
  const auto content = as_bytes("x");
  expect_refused(
      "a link to elsewhere",
      [&](auto& backup) {
        auto link = entry("base/link", FileKind::symbolic_link, 0777);
        link.link_target = precious_;
        backup.add(link).file(entry("base/link/file"), content);
      },
      "base/link");
  expect_refused(
      "a hard link to elsewhere",
      [&](auto& backup) {
        auto link = entry("base/hard", FileKind::hard_link);
        link.link_target = "PG_VERSION";
        backup.add(link);
      },
      "base/hard");
  expect_refused(
      "twice", [&](auto& backup) { backup.file(entry("base/5/1"), content).file(entry("base/5/1"), content); },
      "base/5/1");
  expect_refused(
      "a file as a directory",
      [&](auto& backup) { backup.file(entry("base/5/1"), content).file(entry("base/5/1/2"), content); }, "base/5/1");
  expect_refused(
      "a tablespace that nobody knows",
      [&](auto& backup) { backup.file(entry("pg_tblspc/99999/PG_15_202209061/5/1"), content); }, "pg_tblspc/99999");
  expect_refused(
      "WAL that is none", [&](auto& backup) { backup.file(entry("pg_wal/x"), content); }, "pg_wal/x");
}

/// A cluster that was restored once may hold a plan; what answers `wal get` is always the one made now.
TEST_F(HostileRepository, BringsNoPlanOfItsOwn) {
  const auto target = restore_with([&](auto& backup) { backup.file(entry(repository::kWalPlanFile), as_bytes("x")); });
  EXPECT_OK(wal::read_wal_plan(target + "/" + repository::kWalPlanFile));
}

TEST_F(HostileRepository, CannotEvenWriteAPathThatLeadsUpwards) {
  for (const auto& path : {std::string("../precious/file"), precious_ + "/file", std::string("base/../../x"),
                           std::string("base/a\0b", 8), std::string("base//x"), std::string(".")}) {
    Bytes record;
    const auto encoded = repository::encode_file_entry(entry(path), record);
    if (!encoded) continue;
    repository::FileTableParser parser;
    const auto read = parser.feed(record, [](const FileEntry&) -> Result<void> { return ok(); });
    EXPECT_KIND(read, ErrorKind::corrupt);
  }
}

TEST_F(HostileRepository, FilesOfCapturedSetsStayBelowTheTarget) {
  const auto captured = [&](auto& backup, const std::string& name) {
    backup.summary().captured_sets = {{1, name, {"/etc/x"}, 1, 1}};
    auto link = entry("escape", FileKind::symbolic_link, 0777);
    link.set = 1;
    link.link_target = precious_;
    auto below = entry("escape/file");
    below.set = 1;
    backup.add(link).file(below, as_bytes("x"));
  };
  expect_refused(
      "below a link", [&](auto& backup) { captured(backup, "configuration"); }, "escape");
  expect_refused(
      "a set called ..", [&](auto& backup) { captured(backup, ".."); }, "..");
}

}  // namespace
}  // namespace spendsync::testing
