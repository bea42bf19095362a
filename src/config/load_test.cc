#include "config/load.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"
#include "config/file_access.h"
#include "config/value.h"

namespace spendsync::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kMinimal =
    "version: 1\n"
    "storage: { primary: { type: directory, path: /srv/backups } }\n"
    "encryption: { keys: [{ type: key-file, path: /srv/repository.key }] }\n"
    "files: []\n";

std::string minimal(std::string_view rest) { return std::string(kMinimal) + std::string(rest); }

/// The text of every finding, one a line.
std::string findings(std::string_view text) {
  std::string result;
  for (const Diagnostic& diagnostic : inspect(text, "f").diagnostics) result += diagnostic.to_string() + "\n";
  return result;
}

TEST(Sample, IsValidWithoutWarnings) {
  const Bytes sample = MUST(read_file(SSB_SOURCE_ROOT "/backup-config.yml"));
  const Inspection inspection = inspect(as_text(sample), "backup-config.yml");
  for (const Diagnostic& diagnostic : inspection.diagnostics) ADD_FAILURE() << diagnostic.to_string();
  ASSERT_TRUE(inspection.loaded.has_value());
  const Config& config = inspection.loaded->config;
  EXPECT_EQ(std::get<DirectoryTarget>(config.storage.primary).path, "/var/lib/spendsync/backups");
  ASSERT_EQ(config.encryption.keys.size(), 1u);
  EXPECT_EQ(std::get<KeyFile>(config.encryption.keys[0]).path, "/etc/spendsync/backup/repository.key");
  ASSERT_EQ(config.files.size(), 3u);
  EXPECT_EQ(config.files[0].name, "configuration");
  EXPECT_THAT(config.files[0].paths, ElementsAre("/etc/spendsync", "/etc/postgresql"));
}

/// The specification's table of backups, word for word in numbers.
TEST(Sample, KeepsTheScheduleOfTheProcedures) {
  const Bytes sample = MUST(read_file(SSB_SOURCE_ROOT "/backup-config.yml"));
  const Schedules schedules = MUST(parse(as_text(sample), "f")).config.schedules;
  EXPECT_EQ(schedules.full.cron, CronExpression::literal("0 0 * * sun"));
  EXPECT_EQ(schedules.full.retention, Days(28));
  EXPECT_EQ(schedules.incremental.cron, CronExpression::literal("0 0 * * mon-sat"));
  EXPECT_EQ(schedules.incremental.retention, Days(7));
  EXPECT_EQ(schedules.transaction_logs.cron.longest_gap(), hours(4));
  EXPECT_EQ(schedules.transaction_logs.retention, hours(48));
}

