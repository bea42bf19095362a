#include "jobs/check.h"

#include <fmt/format.h>

#include <cstdio>

#include "backup/server_check.h"
#include "base/condition.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "base/process_identity.h"
#include "config/find.h"
#include "health/check_backups.h"
#include "health/check_history.h"
#include "health/check_server.h"
#include "health/check_space.h"
#include "health/check_tablespaces.h"
#include "health/recovery_state.h"
#include "jobs/backup_plan.h"
#include "jobs/check_host.h"
#include "repository/remembered.h"

namespace spendsync::jobs {
namespace {

using Verdict = health::CheckVerdict;

/// One run of the command. Each step adds its items and never stops the next.
class Check {
 public:
  Check(const Context& context, const Sources& sources)
      : context_(context), sources_(sources), as_root_(running_as_root()) {}

  Result<health::CheckReport> run() {
    if (!check_configuration()) return std::move(report_);
    check_keys();
    check_store();
    check_connection();
    check_repository();
    check_server();
    check_files();
    check_space();
    check_backups();
    if (context_.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    return std::move(report_);
  }

 private:
  const config::Config& config() const { return found_.wiring->config(); }

  bool check_configuration() {
    auto examined = Wiring::examine(context_, sources_);
    if (!examined) {
      report_.add(health::problem_of("configuration", examined.error()));
      for (const char* name :
           {"keys", "repository", "server", "data_directory", "files.captured", "space", "backups"}) {
        report_.skip(name, "the configuration cannot be used");
      }
      return false;
    }
    found_ = *std::move(examined);
    report_.pass("configuration", found_.wiring->loaded().file + " is valid, and nobody else can change it");
    for (const auto& warning : found_.wiring->loaded().warnings) {
      report_.add({.name = "configuration",
                   .verdict = Verdict::warning,
                   .what = fmt::format("line {}: {}", warning.position.line, warning.message),
                   .fix = warning.suggestion});
    }
    return true;
  }

  void check_keys() {
    for (const auto& key : found_.keys) {
      if (key.failure) {
        report_.add(health::problem_of("keys.open", *key.failure));
      } else {
        report_.pass("keys.open", "the key of " + key.where + " opens, and nobody else can read it");
      }
    }
  }

  /// A repository that this host has seen is not there, or another one is in its place.
  std::optional<Error> find_misplacement() {
    const auto settings = found_.wiring->repository_settings();
    Result<void> placed = ok();
    if (!found_.store_failure) {
      placed = repository::check_place(settings, found_.wiring->collaborators());
    } else if (found_.store_failure->is(ErrorKind::not_found)) {
      placed = repository::expect_remembered(settings, std::nullopt, found_.wiring->place());
    }
    // What else may be refused is told of the cluster.
    if (placed || !placed.error().is(ErrorKind::refused)) return std::nullopt;
    if (placed.error().condition() == Condition::repository_object_missing) return std::nullopt;
    return placed.error();
  }

  void check_store() {
    if (auto misplacement = find_misplacement()) {
      misplaced_ = true;
      report_.add(health::problem_of("repository.reachable", *misplacement));
      report_.skip("repository.writable", "it is not the repository that this host has seen");
      return;
    }
    if (!found_.store_failure) {
      report_.pass("repository.reachable", found_.wiring->store().description() + " is there");
      report_.add(check_writable(found_.wiring->store(), context_.random));
      return;
    }
    const auto* directory = std::get_if<config::DirectoryTarget>(&config().storage.primary);
    if (!found_.store_failure->is(ErrorKind::not_found) || directory == nullptr) {
      report_.add(health::problem_of("repository.reachable", *found_.store_failure));
      report_.skip("repository.writable", "the repository cannot be reached");
      return;
    }
    report_.pass("repository.reachable", directory->path + " is not there yet; the first backup makes it");
    if (writable_free_bytes(directory->path, as_root_)) {
      report_.pass("repository.writable", directory->path + " can be made");
      return;
    }
    report_.add({.name = "repository.writable",
                 .verdict = Verdict::problem,
                 .what = directory->path + " cannot be made by this user",
                 .fix = fmt::format("sudo install -d -m 700 -o $(id -un) {}   # or run the first backup as root",
                                    directory->path),
                 .exit_code = kRefused});
  }

  void check_connection() {
    auto connection = postgres::Connection::open(found_.wiring->connection(), context_.stop);
    if (!connection) {
      report_.add(health::problem_of("server.reachable", connection.error()));
      return;
    }
    connection_ = *std::move(connection);
    auto info = postgres::read_server_info(*connection_);
    if (!info) {
      report_.add(health::problem_of("server.reachable", info.error()));
      return;
    }
    here_ = context_.clock.now();
    server_ = *std::move(info);
  }

  void check_repository() {
    if (misplaced_) {
      return report_.skip("repository.cluster", "it is not the repository that this host has seen");
    }
    absent_ = found_.store_failure && found_.store_failure->is(ErrorKind::not_found);
    if (absent_) return report_.pass("repository.cluster", "there is no repository yet; the first backup makes it");
    if (found_.store_failure) return report_.skip("repository.cluster", "the repository cannot be reached");
    if (found_.wiring->collaborators().wrappers.empty()) {
      return report_.skip("repository.cluster", "no configured key opens");
    }
    auto repository = found_.wiring->open_repository();
    absent_ = !repository && repository.error().is(ErrorKind::not_found);
    if (absent_) {
      return report_.pass("repository.cluster",
                          repository.error().message() + "; the first backup makes what is missing");
    }
    if (!repository) return report_.add(health::problem_of("repository.cluster", repository.error()));
    repository_ = *std::move(repository);
    report_.add(judge_cluster());
    auto state = health::read_recovery_state(*repository_, context_.stop);
    if (!state) return report_.add(health::problem_of("backups.records", state.error()));
    state_ = *std::move(state);
    check_record_keys();
  }

  health::CheckItem judge_cluster() const {
    const auto& identity = repository_->identity();
    health::CheckItem item{.name = "repository.cluster",
                           .what = fmt::format("cluster {}, system identifier {}", identity.cluster,
                                               identity.system_identifier.to_string())};
    if (!server_ || server_->system_identifier == identity.system_identifier) return item;
    item.verdict = Verdict::problem;
    item.what = fmt::format("the repository holds the server {}, but the connection leads to {}",
                            identity.system_identifier.to_string(), server_->system_identifier.to_string());
    item.fix =
        "correct database.connection; where the new server replaces the old one: spendsync-backup cluster adopt; else "
        "give it a `cluster` name of its own";
    item.exit_code = kRefused;
    return item;
  }

  void check_record_keys() {
    std::vector<repository::KeyRecord> keys;
    if (const auto* full = state_->newest_full()) keys = full->keys;
    if (const auto* log = state_->newest_log()) keys.insert(keys.end(), log->keys.begin(), log->keys.end());
    if (!keys.empty()) report_.add(check_newest_keys(*repository_, keys));
  }

  void check_server() {
    if (!server_) {
      for (const char* name : {"server.replication", "server.rights", "server.wal_level", "server.slot",
                               "server.archiver", "data_directory", "clock.server"}) {
        report_.skip(name, "the server cannot be asked");
      }
      return;
    }
    auto health = postgres::read_server_health(*connection_, context_.stop);
    if (!health) return report_.add(health::problem_of("server.settings", health.error()));
    health_ = *std::move(health);
    report_.pass("server.reachable", "PostgreSQL " + health_->version_text);
    check_replication();
    if (server_->in_recovery) check_standby();
    report_.add(check_data_directory(*server_));
    report_.add(health::judge_clock({.here = here_, .server = server_->now}));
    auto slot = postgres::find_slot(*connection_, config().database.slot);
    if (!slot) report_.add(health::problem_of("server.slot", slot.error()));
    health::ServerFacts facts{.info = *server_,
                              .health = *health_,
                              .slot_name = config().database.slot,
                              .slot = slot ? *slot : std::nullopt,
                              .pg_wal_free_bytes = pg_wal_free_bytes(),
                              .has_backups = state_ && !state_->inventory->backups.empty()};
    report_.add(health::judge_server(facts));
    bool same_server = repository_ && repository_->identity().system_identifier == server_->system_identifier;
    if (!same_server) return;
    report_.add(health::check_history(*repository_, *connection_, *server_, context_.stop));
    if (state_) report_.add(health::check_tablespaces(*connection_, *state_->inventory, context_.stop));
  }

  /// pg_hba.conf treats these connections by rules of their own.
  void check_replication() {
    auto settings = found_.wiring->connection();
    settings.replication = true;
    auto connection = postgres::Connection::open(settings, context_.stop);
    if (connection) return report_.pass("server.replication", "a replication connection is accepted");
    auto item = health::problem_of("server.replication", connection.error());
    item.exit_code = kRefused;  // the server was just reached: it refuses
    if (!health_->may_stream) {
      item.fix = "what server.rights says";
    } else if (connection.error().is(ErrorKind::denied)) {
      item.fix = fmt::format(
          "add to {}: local replication \"{}\" peer   # or the host line for this address; then in "
          "psql: SELECT pg_reload_conf();",
          server_->hba_file, health_->role);
    }
    report_.add(std::move(item));
  }

  void check_standby() {
    auto accepted = backup::check_server(*connection_, context_.stop);
    if (accepted) return report_.pass("server.standby", "the server is a standby; backups are accepted from it");
    report_.add(health::problem_of("server.standby", accepted.error()));
  }

  void check_files() {
    backup::CapturedFiles::Settings settings;
    for (const auto& set : config().files) settings.sets.push_back({set.name, set.paths});
    for (const auto& [path, why] : found_.wiring->own_files()) settings.left_out.push_back({path, why});
    report_.add(check_captured_files(settings, context_.stop));
  }

  std::optional<uint64_t> pg_wal_free_bytes() const {
    if (!server_) return std::nullopt;
    auto free = free_bytes(server_->data_directory + "/pg_wal");
    return free ? std::optional(*free) : std::nullopt;
  }

  void check_space() {
    health::SpaceFacts facts;
    facts.repository = repository_room();
    const bool has_state = !found_.wiring->state_directory().empty();
    facts.state.path = has_state ? found_.wiring->state_directory() : config().state_directory;
    facts.state.free_bytes = writable_free_bytes(facts.state.path, as_root_);
    facts.restore_target.path = config().restore.target_directory;
    facts.restore_target.free_bytes = writable_free_bytes(facts.restore_target.path, as_root_);
    if (auto free = pg_wal_free_bytes()) facts.pg_wal = health::Room{server_->data_directory + "/pg_wal", *free};
    const auto* full = state_ ? state_->newest_full() : nullptr;
    if (full != nullptr) facts.newest_stored_bytes = full->stored_bytes;
    if (full != nullptr) facts.database_bytes = full->source_bytes;
    if (health_) {
      facts.max_wal_size_bytes = health_->max_wal_size_bytes;
      if (health_->database_bytes) facts.database_bytes = health_->database_bytes;
    }
    report_.add(health::judge_space(facts));
  }

  health::Room repository_room() {
    health::Room room;
    if (!found_.store_failure) {
      room.path = found_.wiring->store().description();
      auto free = found_.wiring->store().free_space();
      if (free) room.free_bytes = *free;
    } else if (const auto* directory = std::get_if<config::DirectoryTarget>(&config().storage.primary)) {
      room.path = directory->path;
      room.free_bytes = writable_free_bytes(directory->path, as_root_);
    }
    return room;
  }

  void check_backups() {
    if (repository_ && !state_) return;  // told already
    if (!state_ && !absent_) return report_.skip("backups", "the repository cannot be opened");
    if (absent_) {
      state_.emplace();
      state_->inventory = std::make_unique<wal::BackupInventory>();
    }
    report_.add(
        health::judge_backups(health::backup_facts(*state_, backup_plan(config()), context_.clock.now(), server_)));
  }

  const Context& context_;
  const Sources& sources_;
  bool as_root_;
  health::CheckReport report_;
  Wiring::Examination found_;
  std::optional<postgres::Connection> connection_;
  std::optional<postgres::ServerInfo> server_;
  std::optional<postgres::ServerHealth> health_;
  bool misplaced_ = false;
  bool absent_ = false;  // the repository, or this cluster in it, is still to be made
  Timestamp here_;       // this host's clock when the server told its own
  std::unique_ptr<repository::Repository> repository_;
  std::optional<health::RecoveryState> state_;
};

}  // namespace

Result<health::CheckReport> check(const Context& context, const Sources& sources) {
  auto report = TRY(Check(context, sources).run());
  // The server runs archive_command in its data directory: the path must not depend on where this was called.
  if (sources.configuration && sources.configuration != config::kInstalledConfig) {
    report.call_with(TRY(absolute_path(*sources.configuration)));
  }
  return report;
}

}  // namespace spendsync::jobs
