// Keys in an operator's hands: rotated, retired, lost and brought back, printed on paper and typed again.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Keys : public ::testing::Test {
 protected:
  Keys() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    server_.psql("create table t as select generate_series(1, 1000) as n");
    installation_.must_run({"backup", "full"});
  }

  std::string beside(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string key_line(const std::string& path) const {
    return fmt::format("    - {{ type: key-file, path: {} }}\n", path);
  }
  void make_key_file(const std::string& path) {
    server_.run({"/bin/sh", "-c", "umask 077; openssl rand 32 > " + path});
  }
  /// The ids of the keys of a type in `keys list`, by their place; "" for one that is not configured.
  std::map<std::string, std::string> ids() {
    std::map<std::string, std::string> found;
    const auto summary = installation_.must_summarize({"keys", "list"});
    for (const auto& opener : *MUST(summary.array_of("openers"))) {
      const auto place = opener.text("place");
      found[place ? *place : ""] = MUST(opener.text("id"));
    }
    return found;
  }
  uint64_t number(const Json& json, const std::string& name) { return MUST(json.unsigned_integer(name)); }
  std::string day() const { return TimeZone::utc().day_of(SystemClock().now()); }

  RealServer server_;
  Installation installation_;
};

TEST_F(Keys, AKeyFileIsChangedWithoutTouchingData) {
  const auto before = installation_.must_summarize({"keys", "list"});
  EXPECT_EQ(number(before, "closed"), 0u);
  EXPECT_THAT(MUST(before.text("verdict")), HasSubstr("opens here and has a wrap of every configured key"));
  const auto old_key = installation_.key_file();
  const auto new_key = beside("new.key");
  make_key_file(new_key);
  installation_.reconfigure(key_line(old_key), key_line(old_key) + key_line(new_key));
  EXPECT_THAT(installation_.must_run({"keys", "list"}), HasSubstr("CANNOT open"));
  EXPECT_THAT(installation_.must_run({"keys", "kit"}), HasSubstr("OPENS ONLY 0 of"));
  const auto early = installation_.run({"keys", "kit", "--with-secret"});
  EXPECT_EQ(early.exit_status, 4) << early.out << early.err;
  EXPECT_THAT(early.err, HasSubstr("key file " + new_key));
  EXPECT_THAT(early.err, HasSubstr("does not open"));
  EXPECT_THAT(early.err, HasSubstr("keys rewrap"));

  const auto packs = server_.run(
      {"/bin/sh", "-c",
       "cd " + installation_.repository_path() + " && find . -path '*/packs/*' -printf '%p %i %T@\\n' | sort"});
  const auto added = installation_.must_summarize({"keys", "rewrap"});
  EXPECT_EQ(number(added, "added_total"), number(added, "keys"));
  EXPECT_GE(number(added, "keys"), 4u);
  EXPECT_EQ(number(installation_.must_summarize({"keys", "rewrap"}), "added_total"), 0u);
  EXPECT_THAT(installation_.must_run({"keys", "rewrap"}), HasSubstr("nothing to do"));

  const auto names = ids();
  const auto both = installation_.must_run({"keys", "kit", "--with-secret"});
  EXPECT_THAT(both, HasSubstr("key id: " + names.at(old_key)));
  EXPECT_THAT(both, HasSubstr("key id: " + names.at(new_key)));
  EXPECT_THAT(both, HasSubstr("import-kit --output " + new_key));
  EXPECT_EQ(installation_.run({"keys", "rewrap", "--retire", names.at(old_key)}).exit_status, 4)
      << "it is still configured";
  installation_.reconfigure(key_line(old_key), "");
  MUST(remove_tree(old_key));
  const auto retired = installation_.must_summarize({"keys", "rewrap", "--retire", names.at(old_key)});
  EXPECT_EQ(number(retired, "retired"), number(added, "keys"));
  EXPECT_EQ(ids(), (std::map<std::string, std::string>{{new_key, names.at(new_key)}}));
  EXPECT_EQ(server_.run({"/bin/sh", "-c",
                         "cd " + installation_.repository_path() +
                             " && find . -path '*/packs/*' -printf '%p %i %T@\\n' | sort"}),
            packs);
  EXPECT_THAT(installation_.must_run({"verify", "full", day()}), HasSubstr(" 0 finding(s)"));
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "--latest", "--target", beside("restored")});
}

TEST_F(Keys, AfterALossTheEscrowKeyLetsANewKeyFileIn) {
  server_.run({"/usr/bin/openssl", "genpkey", "-algorithm", "X25519", "-out", beside("private.pem")});
  server_.run({"/bin/chmod", "600", beside("private.pem")});
  server_.run({"/usr/bin/openssl", "pkey", "-in", beside("private.pem"), "-pubout", "-out", beside("escrow.pem")});
  const auto line = key_line(installation_.key_file());
  installation_.reconfigure(line, line + "    - { type: escrow, public_key: " + beside("escrow.pem") + " }\n");
  const auto listed = installation_.must_run({"keys", "list"});
  EXPECT_THAT(listed, HasSubstr("(X25519)"));
  EXPECT_THAT(listed, HasSubstr("run spendsync-backup keys rewrap"));
  installation_.must_run({"keys", "rewrap"});
  EXPECT_THAT(installation_.must_run({"keys", "list"}), HasSubstr("its private half opens everything"));

  MUST(remove_tree(installation_.key_file()));
  make_key_file(installation_.key_file());  // another key in its place
  const auto closed = installation_.run({"list"});
  EXPECT_EQ(closed.exit_status, 1) << closed.err;
  EXPECT_THAT(closed.err, HasSubstr("none of the configured keys opens it"));
  EXPECT_THAT(closed.err, HasSubstr("[SSB-1201]"));
  const auto let_in = installation_.must_summarize({"keys", "rewrap", "--escrow-key", beside("private.pem")});
  EXPECT_EQ(number(let_in, "added_total"), number(let_in, "keys"));
  installation_.must_run({"backup", "transaction_logs"});
  EXPECT_THAT(installation_.must_run({"list"}), HasSubstr("-transaction_logs"));
}