TEST(Defaults, OfTheTableAreThoseOfTheStructs) {
  const LoadedConfig loaded = MUST(parse(kMinimal, "f"));
  EXPECT_TRUE(loaded.warnings.empty());
  const Config& table = loaded.config;
  const Config structs;
  EXPECT_EQ(table.cluster, structs.cluster);
  EXPECT_EQ(table.database.connection, structs.database.connection);
  EXPECT_EQ(table.database.slot, structs.database.slot);
  EXPECT_EQ(table.database.data_directory, structs.database.data_directory);
  EXPECT_EQ(table.database.bin_directory, structs.database.bin_directory);
  EXPECT_EQ(table.schedules.timezone.name(), structs.schedules.timezone.name());
  EXPECT_EQ(table.schedules.full.cron, structs.schedules.full.cron);
  EXPECT_EQ(table.schedules.full.retention, structs.schedules.full.retention);
  EXPECT_EQ(table.schedules.incremental.cron, structs.schedules.incremental.cron);
  EXPECT_EQ(table.schedules.incremental.retention, structs.schedules.incremental.retention);
  EXPECT_EQ(table.schedules.transaction_logs.cron, structs.schedules.transaction_logs.cron);
  EXPECT_EQ(table.schedules.transaction_logs.retention, structs.schedules.transaction_logs.retention);
  EXPECT_EQ(table.schedules.transaction_logs.streaming, structs.schedules.transaction_logs.streaming);
  EXPECT_EQ(table.schedules.transaction_logs.streaming_flush, structs.schedules.transaction_logs.streaming_flush);
  EXPECT_EQ(table.schedules.verify, structs.schedules.verify);
  EXPECT_EQ(table.schedules.dr_test.cron, structs.schedules.dr_test.cron);
  EXPECT_EQ(table.schedules.dr_test.scenarios, structs.schedules.dr_test.scenarios);
  EXPECT_EQ(table.schedules.review, structs.schedules.review);
  EXPECT_EQ(table.storage.secondary.has_value(), structs.storage.secondary.has_value());
  EXPECT_EQ(table.storage.acknowledge, structs.storage.acknowledge);
  EXPECT_EQ(table.storage.capacity_bytes, structs.storage.capacity_bytes);
  EXPECT_EQ(table.storage.upload_limit_bytes_per_second, structs.storage.upload_limit_bytes_per_second);
  EXPECT_EQ(table.incremental.find_changes, structs.incremental.find_changes);
  EXPECT_EQ(table.expire.automatic, structs.expire.automatic);
  EXPECT_EQ(table.expire.deletion_cap_percent, structs.expire.deletion_cap_percent);
  EXPECT_EQ(table.compression.codec, structs.compression.codec);
  EXPECT_EQ(table.compression.level, structs.compression.level);
  EXPECT_EQ(table.workers, structs.workers);
  EXPECT_EQ(table.monitoring.listen, structs.monitoring.listen);
  EXPECT_EQ(table.monitoring.textfile, structs.monitoring.textfile);
  EXPECT_EQ(table.monitoring.thresholds.backup_duration, structs.monitoring.thresholds.backup_duration);
  EXPECT_EQ(table.monitoring.thresholds.storage_usage_percent, structs.monitoring.thresholds.storage_usage_percent);
  EXPECT_EQ(table.monitoring.console_token_file, structs.monitoring.console_token_file);
  EXPECT_TRUE(table.monitoring.notifications.empty());
  EXPECT_EQ(table.objectives.rto, structs.objectives.rto);
  EXPECT_EQ(table.objectives.rpo, structs.objectives.rpo);
  EXPECT_EQ(table.restore.target_directory, structs.restore.target_directory);
  EXPECT_EQ(table.state_directory, structs.state_directory);
  EXPECT_EQ(table.dr_tests.report_directory, structs.dr_tests.report_directory);
  EXPECT_EQ(table.dr_tests.work_directory, structs.dr_tests.work_directory);
  EXPECT_EQ(table.dr_tests.runbook, structs.dr_tests.runbook);
  EXPECT_EQ(table.dr_tests.signing_key, structs.dr_tests.signing_key);
  EXPECT_EQ(table.dr_tests.limits.memory_bytes, structs.dr_tests.limits.memory_bytes);
  ASSERT_EQ(table.dr_tests.application.health_checks.size(), 1u);
  EXPECT_EQ(table.dr_tests.application.health_checks[0].name, structs.dr_tests.application.health_checks[0].name);
  EXPECT_EQ(std::get<SqlCheck>(table.dr_tests.application.health_checks[0].check).statement, "select 1");
  EXPECT_EQ(table.contacts.database_administrator, structs.contacts.database_administrator);
}

TEST(Defaults, OfAnS3TargetAreThoseOfTheStruct) {
  const auto loaded =
      MUST(parse("version: 1\nfiles: []\n"
                 "storage: { primary: { type: s3, bucket: abc, region: us-west-2, object_lock: {} } }\n"
                 "encryption: { keys: [{ type: key-file, path: /srv/k }] }\n",
                 "f"));
  const auto& s3 = std::get<S3Target>(loaded.config.storage.primary);
  const S3Target structs;
  EXPECT_EQ(s3.prefix, structs.prefix);
  EXPECT_EQ(s3.endpoint, structs.endpoint);
  EXPECT_EQ(s3.path_style, structs.path_style);
  EXPECT_EQ(s3.request_timeout, structs.request_timeout);
  EXPECT_EQ(s3.minimum_throughput_bytes_per_second, structs.minimum_throughput_bytes_per_second);
  EXPECT_EQ(s3.storage_class, structs.storage_class);
  ASSERT_TRUE(s3.object_lock.has_value());
  EXPECT_EQ(s3.object_lock->full, ObjectLock().full);
  EXPECT_EQ(s3.object_lock->incremental, ObjectLock().incremental);
  EXPECT_EQ(s3.object_lock->transaction_logs, ObjectLock().transaction_logs);
  EXPECT_FALSE(s3.credentials.profile.has_value());
}

