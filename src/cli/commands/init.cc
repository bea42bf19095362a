// spendsync-backup init
#include "cli/commands/init.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "base/exit_code.h"
#include "base/file.h"
#include "base/process_identity.h"
#include "cli/commands/commands.h"
#include "cli/commands/init_choices.h"
#include "cli/process.h"
#include "cli/screen/check_screen.h"
#include "config/find.h"
#include "config/load.h"
#include "jobs/check.h"
#include "postgres/debian_clusters.h"

namespace spendsync::cli {
namespace {

struct InitOptions {
  bool yes = false;
  bool new_repository = false;            // alone: forget the repository that this host has seen
  bool accept_rollback = false;           // alone: what is there counts as what this host has seen
  std::optional<std::string> cluster;     // "15/main", or a data directory
  std::optional<std::string> connection;  // libpq
  std::optional<std::string> repository;
  std::optional<std::string> output;
  std::optional<std::string> key;
  std::optional<std::string> base;
};

using postgres::DebianCluster;

constexpr size_t kKeyBytes = 32;
const char* const kSystemBase = "/var/lib/spendsync";

/// Asks on a terminal; without one, or with --yes, takes what is proposed.
class Questions {
 public:
  Questions(const InitOptions& options, const Output& output)
      : asks_(!options.yes && !output.json() && ::isatty(STDIN_FILENO) == 1) {}
  bool asks() const { return asks_; }
  struct Question {
    std::string text;
    std::string proposal;
  };
  std::string ask(const Question& question) const {
    if (!asks_) return question.proposal;
    std::fputs(fmt::format("{} [{}]: ", question.text, question.proposal).c_str(), stdout);
    std::fflush(stdout);
    std::string answer;
    if (!std::getline(std::cin, answer) || answer.empty()) return question.proposal;
    return answer;
  }

