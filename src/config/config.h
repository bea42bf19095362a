// backup-config.yml as plain structs. What each key means, its default and its limits are in
// docs/operations/configuration.md, which is generated from the same table as the parser (config/table.cc). The
// defaults here are the table's; a test compares.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "config/cron.h"

namespace spendsync::config {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Days = std::chrono::duration<int64_t, std::ratio<86400>>;

struct Database {
  std::string connection =
      "host=/var/run/postgresql port=5432 user=postgres dbname=postgres";  // libpq; never a password
  std::string slot = "spendsync_backup_spendsync";  // default: spendsync_backup_<cluster>, '-' written as '_'
  std::optional<std::string> data_directory;        // default: asked of the server
  std::optional<std::string> bin_directory;         // PostgreSQL's programs; default: found
};

/// Captured files: restored under the set's name.
struct FileSet {
  std::string name;
  std::vector<std::string> paths;  // absolute, as written, without a trailing slash
};

struct KeptSchedule {
  CronExpression cron;
  seconds retention;
};

struct TransactionLogSchedule {
  CronExpression cron = CronExpression::literal("0 */4 * * *");
  seconds retention = hours(48);
  bool streaming = true;
  seconds streaming_flush = seconds(5);
};

struct DrTestSchedule {
  CronExpression cron = CronExpression::literal("0 4 1 * *");
  std::vector<std::string> scenarios = {"system"};
};

struct Schedules {
  TimeZone timezone = TimeZone::utc();
  KeptSchedule full{CronExpression::literal("0 0 * * 0"), Days(28)};
  KeptSchedule incremental{CronExpression::literal("0 0 * * 1-6"), Days(7)};
  TransactionLogSchedule transaction_logs;
  CronExpression verify = CronExpression::literal("0 3 * * 6");
  DrTestSchedule dr_test;
  CronExpression review = CronExpression::literal("0 9 1 */3 *");
};

/// Where AWS credentials come from. Nothing set: the usual AWS chain.
struct AwsCredentials {
  std::optional<std::string> profile;
  std::optional<std::string> role_arn;
  std::optional<std::string> web_identity_token_file;
  std::optional<std::string> access_key_file;  // an AWS shared-credentials file, mode 0600
};

struct ObjectLock {
  seconds full = Days(28);
  seconds incremental = Days(7);
  seconds transaction_logs = Days(2);
};

struct DirectoryTarget {
  std::string path;
};

struct S3Target {
  std::string bucket;
  std::string region;
  std::string prefix;                       // without slashes at its ends; empty: the bucket's root
  std::optional<std::string> endpoint;      // plain http:// on loopback only
  std::optional<std::string> sts_endpoint;  // the same
  bool path_style = false;
  std::optional<std::string> ca_file;
  seconds request_timeout = seconds(30);
  uint64_t minimum_throughput_bytes_per_second = 64 * 1024;
  std::string storage_class = "STANDARD";
  std::optional<ObjectLock> object_lock;
  std::optional<std::string> sse_kms_key_id;
  AwsCredentials credentials;
};

using StorageTarget = std::variant<DirectoryTarget, S3Target>;

enum class Acknowledge { any, primary, both };

struct Storage {
  StorageTarget primary;
  std::optional<StorageTarget> secondary;
  Acknowledge acknowledge = Acknowledge::any;
  std::optional<uint64_t> capacity_bytes;
  uint64_t upload_limit_bytes_per_second = 0;  // 0: no limit
};

struct AwsKmsKey {
  std::string region;
  std::string key_id;
  std::optional<std::string> endpoint;
  std::optional<std::string> ca_file;
  AwsCredentials credentials;
};

struct KeyFile {
  std::string path;  // 32 random bytes, mode 0600
};

/// Can seal, cannot open.
struct EscrowKey {
  std::string public_key_path;
};

using EncryptionKey = std::variant<AwsKmsKey, KeyFile, EscrowKey>;

struct Encryption {
  std::vector<EncryptionKey> keys;  // at least one that can open
};

enum class FindChanges { scan, wal };

struct Incremental {
  FindChanges find_changes = FindChanges::scan;
};

struct Expire {
  bool automatic = true;
  int deletion_cap_percent = 25;
};

enum class Codec { none, zstd };

struct Compression {
  Codec codec = Codec::zstd;
  int level = 1;
};

struct ListenAddress {
  std::string host = "127.0.0.1";  // an IP address without brackets, or "localhost"
  uint16_t port = 9091;
  bool operator==(const ListenAddress&) const = default;
};

struct Thresholds {
  seconds backup_duration = hours(2);
  int storage_usage_percent = 85;
};

enum class Outcome { failure, success };
enum class HeartbeatJob { full, incremental, transaction_logs, backup, verify, dr_test };

struct Webhook {
  std::string url_file;
  std::vector<Outcome> on;
};

struct Slack {
  std::string url_file;
  std::vector<Outcome> on;
};

struct Email {
  std::string smtp;  // smtp:// or smtps:// URL, possibly with a user, never with a password
  std::string from;
  std::vector<std::string> to;
  std::optional<std::string> password_file;
  std::vector<Outcome> on;
};

struct Heartbeat {
  std::string url_file;
  std::vector<HeartbeatJob> jobs;
};

using Notification = std::variant<Webhook, Slack, Email, Heartbeat>;

struct Monitoring {
  ListenAddress listen;
  std::optional<std::string> textfile;
  Thresholds thresholds;
  std::optional<std::string> console_token_file;
  std::vector<Notification> notifications;
};

struct Objectives {
  seconds rto = hours(4);
  seconds rpo = hours(4);
};

struct Restore {
  std::string target_directory = "/var/lib/spendsync/restore";
};

struct SandboxLimits {
  std::optional<uint64_t> memory_bytes;
  std::optional<int> cpus;
  std::optional<uint64_t> disk_bytes;
};

struct SqlCheck {
  std::string statement;
};
struct HttpCheck {
  std::string url;
};
struct CommandCheck {
  std::vector<std::string> arguments;  // the first is an absolute path
};

struct HealthCheck {
  std::string name;
  std::variant<SqlCheck, HttpCheck, CommandCheck> check;
};

struct Application {
  std::vector<std::string> start;   // a command with its arguments; empty: not configured
  std::optional<std::string> user;  // the account it runs as
  std::vector<HealthCheck> health_checks = {{"database answers", SqlCheck{"select 1"}}};
};

struct DrTests {
  std::string report_directory = "/var/log/spendsync/dr-tests";
  std::optional<std::string> scenario_directory;
  std::string work_directory = "/var/lib/spendsync/restore";       // default: restore.target_directory
  std::optional<std::string> signing_key;                          // Ed25519, made on first use
  std::string runbook = "/var/log/spendsync/dr-tests/RUNBOOK.md";  // default: RUNBOOK.md in report_directory
  SandboxLimits limits;
  Application application;
};

struct Contacts {
  std::string database_administrator;
  std::string system_administrator;
  std::string cloud_infrastructure_team;
};

/// A valid configuration. Made by config/load.h; one made by hand still needs storage.primary and encryption.keys.
struct Config {
  std::string cluster = "spendsync";  // a folder name: lower-case letters, digits, - and _, at most 63
  Database database;
  std::vector<FileSet> files;
  Schedules schedules;
  Storage storage;
  Encryption encryption;
  Incremental incremental;
  Expire expire;
  Compression compression;
  std::optional<int> workers;  // empty: one a core
  Monitoring monitoring;
  Objectives objectives;
  Restore restore;
  std::string state_directory = "/var/lib/spendsync/state";
  DrTests dr_tests;
  Contacts contacts;
};

}  // namespace spendsync::config