TEST(Defaults, FollowOtherKeys) {
  const Config config = MUST(parse(minimal("cluster: prod-eu\nrestore: { target_directory: /data/restore }\n"
                                           "dr_tests: { report_directory: /data/reports }\n"),
                                   "f"))
                            .config;
  EXPECT_EQ(config.database.slot, "spendsync_backup_prod_eu");
  EXPECT_EQ(config.dr_tests.work_directory, "/data/restore");
  EXPECT_EQ(config.dr_tests.runbook, "/data/reports/RUNBOOK.md");
}

constexpr std::string_view kEveryKey = R"(version: 1
cluster: c1
database: { connection: "service=prod", slot: s1, data_directory: /data, bin_directory: /bin15 }
files: [{ name: a.b, paths: [/etc/a/] }]
schedules:
  timezone: Europe/Berlin
  full: { cron: "1 2 3 * *", retention: 90 days }
  incremental: { cron: "5 * * * *", retention: 3 days }
  transaction_logs: { cron: "*/10 * * * *", retention: 5 days, streaming: false, streaming_flush: 1 minute }
  verify: { cron: "0 3 * * *" }
  dr_test: { cron: "0 4 2 * *", scenarios: [database, my-own] }
  review: { cron: "0 9 2 1 *" }
storage:
  primary:
    type: s3
    bucket: bucket-a
    region: eu-central-1
    prefix: backups/prod/
    endpoint: "http://127.0.0.1:9000"
    sts_endpoint: "https://sts.example.com"
    path_style: true
    ca_file: /no/ca.pem
    request_timeout: 1 minute
    minimum_throughput: 1 MiB
    storage_class: STANDARD_IA
    object_lock: { full: 30 days, incremental: 2 days, transaction_logs: 1 day }
    sse_kms_key_id: alias/s3
    credentials: { access_key_file: /no/keys, profile: prod }
  secondary: { type: directory, path: /mnt/nas }
  acknowledge: both
  capacity: 1 TB
  upload_limit: 100 MiB
encryption:
  keys:
    - { type: aws-kms, region: us-east-1, key_id: alias/k, endpoint: "https://kms.example.com", ca_file: /no/ca.pem,
        credentials: { role_arn: "arn:aws:iam::123456789012:role/backup", web_identity_token_file: /no/token } }
    - { type: key-file, path: /no/repository.key }
    - { type: escrow, public_key: /no/escrow.pem }
incremental: { find_changes: wal }
expire: { automatic: false, deletion_cap: 10% }
compression: { codec: zstd, level: -5 }
workers: 12
monitoring:
  listen: "[::1]:9100"
  textfile: /no/spendsync.prom
  thresholds: { backup_duration: 30 minutes, storage_usage_percent: 70 }
  console_token_file: /no/token
  notifications:
    - { type: webhook, url_file: /no/webhook, on: [failure, success] }
    - { type: slack, url_file: /no/slack }
    - { type: email, smtp: "smtp://u@mail", from: a@b.c, to: [d@e.f], password_file: /no/password, on: [success] }
    - { type: heartbeat, url_file: /no/heartbeat, for: [backup, dr_test] }
objectives: { rto: 2 hours, rpo: 15 minutes }
restore: { target_directory: /r }
state_directory: /s
dr_tests:
  report_directory: /rep
  scenario_directory: /scen
  work_directory: /work-dir
  signing_key: /no/signing.key
  runbook: /rep/book.md
  limits: { memory: 2 GiB, cpus: 3, disk: 20 GiB }
  application:
    start: [/bin/app, "8080"]
    user: app
    health_checks:
      - { name: q, sql: "select 2" }
      - { name: h, http: "http://127.0.0.1:8080/healthz?x=1" }
      - { name: c, command: [/bin/check, -v] }
contacts: { database_administrator: Ann, system_administrator: "Bob", cloud_infrastructure_team: Cy }
)";

