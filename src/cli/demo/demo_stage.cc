#include <fmt/format.h>

#include "base/secret.h"
#include "cli/demo/demo.h"
#include "postgres/installation.h"

namespace spendsync::cli {
namespace {

constexpr std::chrono::seconds kCommandTimeout{300};
constexpr std::chrono::seconds kStartTimeout{60};
constexpr int kNewestMajor = 18;
constexpr int kOldestMajor = 13;

/// The last line that a command printed with --json.
Result<Json> last_event(const std::string& output) {
  const auto end = output.find_last_not_of('\n');
  if (end == std::string::npos) return Error(ErrorKind::internal, "the command printed no summary");
  const auto before = output.rfind('\n', end);
  const auto begin = before == std::string::npos ? 0 : before + 1;
  return Json::parse(output.substr(begin, end - begin + 1));
}

Error error_of(const CommandOutput& output, const std::string& words) {
  auto summary = last_event(output.out);
  std::string cause = output.err.empty() ? "no message" : output.err;
  if (summary) {
    if (const auto* error = summary->find("error")) cause = error->text("message").value_or(cause);
  }
  return Error(ErrorKind::internal, fmt::format("`{}` exited with {}: {}", words, output.exit_status, cause));
}

}  // namespace

Result<std::unique_ptr<DemoStage>> DemoStage::build(Settings settings, const Clock&, RandomSource& random,
                                                    std::stop_token stop) {
  std::unique_ptr<DemoStage> stage(new DemoStage(std::move(settings)));
  stage->data_directory_ = stage->directory() + "/production";
  TRY(stage->find_postgres());
  TRY(stage->write_configuration(random));
  postgres::NewClusterSettings cluster{.bin_directory = stage->bin_directory_,
                                       .data_directory = stage->data_directory_};
  TRY(postgres::create_cluster(cluster, stop));
  TRY(make_directories(stage->directory() + "/socket", 0700));
  auto server = TRY(stage->start(stage->data_directory_, stage->directory() + "/socket", stop));
  stage->server_ = std::make_unique<postgres::ServerProcess>(std::move(server));
  return stage;
}

Result<void> DemoStage::find_postgres() {
  for (int major = kNewestMajor; major >= kOldestMajor; --major) {
    auto found = postgres::find_bin_directory(major, "");
    if (!found) continue;
    bin_directory_ = std::move(*found);
    major_version_ = major;
    return {};
  }
  return Error(ErrorKind::refused, "no PostgreSQL server (13 to 18) is installed on this host")
      .with_hint("on Debian: apt-get install postgresql-15, or run ./quickstart.sh");
}

Result<void> DemoStage::write_configuration(RandomSource& random) const {
  Bytes key(32);
  random.fill(key);
  auto written = replace_file(directory() + "/repository.key", key, 0600);
  wipe(key);
  TRY(std::move(written));
  TRY(make_directories(directory() + "/etc/keys", 0700));
  TRY(replace_file(directory() + "/etc/application.conf", as_bytes("listen = 127.0.0.1:8080\n"), 0640));
  TRY(replace_file(directory() + "/etc/keys/api.key", as_bytes("demo-only, no real key\n"), 0600));
  const std::string text = fmt::format(R"(version: 1
cluster: demo
database:
  connection: "host={0}/socket port=5432 user=postgres dbname=postgres"
  data_directory: {0}/production
  bin_directory: {1}
files:
  - {{ name: configuration, paths: [{0}/etc] }}
  - {{ name: api_keys, paths: [{0}/etc/keys] }}
storage:
  primary: {{ type: directory, path: {0}/repository }}
encryption:
  keys:
    - {{ type: key-file, path: {0}/repository.key }}
restore: {{ target_directory: {0}/restored }}
state_directory: {0}/state
)",
                                       directory(), bin_directory_);
  return replace_file(directory() + "/backup-config.yml", as_bytes(text), 0600);
}

Result<postgres::ServerProcess> DemoStage::start(const std::string& data_directory, const std::string& socket_directory,
                                                 std::stop_token stop) const {
  postgres::ServerProcess::Settings settings;
  settings.bin_directory = bin_directory_;
  settings.data_directory = data_directory;
  settings.socket_directory = socket_directory;
  settings.log_file = data_directory + ".log";
  auto server = TRY(postgres::ServerProcess::start(std::move(settings)));
  TRY(server.wait_until_ready(kStartTimeout, stop));
  return server;
}

Result<postgres::ServerProcess> DemoStage::start_restored(const std::string& data_directory,
                                                          std::stop_token stop) const {
  const std::string socket_directory = directory() + "/socket2";
  TRY(make_directories(socket_directory, 0700));
  return start(data_directory, socket_directory, stop);
}

Result<postgres::Connection> DemoStage::connect() const {
  postgres::Connection::Settings settings;
  settings.connection_string = connection_string();
  return postgres::Connection::open(std::move(settings));
}

Result<Json> DemoStage::command(std::vector<std::string> arguments, std::stop_token stop) const {
  const std::string words = shown(arguments);
  arguments.insert(arguments.begin(), {settings_.program, "--config", directory() + "/backup-config.yml", "--json"});
  Command command;
  command.arguments = std::move(arguments);
  const auto output = TRY(run_command(command, stop, kCommandTimeout));
  if (output.exit_status != 0) return error_of(output, words);
  return last_event(output.out);
}

std::string DemoStage::shown(const std::vector<std::string>& arguments) {
  std::string text = "spendsync-backup";
  for (const auto& argument : arguments) {
    text += argument.find(' ') == std::string::npos ? " " + argument : " \"" + argument + "\"";
  }
  return text;
}

Result<void> DemoStage::lose_data_directory() {
  TRY(server_->stop(postgres::ServerProcess::StopMode::immediate, kStartTimeout));
  server_.reset();
  return remove_tree(data_directory_);
}

}  // namespace spendsync::cli