TEST_F(Keys, ErrorsHaveACodeThatIsExplained) {
  const auto none = installation_.run({"--json", "verify", "full", "19990101"});
  EXPECT_EQ(none.exit_status, 5);
  EXPECT_THAT(none.out, HasSubstr("\"code\":\"SSB-1503\""));
  EXPECT_THAT(installation_.run({"restore", "point_in_time", "19990101"}).err, HasSubstr("[SSB-1501]"));
  EXPECT_THAT(installation_.run({"nonsense"}).err, HasSubstr("[SSB-1020]"));
  EXPECT_THAT(installation_.must_run({"explain", "SSB-1503"}), HasSubstr("there is no such backup"));
  EXPECT_THAT(installation_.must_run({"explain"}), HasSubstr("SSB-1401  WAL is missing"));
  EXPECT_EQ(installation_.run({"explain", "SSB-4711"}).exit_status, 5);
  EXPECT_EQ(installation_.run({"completion", "tcsh"}).exit_status, 2);
  EXPECT_THAT(installation_.must_run({"completion", "bash"}), HasSubstr("complete -F _spendsync_backup"));
  EXPECT_THAT(installation_.must_run({"man", "keys", "rewrap"}), HasSubstr(".TH \"SPENDSYNC"));
  EXPECT_EQ(installation_.run({"man", "keys", "nonsense"}).exit_status, 2);
}

/// What is to be typed according to the page: its last section.
std::string commands_of(const std::string& page) {
  const std::string heading = "On a bare machine, as root\n--------------------------\n";
  const auto begin = page.find(heading);
  EXPECT_NE(begin, std::string::npos) << page;
  return begin == std::string::npos ? "" : page.substr(begin + heading.size());
}

TEST_F(Keys, FromThePrintedKitAloneTheDatabaseComesBack) {
  installation_.must_run({"backup", "transaction_logs"});
  const auto plain = installation_.must_run({"keys", "kit"});
  EXPECT_THAT(plain, HasSubstr("It holds no secret"));
  EXPECT_THAT(plain, HasSubstr(installation_.repository_path()));
  EXPECT_THAT(plain, HasSubstr("key-file " + ids().at(installation_.key_file())));
  EXPECT_THAT(plain, Not(HasSubstr("key 1:")));
  const auto key = MUST(read_file(installation_.key_file()));
  EXPECT_THAT(plain, Not(HasSubstr(to_hex(key).substr(0, 8))));

  const auto kit = beside("kit.txt");
  installation_.must_run({"keys", "kit", "--with-secret", "--output", kit});
  EXPECT_EQ(server_.run({"/usr/bin/stat", "-c", "%a", kit}), "600\n");
  EXPECT_EQ(installation_.run({"keys", "kit", "--output", kit}).exit_status, 4) << "nothing is written over";
  const auto html = installation_.must_run({"keys", "kit", "--html"});
  for (const char* reference : {"http:", "https:", "src=", "href=", "url(", "@import"}) {
    EXPECT_THAT(html, Not(HasSubstr(reference)));
  }
  EXPECT_THAT(html, HasSubstr("@page{size:A4"));

  server_.stop("immediate");
  MUST(remove_tree(server_.data_directory()));
  MUST(remove_tree(installation_.key_file()));
  MUST(remove_tree(installation_.config_file()));
  const auto page = MUST(read_text_file(kit));
  const auto typed = beside("typed");
  server_.run({"/bin/sh", "-c", fmt::format("grep -E '^ *key ([1-4]|id):' {} > {}", kit, typed)});
  const auto script = beside("type.sh");
  MUST(replace_file(script, as_bytes(commands_of(page)), 0644));
  if (geteuid() != 0) GTEST_SKIP() << "the commands are for root";
  Command as_root;
  as_root.arguments = {
      "/bin/sh", "-c",
      fmt::format("PATH={}:$PATH; export PATH; exec /bin/sh -eu {} < {}", installation_.directory(), script, typed)};
  as_root.working_directory = "/";
  const auto ran = MUST(run_command(as_root, {}, std::chrono::seconds(240)));
  ASSERT_EQ(ran.exit_status, 0) << page << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("-full"));
  EXPECT_EQ(MUST(read_file(installation_.key_file())), key);
  EXPECT_EQ(server_.run({"/usr/bin/stat", "-c", "%a %U", installation_.key_file()}), "600 postgres\n");
  EXPECT_EQ(server_.psql("select count(*) from t"), "1000") << "the restored server answers in the place of the lost";
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-D", beside("restored") + "/data"});
}

}  // namespace
}  // namespace spendsync::testing