TEST(EveryKey, ReachesDatabaseFilesAndSchedules) {
  auto loaded = parse(kEveryKey, "f");
  ASSERT_OK(loaded);
  const Config& config = loaded->config;
  EXPECT_EQ(config.cluster, "c1");
  EXPECT_EQ(config.database.connection, "service=prod");
  EXPECT_EQ(config.database.slot, "s1");
  EXPECT_EQ(config.database.data_directory, "/data");
  EXPECT_EQ(config.database.bin_directory, "/bin15");
  ASSERT_EQ(config.files.size(), 1u);
  EXPECT_EQ(config.files[0].name, "a.b");
  EXPECT_THAT(config.files[0].paths, ElementsAre("/etc/a"));
  EXPECT_EQ(config.schedules.timezone.name(), "Europe/Berlin");
  EXPECT_EQ(config.schedules.full.cron, CronExpression::literal("1 2 3 * *"));
  EXPECT_EQ(config.schedules.full.retention, Days(90));
  EXPECT_EQ(config.schedules.incremental.cron, CronExpression::literal("5 * * * *"));
  EXPECT_EQ(config.schedules.incremental.retention, Days(3));
  EXPECT_EQ(config.schedules.transaction_logs.cron, CronExpression::literal("*/10 * * * *"));
  EXPECT_EQ(config.schedules.transaction_logs.retention, Days(5));
  EXPECT_FALSE(config.schedules.transaction_logs.streaming);
  EXPECT_EQ(config.schedules.transaction_logs.streaming_flush, minutes(1));
  EXPECT_EQ(config.schedules.verify, CronExpression::literal("0 3 * * *"));
  EXPECT_EQ(config.schedules.dr_test.cron, CronExpression::literal("0 4 2 * *"));
  EXPECT_THAT(config.schedules.dr_test.scenarios, ElementsAre("database", "my-own"));
  EXPECT_EQ(config.schedules.review, CronExpression::literal("0 9 2 1 *"));
}