 private:
  bool asks_;
};

/// The cluster to be backed up, and who owns it.
struct Source {
  std::string title;  // "15/main", or the data directory
  std::string data_directory;
  std::string connection;
  std::string configuration_directory;  // empty: inside the data directory
  std::string name;
  UserIdentity owner;
};

std::string listed(const std::vector<DebianCluster>& clusters) {
  std::string text;
  for (const auto& cluster : clusters) text += (text.empty() ? "" : ", ") + cluster.title();
  return text;
}

Result<Source> source_of(const DebianCluster& cluster) {
  Source source;
  source.title = cluster.title();
  source.data_directory = cluster.data_directory;
  source.configuration_directory = cluster.config_directory;
  source.name = cluster_name_from(cluster.name);
  source.owner = TRY(find_user(cluster.owner));
  source.connection =
      connection_string_of({.directory = cluster.socket_directory, .port = cluster.port, .user = source.owner.name});
  return source;
}

Result<Source> source_of_directory(const std::string& path) {
  struct stat status {};
  if (::stat((path + "/PG_VERSION").c_str(), &status) != 0) {
    return Error::from_errno(errno, path + " is no data directory that can be read here")
        .with_hint("run init as root or as the owner of the data directory")
        .with_exit_code(kRefused);
  }
  Source source;
  source.title = source.data_directory = path;
  source.name = cluster_name_from(path.substr(path.rfind('/') + 1));
  source.owner = TRY(find_user(status.st_uid));
  auto address = address_of_running_server(path);
  if (address) {
    address->user = source.owner.name;
    source.connection = connection_string_of(*address);
  } else if (address.error().is(ErrorKind::not_found)) {
    source.connection = connection_string_of({.directory = "/var/run/postgresql", .user = source.owner.name});
  } else {
    return std::move(address).error();
  }
  return source;
}

Result<Source> find_source(const InitOptions& options, const Questions& questions, std::stop_token stop) {
  if (options.cluster && options.cluster->starts_with("/")) return source_of_directory(*options.cluster);
  const auto clusters = TRY(postgres::find_debian_clusters(stop));
  std::string wanted = options.cluster.value_or("");
  if (wanted.empty() && clusters.size() == 1) wanted = clusters.front().title();
  if (wanted.empty() && questions.asks()) {
    wanted = clusters.empty()
                 ? questions.ask({"Data directory of the cluster", "/var/lib/postgresql/data"})
                 : questions.ask({"Which cluster? There are " + listed(clusters), clusters.front().title()});
  }
  if (wanted.starts_with("/")) return source_of_directory(wanted);
  for (const auto& cluster : clusters) {
    if (cluster.title() == wanted) return source_of(cluster);
  }
  if (clusters.empty()) {
    return Error(ErrorKind::refused, "pg_lsclusters knows no cluster on this host")
        .with_hint("name the data directory: init --cluster /path/to/data");
  }
  return Error(ErrorKind::refused, wanted.empty() ? "there are several clusters: " + listed(clusters)
                                                  : "there is no cluster " + wanted + "; there are " + listed(clusters))
      .with_hint("choose one: init --cluster " + clusters.front().title());
}

/// The owner of the data directory, or root, who becomes it.
Result<void> expect_owner(const Source& source) {
  if (running_as_root() || ::geteuid() == source.owner.uid) return ok();
  return Error(ErrorKind::refused, "the cluster belongs to " + source.owner.name)
      .with_hint("run it as root or as that user: sudo -u " + source.owner.name + " spendsync-backup init");
}

bool may_write_below(const std::string& path) {
  std::string at = path;
  while (at.size() > 1 && !exists(at)) at = at.substr(0, std::max<size_t>(1, at.rfind('/')));
  return ::access(at.c_str(), W_OK | X_OK) == 0;
}

Result<std::string> absolute(const std::string& path) {
  if (path.starts_with("/")) return path;
  char directory[4096];
  if (::getcwd(directory, sizeof directory) == nullptr) return Error::from_errno(errno, "the working directory");
  return std::string(directory) + "/" + path;
}

std::string directory_of(const std::string& path) { return path.substr(0, std::max<size_t>(1, path.rfind('/'))); }

struct Plan {
  InitChoices choices;
  std::string output;
  bool key_exists = false;
};

Result<Plan> make_plan(const InitOptions& options, const Source& source, const Questions& questions) {
  Plan plan;
  const bool system_wide = may_write_below(kSystemBase);
  plan.choices.base_directory =
      TRY(absolute(options.base.value_or(system_wide ? kSystemBase : source.owner.home + "/spendsync")));
  plan.output = TRY(absolute(options.output.value_or(may_write_below(config::kInstalledConfig)
                                                         ? std::string(config::kInstalledConfig)
                                                         : plan.choices.base_directory + "/backup-config.yml")));
  if (exists(plan.output)) {
    return Error(ErrorKind::refused, plan.output + " exists already; nothing was changed")
        .with_hint("edit it, then: spendsync-backup config validate; or write another: init --output FILE");
  }
  plan.choices.name = source.name;
  plan.choices.data_directory = source.data_directory;
  plan.choices.connection = options.connection.value_or(source.connection);
  const std::string backups = plan.choices.base_directory + "/backups";
  const std::string key = directory_of(plan.output) + "/repository.key";
  plan.choices.repository =
      options.repository ? *options.repository : questions.ask({"Where should backups go? A directory", backups});
  plan.choices.key_file = options.key ? *options.key : questions.ask({"Which key file? It is made if missing", key});
  plan.choices.repository = TRY(absolute(plan.choices.repository));
  plan.choices.key_file = TRY(absolute(plan.choices.key_file));
  plan.key_exists = exists(plan.choices.key_file);
  const auto& outside = source.configuration_directory;
  if (!outside.empty() && exists(outside) && !outside.starts_with(source.data_directory + "/") &&
      outside != source.data_directory) {
    plan.choices.configuration_paths.push_back(outside);
  }
  return plan;
}

void show(const Output& output, const Source& source, const Plan& plan) {
  const std::string mode = running_as_root() ? "0640 root:" + source.owner.name : "0600 " + source.owner.name;
  output.line(fmt::format("PostgreSQL cluster {} of {}, {}", source.title, source.owner.name, source.data_directory));
  output.line("I write:");
  output.line(fmt::format("  {}  ({})", plan.output, mode));
  output.line(plan.key_exists ? fmt::format("  nothing to {}: the key that is there is used", plan.choices.key_file)
                              : fmt::format("  {}  (0600 {}), a new key", plan.choices.key_file, source.owner.name));
  output.line("On the server I change nothing. The first backup makes the replication slot spendsync_backup_" +
              plan.choices.name + ", which keeps WAL there until it is stored; `slot drop` removes it.");
}

/// Made for this program alone; what exists stays as it is.
Result<void> make_directory_for(const std::string& path, const UserIdentity& owner) {
  if (exists(path)) return ok();
  TRY(make_directories(directory_of(path), 0755));
  if (::mkdir(path.c_str(), 0700) != 0) return Error::from_errno(errno, "making the directory " + path);
  if (!running_as_root()) return ok();
  if (::chown(path.c_str(), 0, owner.gid) != 0 || ::chmod(path.c_str(), 0750) != 0) {
    return Error::from_errno(errno, "giving the directory " + path + " to the group of " + owner.name);
  }
  return ok();
}

/// A file that did not exist before.
struct NewFile {
  std::string path;
  uid_t owner = 0;
  gid_t group = 0;
  mode_t mode = 0600;
};

Result<void> create_file(const NewFile& file, ByteView content) {
  auto fd = TRY(open_file(file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto fill = [&]() -> Result<void> {
    if (running_as_root() && ::fchown(fd.get(), file.owner, file.group) != 0) {
      return Error::from_errno(errno, "setting the owner of " + file.path);
    }
    if (::fchmod(fd.get(), file.mode) != 0) return Error::from_errno(errno, "setting the mode of " + file.path);
    TRY(write_all(fd, content, file.path));
    TRY(sync_file(fd, file.path));
    return sync_directory(directory_of(file.path));
  };
  auto filled = fill();
  if (!filled) ::unlink(file.path.c_str());  // ours since a moment, and useless
  return filled;
}

Result<void> write_key(const Plan& plan, const Source& source, RandomSource& random) {
  if (plan.key_exists) return ok();
  TRY(make_directory_for(directory_of(plan.choices.key_file), source.owner));
  Secret key;
  static_assert(Secret::kSize == kKeyBytes);
  random.fill(key.mutable_view());
  return create_file({.path = plan.choices.key_file, .owner = source.owner.uid, .group = source.owner.gid}, key.view());
}

Result<void> write_configuration(const Plan& plan, const Source& source) {
  const std::string text = render_configuration(plan.choices);
  auto valid = config::parse(text, plan.output);
  if (!valid) return std::move(valid).error().with_context("what would be written is not valid");
  TRY(make_directory_for(directory_of(plan.output), source.owner));
  const mode_t mode = running_as_root() ? 0640 : 0600;
  return create_file({.path = plan.output, .owner = 0, .group = source.owner.gid, .mode = mode}, as_bytes(text));
}

void warn_about_key(const Output& output, const std::string& key_file) {
  output.line("");
  output.line("STORE THE KEY ELSEWHERE, NOW: " + key_file);
  output.line("  Every backup is sealed with it. When it is lost, with this disk or by mistake, every backup is lost:");
  output.line(
      "  nobody can open them, not you, not us. Whoever has it can read them. In a password manager or on paper:");
  output.line("    base64 " + key_file + "      # 44 characters; back: base64 -d");
}

std::string program_call(const Plan& plan) {
  return plan.output == config::kInstalledConfig ? "spendsync-backup" : "spendsync-backup --config " + plan.output;
}

void show_next(const Output& output, const Plan& plan, int code) {
  output.line("");
  output.line(code == kDone ? "Next:" : "Next, when the problems above are mended:");
  output.line("  " + program_call(plan) + " backup full");
  output.line("  " + program_call(plan) + " backup transaction_logs    # every few hours, from cron or a timer");
  output.line("  " + program_call(plan) + " status");
}

Json to_json(const Plan& plan, const Source& source, const health::CheckReport& report) {
  Json json;
  json.set("cluster", plan.choices.name).set("source", source.title).set("configuration", plan.output);
  json.set("key_file", plan.choices.key_file).set("key_created", !plan.key_exists);
  return json.set("repository", plan.choices.repository).set("check", cli::to_json(report));
}

Result<int> run_init(const Process& process, const InitOptions& options) {
  if (options.new_repository) return run_new_repository(process);
  if (options.accept_rollback) return run_accept_rollback(process);
  const Questions questions(options, process.output);
  if (!questions.asks() && !options.yes) {
    return Error(ErrorKind::invalid, "init has questions, but there is no terminal to ask them on")
        .with_hint("init --yes takes what is proposed; --cluster, --repository, --key and --output say otherwise");
  }
  const auto source = TRY(find_source(options, questions, process.stop));
  TRY(expect_owner(source));
  const auto plan = TRY(make_plan(options, source, questions));
  show(process.output, source, plan);
  if (process.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
  TRY(write_key(plan, source, process.random));
  auto written = write_configuration(plan, source);
  if (!written) {
    if (!plan.key_exists) ::unlink(plan.choices.key_file.c_str());  // nothing was sealed with it
    return std::move(written).error();
  }
  if (!plan.key_exists) warn_about_key(process.output, plan.choices.key_file);

  jobs::Sources sources = process.sources();
  sources.configuration = plan.output;
  const auto report = TRY(jobs::check(process, sources));
  process.output.line("");
  for (const auto& line : to_lines(report, true)) process.output.line(line);
  const int code = report.exit_code();
  show_next(process.output, plan, code);
  process.output.summary("init", to_json(plan, source, report), code);
  return code;
}

}  // namespace

CommandEntry init_command() {
  auto o = std::make_shared<InitOptions>();
  const std::vector<std::string> others{"--yes",    "--cluster", "--connection", "--repository",
                                        "--output", "--base",    "--key"};
  auto options = std::vector<Option>{
      flag("--yes", o->yes, "ask nothing: take what is proposed"),
      option("--cluster", "NAME", o->cluster, "as pg_lsclusters names it (15/main), or a data directory"),
      option("--connection", "STRING", o->connection, "libpq string (default: the cluster's Unix socket)"),
      option("--repository", "DIR", o->repository, "where backups go"),
      option("--output", "FILE", o->output, "the configuration to write; never overwritten"),
      option("--base", "DIR", o->base, "holds state/ and restore/ (default: /var/lib/spendsync)"),
      option("--key", "FILE", o->key, "the key file: used if it is there, else made"),
      flag("--new-repository", o->new_repository,
           "with the configuration that is there: forget the repository that this host has seen, so that the next "
           "backup may make a new one")
          .excludes(others),
      flag("--accept-rollback", o->accept_rollback,
           "with the configuration that is there: take the repository as it is, although it went back behind what this "
           "host has seen")
          .excludes(others)
          .excludes({"--new-repository"})};
  return {.name = "init",
          .description = "write a configuration and a key for a cluster of this host, then check",
          .options = std::move(options),
          .examples = {{"init", "asks where backups go, writes, and says what is to be mended"},
                       {"init --yes --cluster 15/main --repository /mnt/backups", "asks nothing"}},
          .run = [o](const Process& process) { return run_init(process, *o); }};
}

}  // namespace spendsync::cli
