#include "config/table.h"

#include <algorithm>

namespace spendsync::config {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kCentury = 36500 * kDay;  // longer is a slip of the pen
constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

constexpr auto kRequired = Presence::required;
constexpr auto kDefaulted = Presence::defaulted;
constexpr auto kOptional = Presence::optional;

// ---- scalar types -------------------------------------------------------------------------------------------------

Type simple(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Type text(TextRule rule) {
  Type type;
  type.kind = Kind::text;
  type.text = rule;
  return type;
}

Type bounded(Kind kind, int64_t lowest, int64_t highest) {
  Type type;
  type.kind = kind;
  type.lowest = lowest;
  type.highest = highest;
  return type;
}

Type choice(std::vector<std::string_view> choices) {
  Type type;
  type.kind = Kind::choice;
  type.choices = std::move(choices);
  return type;
}

Type file(FileRule rule) {
  Type type;
  type.kind = Kind::path;
  type.file = rule;
  return type;
}

Type url(UrlRule rule) {
  Type type;
  type.kind = Kind::url;
  type.url = std::move(rule);
  return type;
}

Type list_of(const Type& element, size_t fewest, bool unique) {
  Type type;
  type.kind = Kind::list;
  type.element = &element;
  type.fewest = fewest;
  type.unique = unique;
  return type;
}

Type section(const Section& fields) {
  Type type;
  type.kind = Kind::section;
  type.section = &fields;
  return type;
}

Type variant(std::vector<const Section*> variants) {
  Type type;
  type.kind = Kind::variant;
  type.variants = std::move(variants);
  return type;
}

/// Every scalar type that the sections below use, by name.
struct Scalars {
  Type cluster = text({"a-z0-9", "a-z0-9_-", 1, 63, "lower-case letters, digits, - and _, at most 63"});
  Type folder = text({"A-Za-z0-9", "A-Za-z0-9_.-", 1, 63, "letters, digits, -, _ and ., at most 63"});
  Type slot = text({"a-z0-9_", "a-z0-9_", 1, 63, "lower-case letters, digits and _, at most 63"});
  Type account = text({"a-z_", "a-z0-9_-", 1, 32, "an account's name"});
  Type bucket = text({"a-z0-9", "a-z0-9.-", 3, 63, "3 to 63 lower-case letters, digits, - and ."});
  Type region = text({"a-z", "a-z0-9-", 1, 32, "a region's name, for example us-west-2"});
  Type prefix = text({"A-Za-z0-9", "A-Za-z0-9/_.-", 1, 512, "letters, digits, /, -, _ and ., not beginning with /"});
  Type arn = text({"a", "A-Za-z0-9:/_.+=,@-", 20, 2048, "an ARN, for example arn:aws:iam::123456789012:role/backup"});
  Type kms_key = text({"A-Za-z0-9", "A-Za-z0-9:/_-", 1, 2048, "a KMS key id, ARN, or alias/<name>"});
  Type profile = text({"", "A-Za-z0-9_.@+-", 1, 128, "a profile's name"});
  Type line = text({"", "", 1, 1024, ""});
  Type any_line = text({"", "", 0, 1024, ""});
  Type path = file(FileRule::none);
  Type secret = file(FileRule::secret);
  Type trusted = file(FileRule::trusted);
  Type boolean = simple(Kind::boolean);
  Type version = bounded(Kind::integer, 1, 1);
  Type level = bounded(Kind::integer, -7, 19);
  Type workers = bounded(Kind::workers, 1, 256);
  Type cpus = bounded(Kind::integer, 1, 1024);
  Type percent = bounded(Kind::percent, 0, 100);
  Type bare_percent = bounded(Kind::integer, 1, 100);
  Type retention = bounded(Kind::duration, kHour, kCentury);
  Type lock = bounded(Kind::duration, kDay, kCentury);  // S3 counts Object Lock in days
  Type flush = bounded(Kind::duration, 1, kHour);
  Type timeout = bounded(Kind::duration, 1, kHour);
  Type objective = bounded(Kind::duration, kMinute, kCentury);
  Type size = bounded(Kind::size, kMiB, std::numeric_limits<int64_t>::max());
  Type rate = bounded(Kind::rate, 0, std::numeric_limits<int64_t>::max());
  Type throughput = bounded(Kind::rate, kKiB, std::numeric_limits<int64_t>::max());
  Type cron = simple(Kind::cron);
  Type zone = simple(Kind::time_zone);
  Type address = simple(Kind::address);
  Type email = simple(Kind::email);
  Type connection = simple(Kind::connection);
  Type endpoint = url({.schemes = {"https", "http"}, .plain_only_on_loopback = true});
  Type http = url({.schemes = {"http", "https"}, .path = true});
  Type smtp = url({.schemes = {"smtps", "smtp"}, .user = true});
  Type acknowledge = choice({"any", "primary", "both"});
  Type find_changes = choice({"scan", "wal"});
  Type codec = choice({"none", "zstd"});
  Type storage_class = choice({"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR",
                               "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE"});
  Type outcome = choice({"failure", "success"});
  Type job = choice({"full", "incremental", "transaction_logs", "backup", "verify", "dr_test"});

  Type paths = list_of(path, 1, true);
  Type scenarios = list_of(folder, 1, true);
  Type outcomes = list_of(outcome, 1, true);
  Type jobs = list_of(job, 1, true);
  Type emails = list_of(email, 1, true);
  Type command = list_of(line, 0, false);
  Type full_command = list_of(line, 1, false);
};

const Scalars& scalars() {
  static const Scalars instance;
  return instance;
}

// ---- sections -----------------------------------------------------------------------------------------------------

Section database_section() {
  const Scalars& s = scalars();
  return {"database",
          {
              {"connection", &s.connection, kDefaulted,
               "\"host=/var/run/postgresql port=5432 user=postgres dbname=postgres\"", "",
               "libpq connection string; passwords come from ~/.pgpass or a service file, never from here"},
              {"slot", &s.slot, kOptional, "", "spendsync_backup_<cluster>, with - written as _",
               "physical replication slot that keeps WAL until it is archived"},
              {"data_directory", &s.path, kOptional, "", "asked of the server",
               "the cluster's data directory; needed for a restore in place on a bare host"},
              {"bin_directory", &s.path, kOptional, "", "found beside the server, else in /usr/lib/postgresql",
               "where postgres, pg_ctl and the other programs of PostgreSQL are"},
          },
          {}};
}

Section file_set_section() {
  const Scalars& s = scalars();
  return {"files",
          {
              {"name", &s.folder, kRequired, "", "", "the set's name: the folder under which it is restored"},
              {"paths", &s.paths, kRequired, "", "", "files and directories, absolute; directories with all that is in them"},
          },
          {}};
}

struct ScheduleSections {
  Section full = kept("full", "\"0 0 * * 0\"", "4 weeks", "how long a full backup is kept");
  Section incremental = kept("incremental", "\"0 0 * * 1-6\"", "7 days", "how long an incremental backup is kept");
  Section transaction_logs = {
      "transaction_logs",
      {
          {"cron", &scalars().cron, kDefaulted, "\"0 */4 * * *\"", "", "when a transaction-log backup is made"},
          {"retention", &scalars().retention, kDefaulted, "48 hours", "", "how far back every moment can be recovered"},
          {"streaming", &scalars().boolean, kDefaulted, "true", "", "the agent receives WAL as it is written"},
          {"streaming_flush", &scalars().flush, kDefaulted, "5 seconds", "",
           "how long streamed WAL may wait before it is stored"},
      },
      {}};
  Section verify = {
      "verify", {{"cron", &scalars().cron, kDefaulted, "\"0 3 * * 6\"", "", "when what is stored is read and checked"}}, {}};
  Section dr_test = {
      "dr_test",
      {
          {"cron", &scalars().cron, kDefaulted, "\"0 4 1 * *\"", "", "when a disaster-recovery test runs"},
          {"scenarios", &scalars().scenarios, kDefaulted, "[system]", "",
           "database, application, system, or names from dr_tests.scenario_directory"},
      },
      {}};
  Section review = {"review",
                    {{"cron", &scalars().cron, kDefaulted, "\"0 9 1 */3 *\"", "",
                      "when a reminder to review the procedures is sent"}},
                    {}};
  Type full_type = section(full);
  Type incremental_type = section(incremental);
  Type transaction_logs_type = section(transaction_logs);
  Type verify_type = section(verify);
  Type dr_test_type = section(dr_test);
  Type review_type = section(review);

  static Section kept(std::string_view name, std::string_view cron, std::string_view retention, std::string_view help) {
    return {name,
            {
                {"cron", &scalars().cron, kDefaulted, cron, "", "when it is made"},
                {"retention", &scalars().retention, kDefaulted, retention, "", help},
            },
            {}};
  }
};

Section schedules_section() {
  static const ScheduleSections inner;
  return {"schedules",
          {
              {"timezone", &scalars().zone, kDefaulted, "UTC", "", "the zone of every cron expression and of dates on the command line"},
              {"full", &inner.full_type, kDefaulted, "", "", "full backups"},
              {"incremental", &inner.incremental_type, kDefaulted, "", "", "incremental backups, each of its last full backup"},
              {"transaction_logs", &inner.transaction_logs_type, kDefaulted, "", "", "transaction-log backups"},
              {"verify", &inner.verify_type, kDefaulted, "", "", "verification"},
              {"dr_test", &inner.dr_test_type, kDefaulted, "", "", "disaster-recovery tests"},
              {"review", &inner.review_type, kDefaulted, "", "", "review of the procedures"},
          },
          {}};
}

const Type& credentials_type() {
  static const Section fields = {
      "credentials",
      {
          {"profile", &scalars().profile, kOptional, "", "`default` with access_key_file",
           "profile of the AWS configuration, or of access_key_file"},
          {"role_arn", &scalars().arn, kOptional, "", "none", "role to assume"},
          {"web_identity_token_file", &scalars().path, kOptional, "", "none", "token to assume a role with"},
          {"access_key_file", &scalars().secret, kOptional, "", "none", "AWS shared-credentials file, mode 0600"},
      },
      {}};
  static const Type type = section(fields);
  return type;
}

const Type& object_lock_type() {
  static const Section fields = {
      "object_lock",
      {
          {"full", &scalars().lock, kDefaulted, "28 days", "", "how long full backups cannot be deleted by anybody"},
          {"incremental", &scalars().lock, kDefaulted, "7 days", "", "the same for incremental backups"},
          {"transaction_logs", &scalars().lock, kDefaulted, "2 days", "", "the same for transaction logs"},
      },
      {}};
  static const Type type = section(fields);
  return type;
}

const Type& storage_target_type() {
  const Scalars& s = scalars();
  static const Section directory = {
      "directory", {{"path", &s.path, kRequired, "", "", "the directory that holds the repository"}}, {}};
  static const Section s3 = {
      "s3",
      {
          {"bucket", &s.bucket, kRequired, "", "", "the bucket"},
          {"region", &s.region, kRequired, "", "", "the bucket's region"},
          {"prefix", &s.prefix, kOptional, "", "the bucket's root", "what every object's key begins with"},
          {"endpoint", &s.endpoint, kOptional, "", "AWS in that region", "URL of an S3-compatible store; http:// on loopback only"},
          {"sts_endpoint", &s.endpoint, kOptional, "", "AWS in that region", "URL of the token service"},
          {"path_style", &s.boolean, kDefaulted, "false", "", "address the bucket by path instead of by host name"},
          {"ca_file", &s.trusted, kOptional, "", "the system's certificates", "certificates that the endpoint is checked against"},
          {"request_timeout", &s.timeout, kDefaulted, "30 seconds", "", "how long a request may stay without an answer"},
          {"minimum_throughput", &s.throughput, kDefaulted, "64 KiB", "", "bytes a second below which a transfer is given up and tried again"},
          {"storage_class", &s.storage_class, kDefaulted, "STANDARD", "", "storage class of packs and WAL; classes that need a restore request first are not offered"},
          {"object_lock", &object_lock_type(), kOptional, "", "none", "retention in compliance mode"},
          {"sse_kms_key_id", &s.kms_key, kOptional, "", "the bucket's own setting", "KMS key with which S3 encrypts once more at rest"},
          {"credentials", &credentials_type(), kDefaulted, "", "the usual AWS chain", "where AWS credentials come from"},
      },
      {}};
  static const Type type = variant({&directory, &s3});
  return type;
}

Section storage_section() {
  const Scalars& s = scalars();
  return {"storage",
          {
              {"primary", &storage_target_type(), kRequired, "", "", "where backups are stored"},
              {"secondary", &storage_target_type(), kOptional, "", "none", "a second region that alone is enough"},
              {"acknowledge", &s.acknowledge, kDefaulted, "any", "", "when a WAL segment or a backup counts as stored"},
              {"capacity", &s.size, kOptional, "", "unknown", "what the store can hold, for the usage metric and its alert"},
              {"upload_limit", &s.rate, kDefaulted, "0", "", "bytes a second; 0 is no limit"},
          },
          {}};
}

const Type& encryption_key_type() {
  const Scalars& s = scalars();
  static const Section kms = {
      "aws-kms",
      {
          {"region", &s.region, kRequired, "", "", "the key's region"},
          {"key_id", &s.kms_key, kRequired, "", "", "key id, ARN or alias/<name>"},
          {"endpoint", &s.endpoint, kOptional, "", "AWS in that region", "URL of a KMS-compatible service; http:// on loopback only"},
          {"ca_file", &s.trusted, kOptional, "", "the system's certificates", "certificates that the endpoint is checked against"},
          {"credentials", &credentials_type(), kDefaulted, "", "the usual AWS chain", "where AWS credentials come from"},
      },
      {}};
  static const Section key_file = {
      "key-file", {{"path", &s.secret, kRequired, "", "", "file of 32 random bytes, mode 0600"}}, {}};
  static const Section escrow = {
      "escrow",
      {{"public_key", &s.trusted, kRequired, "", "", "PEM file; its private half stays offline. Can seal, cannot open"}},
      {}};
  static const Type type = variant({&kms, &key_file, &escrow});
  return type;
}

Section encryption_section() {
  static const Type keys = list_of(encryption_key_type(), 1, false);
  return {"encryption",
          {{"keys", &keys, kRequired, "", "", "each can open the repository by itself, apart from escrow; at least one must"}},
          {}};
}

const Type& notification_type() {
  const Scalars& s = scalars();
  static const Field on = {"on", &s.outcomes, kDefaulted, "[failure]", "", "of which outcomes to tell"};
  static const Field url_file = {"url_file", &s.secret, kRequired, "", "", "file, mode 0600, that holds the URL: it is a secret"};
  static const Section webhook = {"webhook", {url_file, on}, {}};
  static const Section slack = {"slack", {url_file, on}, {}};
  static const Section email = {
      "email",
      {
          {"smtp", &s.smtp, kRequired, "", "", "smtps://host[:port] or smtp://host[:port], possibly with user@"},
          {"from", &s.email, kRequired, "", "", "sender"},
          {"to", &s.emails, kRequired, "", "", "recipients"},
          {"password_file", &s.secret, kOptional, "", "no login", "file, mode 0600, that holds the password"},
          on,
      },
      {}};
  static const Section heartbeat = {
      "heartbeat",
      {url_file, {"for", &s.jobs, kDefaulted, "[backup]", "", "jobs whose success is reported; backup is every type of backup"}},
      {}};
  static const Type type = variant({&webhook, &slack, &email, &heartbeat});
  return type;
}

Section monitoring_section() {
  const Scalars& s = scalars();
  static const Section thresholds = {
      "thresholds",
      {
          {"backup_duration", &s.objective, kDefaulted, "2 hours", "", "a backup that takes longer raises an alert"},
          {"storage_usage_percent", &s.bare_percent, kDefaulted, "85", "", "use of storage.capacity that raises an alert"},
      },
      {}};
  static const Type thresholds_type = section(thresholds);
  static const Type notifications = list_of(notification_type(), 0, false);
  return {"monitoring",
          {
              {"listen", &s.address, kDefaulted, "\"127.0.0.1:9091\"", "", "address of /metrics, /healthz and the console"},
              {"textfile", &s.path, kOptional, "", "none", "file of metrics for node_exporter"},
              {"thresholds", &thresholds_type, kDefaulted, "", "", "when alerts are raised"},
              {"console_token_file", &s.secret, kOptional, "", "no token asked", "file, mode 0600, with the console's token"},
              {"notifications", &notifications, kDefaulted, "[]", "", "who is told of failures and successes"},
          },
          {}};
}

const Type& health_check_type() {
  const Scalars& s = scalars();
  static const Section fields = {
      "health_checks",
      {
          {"name", &s.line, kRequired, "", "", "what the check shows, for the report"},
          {"sql", &s.line, kOptional, "", "", "statement that must succeed"},
          {"http", &s.http, kOptional, "", "", "URL that must answer with 2xx"},
          {"command", &s.full_command, kOptional, "", "", "command with its arguments that must end with 0"},
      },
      {"sql", "http", "command"}};
  static const Type type = section(fields);
  return type;
}

Section dr_tests_section() {
  const Scalars& s = scalars();
  static const Section limits = {
      "limits",
      {
          {"memory", &s.size, kOptional, "", "none", "memory of the sandbox"},
          {"cpus", &s.cpus, kOptional, "", "none", "processors of the sandbox"},
          {"disk", &s.size, kOptional, "", "none", "disk space of the sandbox"},
      },
      {}};
  static const Type limits_type = section(limits);
  static const Type health_checks = list_of(health_check_type(), 0, false);
  static const Section application = {
      "application",
      {
          {"start", &s.command, kDefaulted, "[]", "", "a command with its arguments; empty: application start is not tested"},
          {"user", &s.account, kOptional, "", "the program's own", "account it runs as"},
          {"health_checks", &health_checks, kDefaulted, "[{ name: database answers, sql: \"select 1\" }]", "",
           "what must hold before the application counts as recovered"},
      },
      {}};
  static const Type application_type = section(application);
  return {"dr_tests",
          {
              {"report_directory", &s.path, kDefaulted, "/var/log/spendsync/dr-tests", "", "where reports are written"},
              {"scenario_directory", &s.path, kOptional, "", "the built-in scenarios only", "scenarios of your own"},
              {"work_directory", &s.path, kOptional, "", "restore.target_directory", "where test clusters are recovered"},
              {"signing_key", &s.secret, kOptional, "", "dr-test-signing.key in state_directory", "Ed25519 key that signs reports, made on first use"},
              {"runbook", &s.path, kOptional, "", "RUNBOOK.md in report_directory", "the runbook that tests keep up to date"},
              {"limits", &limits_type, kDefaulted, "", "none", "limits of the sandbox"},
              {"application", &application_type, kDefaulted, "", "", "brought up against the recovered database, in the sandbox"},
          },
          {}};
}

/// The sections of the first level and their types, which point at each other and so live together.
struct Root {
  Section database = database_section();
  Section file_set = file_set_section();
  Section schedules = schedules_section();
  Section storage = storage_section();
  Section encryption = encryption_section();
  Section incremental = {
      "incremental",
      {{"find_changes", &scalars().find_changes, kDefaulted, "scan", "",
        "scan compares every page with the full backup; wal reads change maps made from WAL"}},
      {}};
  Section expire = {
      "expire",
      {
          {"automatic", &scalars().boolean, kDefaulted, "true", "", "expire after each backup"},
          {"deletion_cap", &scalars().percent, kDefaulted, "25 %", "", "more than this share of what is stored is deleted on request only"},
      },
      {}};
  Section compression = {
      "compression",
      {
          {"codec", &scalars().codec, kDefaulted, "zstd", "", "how data is compressed"},
          {"level", &scalars().level, kDefaulted, "1", "", "zstd's level: negative is faster, higher is smaller"},
      },
      {}};
  Section monitoring = monitoring_section();
  Section objectives = {
      "objectives",
      {
          {"rto", &scalars().objective, kDefaulted, "4 hours", "", "recovery time objective"},
          {"rpo", &scalars().objective, kDefaulted, "4 hours", "", "recovery point objective"},
      },
      {}};
  Section restore = {
      "restore",
      {{"target_directory", &scalars().path, kDefaulted, "/var/lib/spendsync/restore", "",
        "where restores go that name no target"}},
      {}};
  Section dr_tests = dr_tests_section();
  Section contacts = {
      "contacts",
      {
          {"database_administrator", &scalars().any_line, kDefaulted, "\"\"", "", "printed in alerts, reports and runbooks"},
          {"system_administrator", &scalars().any_line, kDefaulted, "\"\"", "", "the same"},
          {"cloud_infrastructure_team", &scalars().any_line, kDefaulted, "\"\"", "", "the same"},
      },
      {}};

  Type database_type = section(database);
  Type file_set_type = section(file_set);
  Type files_type = list_of(file_set_type, 0, false);
  Type schedules_type = section(schedules);
  Type storage_type = section(storage);
  Type encryption_type = section(encryption);
  Type incremental_type = section(incremental);
  Type expire_type = section(expire);
  Type compression_type = section(compression);
  Type monitoring_type = section(monitoring);
  Type objectives_type = section(objectives);
  Type restore_type = section(restore);
  Type dr_tests_type = section(dr_tests);
  Type contacts_type = section(contacts);

  Section root = {
      "",
      {
          {"version", &scalars().version, kRequired, "", "", "version of this file's format: 1"},
          {"cluster", &scalars().cluster, kDefaulted, "spendsync", "", "name of the PostgreSQL cluster: a folder of the repository"},
          {"database", &database_type, kDefaulted, "", "", "the server"},
          {"files", &files_type, kDefaulted, "[]", "", "what a full backup holds beside the database"},
          {"schedules", &schedules_type, kDefaulted, "", "", "five-field cron, in `timezone`, and retention"},
          {"storage", &storage_type, kRequired, "", "", "where backups rest"},
          {"encryption", &encryption_type, kRequired, "", "", "keys; there is no unencrypted repository"},
          {"incremental", &incremental_type, kDefaulted, "", "", "how incremental backups are made"},
          {"expire", &expire_type, kDefaulted, "", "", "how what is past its retention is deleted"},
          {"compression", &compression_type, kDefaulted, "", "", "compression of new data; what is stored stays readable"},
          {"workers", &scalars().workers, kDefaulted, "auto", "", "parallel workers; auto is one a processor"},
          {"monitoring", &monitoring_type, kDefaulted, "", "", "metrics, alerts, notifications"},
          {"objectives", &objectives_type, kDefaulted, "", "", "what recovery must achieve"},
          {"restore", &restore_type, kDefaulted, "", "", "restores"},
          {"state_directory", &scalars().path, kDefaulted, "/var/lib/spendsync/state", "",
           "what this host remembers between runs; where it cannot be written, $XDG_STATE_HOME/spendsync"},
          {"dr_tests", &dr_tests_type, kDefaulted, "", "", "disaster-recovery tests"},
          {"contacts", &contacts_type, kDefaulted, "", "", "whom to call"},
      },
      {}};
  Type type = section(root);
};

}  // namespace

const Type& root_type() {
  static const Root root;
  return root.type;
}

const Field* Section::find(std::string_view key) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key; });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<std::string_view> Section::keys() const {
  std::vector<std::string_view> result;
  for (const Field& field : fields) result.push_back(field.key);
  return result;
}

const std::vector<Unit>& duration_units() {
  static const std::vector<Unit> units = {
      {"seconds", 1},     {"second", 1},   {"s", 1},      {"minutes", kMinute}, {"minute", kMinute}, {"min", kMinute},
      {"hours", kHour},   {"hour", kHour}, {"h", kHour},  {"days", kDay},       {"day", kDay},       {"d", kDay},
      {"weeks", 7 * kDay}, {"week", 7 * kDay}, {"w", 7 * kDay}};
  return units;
}

const std::vector<Unit>& size_units() {
  static const std::vector<Unit> units = {{"B", 1},
                                          {"KiB", kKiB},
                                          {"MiB", kMiB},
                                          {"GiB", 1024 * kMiB},
                                          {"TiB", 1024 * 1024 * kMiB},
                                          {"PiB", 1024 * 1024 * kMiB * 1024},
                                          {"kB", 1000},
                                          {"MB", 1000 * 1000},
                                          {"GB", int64_t{1000} * 1000 * 1000},
                                          {"TB", int64_t{1000} * 1000 * 1000 * 1000},
                                          {"PB", int64_t{1000} * 1000 * 1000 * 1000 * 1000}};
  return units;
}

}  // namespace spendsync::config