TEST(EveryKey, ReachesStorage) {
  const Storage storage = MUST(parse(kEveryKey, "f")).config.storage;
  const auto& s3 = std::get<S3Target>(storage.primary);
  EXPECT_EQ(s3.bucket, "bucket-a");
  EXPECT_EQ(s3.region, "eu-central-1");
  EXPECT_EQ(s3.prefix, "backups/prod");
  EXPECT_EQ(s3.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(s3.sts_endpoint, "https://sts.example.com");
  EXPECT_TRUE(s3.path_style);
  EXPECT_EQ(s3.ca_file, "/no/ca.pem");
  EXPECT_EQ(s3.request_timeout, minutes(1));
  EXPECT_EQ(s3.minimum_throughput_bytes_per_second, 1u << 20);
  EXPECT_EQ(s3.storage_class, "STANDARD_IA");
  EXPECT_EQ(s3.object_lock->full, Days(30));
  EXPECT_EQ(s3.object_lock->incremental, Days(2));
  EXPECT_EQ(s3.object_lock->transaction_logs, Days(1));
  EXPECT_EQ(s3.sse_kms_key_id, "alias/s3");
  EXPECT_EQ(s3.credentials.access_key_file, "/no/keys");
  EXPECT_EQ(s3.credentials.profile, "prod");
  EXPECT_EQ(std::get<DirectoryTarget>(*storage.secondary).path, "/mnt/nas");
  EXPECT_EQ(storage.acknowledge, Acknowledge::both);
  EXPECT_EQ(storage.capacity_bytes, 1'000'000'000'000u);
  EXPECT_EQ(storage.upload_limit_bytes_per_second, 100u << 20);
}

TEST(EveryKey, ReachesKeysAndHowBackupsAreMade) {
  const Config config = MUST(parse(kEveryKey, "f")).config;
  ASSERT_EQ(config.encryption.keys.size(), 3u);
  const auto& kms = std::get<AwsKmsKey>(config.encryption.keys[0]);
  EXPECT_EQ(kms.region, "us-east-1");
  EXPECT_EQ(kms.key_id, "alias/k");
  EXPECT_EQ(kms.endpoint, "https://kms.example.com");
  EXPECT_EQ(kms.ca_file, "/no/ca.pem");
  EXPECT_EQ(kms.credentials.role_arn, "arn:aws:iam::123456789012:role/backup");
  EXPECT_EQ(kms.credentials.web_identity_token_file, "/no/token");
  EXPECT_EQ(std::get<KeyFile>(config.encryption.keys[1]).path, "/no/repository.key");
  EXPECT_EQ(std::get<EscrowKey>(config.encryption.keys[2]).public_key_path, "/no/escrow.pem");
  EXPECT_EQ(config.incremental.find_changes, FindChanges::wal);
  EXPECT_FALSE(config.expire.automatic);
  EXPECT_EQ(config.expire.deletion_cap_percent, 10);
  EXPECT_EQ(config.compression.codec, Codec::zstd);
  EXPECT_EQ(config.compression.level, -5);
  EXPECT_EQ(config.workers, 12);
}

TEST(EveryKey, ReachesMonitoringAndNotifications) {
  const Config config = MUST(parse(kEveryKey, "f")).config;
  const Monitoring& monitoring = config.monitoring;
  EXPECT_EQ(monitoring.listen, (ListenAddress{"::1", 9100}));
  EXPECT_EQ(monitoring.textfile, "/no/spendsync.prom");
  EXPECT_EQ(monitoring.thresholds.backup_duration, minutes(30));
  EXPECT_EQ(monitoring.thresholds.storage_usage_percent, 70);
  EXPECT_EQ(monitoring.console_token_file, "/no/token");
  ASSERT_EQ(monitoring.notifications.size(), 4u);
  EXPECT_THAT(std::get<Webhook>(monitoring.notifications[0]).on, ElementsAre(Outcome::failure, Outcome::success));
  EXPECT_EQ(std::get<Slack>(monitoring.notifications[1]).url_file, "/no/slack");
  EXPECT_THAT(std::get<Slack>(monitoring.notifications[1]).on, ElementsAre(Outcome::failure));
  const auto& email = std::get<Email>(monitoring.notifications[2]);
  EXPECT_EQ(email.smtp, "smtp://u@mail");
  EXPECT_EQ(email.from, "a@b.c");
  EXPECT_THAT(email.to, ElementsAre("d@e.f"));
  EXPECT_EQ(email.password_file, "/no/password");
  EXPECT_THAT(email.on, ElementsAre(Outcome::success));
  EXPECT_THAT(std::get<Heartbeat>(monitoring.notifications[3]).jobs,
              ElementsAre(HeartbeatJob::backup, HeartbeatJob::dr_test));
  EXPECT_EQ(config.objectives.rto, hours(2));
  EXPECT_EQ(config.objectives.rpo, minutes(15));
}

TEST(EveryKey, ReachesRestoreDrTestsAndContacts) {
  const Config config = MUST(parse(kEveryKey, "f")).config;
  EXPECT_EQ(config.restore.target_directory, "/r");
  EXPECT_EQ(config.state_directory, "/s");
  const DrTests& tests = config.dr_tests;
  EXPECT_EQ(tests.report_directory, "/rep");
  EXPECT_EQ(tests.scenario_directory, "/scen");
  EXPECT_EQ(tests.work_directory, "/work-dir");
  EXPECT_EQ(tests.signing_key, "/no/signing.key");
  EXPECT_EQ(tests.runbook, "/rep/book.md");
  EXPECT_EQ(tests.limits.memory_bytes, uint64_t{2} << 30);
  EXPECT_EQ(tests.limits.cpus, 3);
  EXPECT_EQ(tests.limits.disk_bytes, uint64_t{20} << 30);
  EXPECT_THAT(tests.application.start, ElementsAre("/bin/app", "8080"));
  EXPECT_EQ(tests.application.user, "app");
  ASSERT_EQ(tests.application.health_checks.size(), 3u);
  EXPECT_EQ(std::get<SqlCheck>(tests.application.health_checks[0].check).statement, "select 2");
  EXPECT_EQ(std::get<HttpCheck>(tests.application.health_checks[1].check).url, "http://127.0.0.1:8080/healthz?x=1");
  EXPECT_THAT(std::get<CommandCheck>(tests.application.health_checks[2].check).arguments,
              ElementsAre("/bin/check", "-v"));
  EXPECT_EQ(config.contacts.database_administrator, "Ann");
  EXPECT_EQ(config.contacts.system_administrator, "Bob");
  EXPECT_EQ(config.contacts.cloud_infrastructure_team, "Cy");
}

TEST(Parse, TellsTheFirstErrorAndHowManyMore) {
  auto one = parse(minimal("cluster: Prod\n"), "b.yml");
  EXPECT_KIND(one, ErrorKind::invalid);
  EXPECT_EQ(one.error().message(), "b.yml:5:10: 'cluster': 'Prod' begins with 'P'");
  EXPECT_EQ(one.error().hint(), "lower-case letters, digits, - and _, at most 63");
  EXPECT_EQ(one.error().exit_code(), 2);
  auto two = parse(minimal("cluster: Prod\nworkers: x\n"), "b.yml");
  EXPECT_KIND(two, ErrorKind::invalid);
  EXPECT_THAT(two.error().hint(), HasSubstr("there is 1 more: `config validate` lists all"));
}

TEST(Parse, GivesWarningsWithTheConfiguration) {
  const LoadedConfig loaded = MUST(parse(minimal("schedules: { full: { retention: 7 days } }\n"), "f"));
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0].severity, Severity::warning);
  EXPECT_EQ(loaded.warnings[0].message, "full every 7 d with retention 7 d leaves 0-1 recoverable fulls");
}

