#include "integration/installation.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{240};

void give_to_server_user(const std::string& path) {
  if (geteuid() != 0) return;
  const passwd* user = getpwnam("postgres");
  ASSERT_TRUE(user != nullptr && chown(path.c_str(), user->pw_uid, user->pw_gid) == 0) << path;
}

void require_success(const CommandOutput& output, const std::vector<std::string>& arguments) {
  if (output.exit_status == 0) return;
  std::string words;
  for (const auto& argument : arguments) words += " " + argument;
  ADD_FAILURE() << "spendsync-backup" << words << " exited with " << output.exit_status << "\n"
                << output.out << output.err;
  std::abort();
}

}  // namespace

Installation::Installation(const RealServer& server)
    : server_(server), directory_(server.make_directory("ssb")), program_(directory_ + "/spendsync-backup") {
  // The build may lie where the server's user cannot go.
  MUST(run_checked(Command{{"cp", SSB_PROGRAM, program_}, {}, {}, {}}, {}, kTimeout));
  EXPECT_EQ(chmod(program_.c_str(), 0755), 0);
  Bytes key(32);
  SystemRandom().fill(key);
  write_file(key_file(), std::string(as_text(key)), 0600);
  config_file_ = directory_ + "/backup-config.yml";
  config_ = fmt::format(R"(version: 1
cluster: test
database:
  connection: "{}"
  data_directory: {}
  bin_directory: {}
storage:
  primary: {{ type: directory, path: {} }}
encryption:
  keys:
    - {{ type: key-file, path: {} }}
restore: {{ target_directory: {}/restored }}
state_directory: {}
)",
                        server.connection_string(), server.data_directory(), server.bin_directory(), repository_path(),
                        key_file(), directory_, state_path());
  configure("");
}

void Installation::configure(const std::string& yaml) {
  config_ += yaml;
  MUST(replace_file(config_file_, as_bytes(config_), 0640));
  if (geteuid() != 0) return;
  // Root trusts only a configuration of its own; the server's user must be able to read it.
  const passwd* user = getpwnam("postgres");
  EXPECT_TRUE(user != nullptr && chown(config_file_.c_str(), 0, user->pw_gid) == 0) << config_file_;
}

void Installation::reconfigure(const std::string& before, const std::string& now) {
  const auto at = config_.find(before);
  ASSERT_NE(at, std::string::npos) << before << " is not in\n" << config_;
  config_.replace(at, before.size(), now);
  configure("");
}

void Installation::replace_configuration(const std::string& yaml) {
  config_ = yaml;
  configure("");
}

void Installation::write_file(const std::string& path, const std::string& content, mode_t mode) const {
  MUST(replace_file(path, as_bytes(content), mode));
  give_to_server_user(path);
}

Command Installation::command(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {program_, "--config", config_file_});
  return server_.command(std::move(arguments));
}

CommandOutput Installation::run(std::vector<std::string> arguments) const {
  return MUST(run_command(command(std::move(arguments)), {}, kTimeout));
}

CommandOutput Installation::run_as_caller(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {program_, "--config", config_file_});
  Command plain;
  plain.arguments = std::move(arguments);
  return MUST(run_command(plain, {}, kTimeout));
}

CommandOutput Installation::script(const std::string& name, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), std::string(SSB_SOURCE_DIRECTORY) + "/" + name);
  Command plain;
  plain.arguments = std::move(arguments);
  plain.environment = {{"SPENDSYNC_BACKUP", program_}, {"SPENDSYNC_BACKUP_CONFIG", config_file_}};
  plain.working_directory = "/";
  return MUST(run_command(plain, {}, kTimeout));
}

std::string Installation::must_run(std::vector<std::string> arguments) const {
  auto output = run(arguments);
  require_success(output, arguments);
  return output.out;
}

Json Installation::must_summarize(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "--json");
  auto text = must_run(std::move(arguments));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return MUST(Json::parse(text.substr(text.rfind('\n') + 1)));
}

std::string source_directory() { return SSB_SOURCE_DIRECTORY; }

std::string now_text() {
  auto text = format_utc(SystemClock().now());  // "2026-01-01T00:00:00.000000Z"
  text.replace(text.find('T'), 1, " ");
  text.replace(text.find('Z'), 1, "+00");
  return text;
}

}  // namespace spendsync::testing