class ConfigFiles : public testing::Test {
 protected:
  std::string make(const std::string& name, std::string_view text, mode_t mode) {
    const std::string path = directory_.path() + "/" + name;
    MUST(replace_file(path, as_bytes(text), 0600));
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string with_key(const std::string& key) const {
    return "version: 1\nfiles: []\nstorage: { primary: { type: directory, path: /srv/backups } }\n"
           "encryption:\n  keys:\n    - { type: key-file, path: " +
           key + " }\n";
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "config-files-"));
};

TEST_F(ConfigFiles, LoadsAFileThatOnlyItsOwnerCanWrite) {
  for (mode_t mode : {0400u, 0600u, 0640u, 0644u}) {
    auto loaded = load(make("c.yml", kMinimal, mode));
    ASSERT_OK(loaded);
    EXPECT_EQ(loaded->file, directory_.path() + "/c.yml");
  }
}

TEST_F(ConfigFiles, RefusesAFileThatOthersCanWrite) {
  for (mode_t mode : {0620u, 0602u, 0666u}) {
    auto loaded = load(make("c.yml", kMinimal, mode));
    EXPECT_KIND(loaded, ErrorKind::refused);
    EXPECT_THAT(loaded.error().message(), HasSubstr("can be written by group or others"));
    EXPECT_EQ(loaded.error().hint(), "chmod go-w " + directory_.path() + "/c.yml");
    EXPECT_EQ(loaded.error().exit_code(), 2);
  }
}

TEST_F(ConfigFiles, RefusesWhatIsNoFile) {
  EXPECT_KIND(load(directory_.path()), ErrorKind::refused);
  const std::string fifo = directory_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_KIND(load(fifo), ErrorKind::refused);
  auto missing = load(directory_.path() + "/missing.yml");
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_EQ(missing.error().exit_code(), 2);
}

TEST_F(ConfigFiles, RefusesAFileThatIsTooLarge) {
  std::string text(kMinimal);
  text.append(kMaximumConfigBytes, '#');
  auto loaded = load(make("c.yml", text, 0600));
  EXPECT_KIND(loaded, ErrorKind::invalid);
  EXPECT_THAT(loaded.error().message(), HasSubstr("has more than 1048576 bytes"));
}

TEST_F(ConfigFiles, BelongToRootOrTheRunningUser) {
  struct stat status {};
  status.st_mode = S_IFREG | 0600;
  status.st_uid = 1234;
  EXPECT_OK(check_config_file(status, "c.yml", {1234}));
  EXPECT_KIND(check_config_file(status, "c.yml", {1235}), ErrorKind::refused);
  EXPECT_KIND(check_config_file(status, "c.yml", {0}), ErrorKind::refused);  // root obeys no other user's file
  status.st_uid = 0;
  EXPECT_OK(check_config_file(status, "c.yml", {1234}));
}

TEST_F(ConfigFiles, RefuseSecretsThatOthersCanRead) {
  for (mode_t mode : {0600u, 0400u}) EXPECT_EQ(findings(with_key(make("key", "x", mode))), "");
  for (mode_t mode : {0640u, 0604u, 0620u, 0700u, 0000u}) {
    const std::string key = make("key", "x", mode);
    const std::string expected = "f:6:31: error: secret file '" + key + "' has mode ";
    EXPECT_THAT(findings(with_key(key)), testing::StartsWith(expected)) << mode;
    EXPECT_THAT(findings(with_key(key)), HasSubstr("chmod 600 " + key));
  }
}

TEST_F(ConfigFiles, RefuseSecretsThatAreNoFiles) {
  EXPECT_THAT(findings(with_key(directory_.path())), HasSubstr("is not a regular file"));
}

TEST_F(ConfigFiles, DoNotNeedSecretsToExist) { EXPECT_EQ(findings(with_key(directory_.path() + "/missing")), ""); }

TEST_F(ConfigFiles, EverySecretKeyIsLookedAt) {
  const std::string open = make("open", "x", 0644);
  const std::string text = minimal(
      "monitoring:\n  console_token_file: " + open + "\n  notifications:\n    - { type: webhook, url_file: " + open +
      " }\n    - { type: email, smtp: \"smtps://mail\", from: a@b.c, to: [a@b.c], password_file: " + open +
      " }\ndr_tests: { signing_key: " + open + " }\n");
  const auto diagnostics = inspect(text, "f").diagnostics;
  std::vector<int> lines;
  for (const Diagnostic& diagnostic : diagnostics) lines.push_back(diagnostic.position.line);
  EXPECT_THAT(lines, ElementsAre(6, 8, 9, 10));
  const std::string s3 =
      "version: 1\nfiles: []\nstorage:\n  primary:\n    type: s3\n    bucket: abc\n    region: us-west-2\n"
      "    credentials: { access_key_file: " +
      open + " }\nencryption: { keys: [{ type: key-file, path: /srv/k }] }\n";
  EXPECT_THAT(findings(s3), testing::StartsWith("f:8:37: error: secret file"));
}

TEST_F(ConfigFiles, CertificatesMayBeReadButNotWrittenByOthers) {
  const auto with_escrow = [&](const std::string& pem) {
    return "version: 1\nfiles: []\nstorage: { primary: { type: directory, path: /srv/backups } }\n"
           "encryption:\n  keys:\n    - { type: key-file, path: /srv/k }\n    - { type: escrow, public_key: " +
           pem + " }\n";
  };
  EXPECT_EQ(findings(with_escrow(make("pem", "x", 0644))), "");
  EXPECT_THAT(findings(with_escrow(make("pem", "x", 0664))), HasSubstr("f:7:35: error: file"));
}

/// Who owns a secret is judged for a given user, so that the test means the same for every user that runs it.
TEST_F(ConfigFiles, SecretsBelongToRootOrTheRunningUserOrWhomRootDropsTo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs to give files to other users";
  const std::string key = make("key", "x", 0600);
  const std::string data = directory_.path() + "/data";
  MUST(make_directories(data, 0700));
  ASSERT_EQ(chown(data.c_str(), 4321, 4321), 0);
  const LoadedConfig plain = MUST(parse(with_key(key), "f"));
  const LoadedConfig with_data = MUST(parse(with_key(key) + "database: { data_directory: " + data + " }\n", "f"));
  const auto refused = [](const LoadedConfig& loaded, uid_t user) {
    Findings found("f");
    check_named_files(*loaded.values, loaded.config, {user}, found);
    return found.has_errors();
  };
  EXPECT_FALSE(refused(plain, 1234)) << "a file of root";
  ASSERT_EQ(chown(key.c_str(), 4321, 4321), 0);
  EXPECT_FALSE(refused(plain, 4321)) << "one's own file";
  EXPECT_TRUE(refused(plain, 1234));
  EXPECT_TRUE(refused(plain, 0));
  EXPECT_FALSE(refused(with_data, 0)) << "root drops to the owner of the data directory";
  EXPECT_TRUE(refused(with_data, 1234)) << "others do not";
}

}  // namespace
}  // namespace spendsync::config
