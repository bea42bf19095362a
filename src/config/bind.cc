#include "config/bind.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/result.h"
#include "config/addresses.h"

namespace spendsync::config {
namespace {

/// Typed access to the keys of one section.
class Keys {
 public:
  explicit Keys(const Value& section) : section_(section) {}

  const Value& at(std::string_view key) const {
    const Value* value = section_.find(key);
    CHECK(value != nullptr);
    return *value;
  }
  const Value* find(std::string_view key) const { return section_.find(key); }
  Keys section(std::string_view key) const { return Keys(at(key)); }

  std::string text(std::string_view key) const { return at(key).text; }
  bool boolean(std::string_view key) const { return at(key).number != 0; }
  int integer(std::string_view key) const { return narrow(at(key).number); }
  seconds duration(std::string_view key) const { return seconds(at(key).number); }
  uint64_t bytes(std::string_view key) const { return static_cast<uint64_t>(at(key).number); }
  CronExpression cron(std::string_view key) const { return CronExpression::literal(at(key).text); }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> result;
    for (const Value& item : at(key).items) result.push_back(item.text);
    return result;
  }

  std::optional<std::string> optional_text(std::string_view key) const {
    const Value* value = find(key);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value->text);
  }
  std::optional<uint64_t> optional_bytes(std::string_view key) const {
    const Value* value = find(key);
    return value == nullptr ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(value->number));
  }
  std::optional<int> optional_integer(std::string_view key) const {
    const Value* value = find(key);
    return value == nullptr ? std::nullopt : std::optional<int>(narrow(value->number));
  }

  /// The enumerator that stands at the place of the text among `names`.
  template <class Enum, size_t N>
  Enum choice(std::string_view key, const std::array<std::pair<std::string_view, Enum>, N>& names) const {
    return choose(at(key).text, names);
  }
  template <class Enum, size_t N>
  std::vector<Enum> choices(std::string_view key, const std::array<std::pair<std::string_view, Enum>, N>& names) const {
    std::vector<Enum> result;
    for (const Value& item : at(key).items) result.push_back(choose(item.text, names));
    return result;
  }

 private:
  static int narrow(int64_t number) {
    CHECK(number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max());
    return static_cast<int>(number);
  }
  template <class Enum, size_t N>
  static Enum choose(std::string_view text, const std::array<std::pair<std::string_view, Enum>, N>& names) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == text; });
    CHECK(found != names.end());
    return found->second;
  }

  const Value& section_;
};

template <class Enum>
using Name = std::pair<std::string_view, Enum>;

constexpr std::array kAcknowledge = {Name<Acknowledge>{"any", Acknowledge::any},
                                     Name<Acknowledge>{"primary", Acknowledge::primary},
                                     Name<Acknowledge>{"both", Acknowledge::both}};
constexpr std::array kFindChanges = {Name<FindChanges>{"scan", FindChanges::scan},
                                     Name<FindChanges>{"wal", FindChanges::wal}};
constexpr std::array kCodec = {Name<Codec>{"none", Codec::none}, Name<Codec>{"zstd", Codec::zstd}};
constexpr std::array kOutcome = {Name<Outcome>{"failure", Outcome::failure},
                                 Name<Outcome>{"success", Outcome::success}};
constexpr std::array kJob = {Name<HeartbeatJob>{"full", HeartbeatJob::full},
                             Name<HeartbeatJob>{"incremental", HeartbeatJob::incremental},
                             Name<HeartbeatJob>{"transaction_logs", HeartbeatJob::transaction_logs},
                             Name<HeartbeatJob>{"backup", HeartbeatJob::backup},
                             Name<HeartbeatJob>{"verify", HeartbeatJob::verify},
                             Name<HeartbeatJob>{"dr_test", HeartbeatJob::dr_test}};

Database bind_database(const Keys& keys) {
  Database database;
  database.connection = keys.text("connection");
  database.slot = keys.text("slot");
  database.data_directory = keys.optional_text("data_directory");
  database.bin_directory = keys.optional_text("bin_directory");
  return database;
}

std::vector<FileSet> bind_files(const Value& list) {
  std::vector<FileSet> sets;
  for (const Value& item : list.items) {
    const Keys keys(item);
    sets.push_back({keys.text("name"), keys.texts("paths")});
  }
  return sets;
}

KeptSchedule bind_kept(const Keys& keys) { return {keys.cron("cron"), keys.duration("retention")}; }

Schedules bind_schedules(const Keys& keys) {
  Schedules schedules;
  auto zone = TimeZone::find(keys.text("timezone"));
  CHECK(zone.has_value());
  schedules.timezone = *zone;
  schedules.full = bind_kept(keys.section("full"));
  schedules.incremental = bind_kept(keys.section("incremental"));
  const Keys logs = keys.section("transaction_logs");
  schedules.transaction_logs.cron = logs.cron("cron");
  schedules.transaction_logs.retention = logs.duration("retention");
  schedules.transaction_logs.streaming = logs.boolean("streaming");
  schedules.transaction_logs.streaming_flush = logs.duration("streaming_flush");
  schedules.verify = keys.section("verify").cron("cron");
  schedules.dr_test.cron = keys.section("dr_test").cron("cron");
  schedules.dr_test.scenarios = keys.section("dr_test").texts("scenarios");
  schedules.review = keys.section("review").cron("cron");
  return schedules;
}

AwsCredentials bind_credentials(const Keys& keys) {
  AwsCredentials credentials;
  credentials.profile = keys.optional_text("profile");
  credentials.role_arn = keys.optional_text("role_arn");
  credentials.web_identity_token_file = keys.optional_text("web_identity_token_file");
  credentials.access_key_file = keys.optional_text("access_key_file");
  return credentials;
}

std::optional<ObjectLock> bind_object_lock(const Value* value) {
  if (value == nullptr) return std::nullopt;
  const Keys keys(*value);
  return ObjectLock{keys.duration("full"), keys.duration("incremental"), keys.duration("transaction_logs")};
}

StorageTarget bind_target(const Value& value) {
  const Keys keys(value);
  if (value.text == "directory") return DirectoryTarget{keys.text("path")};
  S3Target s3;
  s3.bucket = keys.text("bucket");
  s3.region = keys.text("region");
  s3.prefix = keys.optional_text("prefix").value_or("");
  while (s3.prefix.ends_with('/')) s3.prefix.pop_back();
  s3.endpoint = keys.optional_text("endpoint");
  s3.sts_endpoint = keys.optional_text("sts_endpoint");
  s3.path_style = keys.boolean("path_style");
  s3.ca_file = keys.optional_text("ca_file");
  s3.request_timeout = keys.duration("request_timeout");
  s3.minimum_throughput_bytes_per_second = keys.bytes("minimum_throughput");
  s3.storage_class = keys.text("storage_class");
  s3.object_lock = bind_object_lock(keys.find("object_lock"));
  s3.sse_kms_key_id = keys.optional_text("sse_kms_key_id");
  s3.credentials = bind_credentials(keys.section("credentials"));
  return s3;
}

Storage bind_storage(const Keys& keys) {
  Storage storage;
  storage.primary = bind_target(keys.at("primary"));
  if (const Value* secondary = keys.find("secondary")) storage.secondary = bind_target(*secondary);
  storage.acknowledge = keys.choice("acknowledge", kAcknowledge);
  storage.capacity_bytes = keys.optional_bytes("capacity");
  storage.upload_limit_bytes_per_second = keys.bytes("upload_limit");
  return storage;
}

EncryptionKey bind_key(const Value& value) {
  const Keys keys(value);
  if (value.text == "key-file") return KeyFile{keys.text("path")};
  if (value.text == "escrow") return EscrowKey{keys.text("public_key")};
  AwsKmsKey kms;
  kms.region = keys.text("region");
  kms.key_id = keys.text("key_id");
  kms.endpoint = keys.optional_text("endpoint");
  kms.ca_file = keys.optional_text("ca_file");
  kms.credentials = bind_credentials(keys.section("credentials"));
  return kms;
}

Encryption bind_encryption(const Keys& keys) {
  Encryption encryption;
  for (const Value& item : keys.at("keys").items) encryption.keys.push_back(bind_key(item));
  return encryption;
}

Notification bind_notification(const Value& value) {
  const Keys keys(value);
  if (value.text == "webhook") return Webhook{keys.text("url_file"), keys.choices("on", kOutcome)};
  if (value.text == "slack") return Slack{keys.text("url_file"), keys.choices("on", kOutcome)};
  if (value.text == "heartbeat") return Heartbeat{keys.text("url_file"), keys.choices("for", kJob)};
  Email email;
  email.smtp = keys.text("smtp");
  email.from = keys.text("from");
  email.to = keys.texts("to");
  email.password_file = keys.optional_text("password_file");
  email.on = keys.choices("on", kOutcome);
  return email;
}

Monitoring bind_monitoring(const Keys& keys) {
  Monitoring monitoring;
  auto address = parse_address(keys.text("listen"));
  CHECK(address.has_value());
  monitoring.listen = *address;
  monitoring.textfile = keys.optional_text("textfile");
  const Keys thresholds = keys.section("thresholds");
  monitoring.thresholds.backup_duration = thresholds.duration("backup_duration");
  monitoring.thresholds.storage_usage_percent = thresholds.integer("storage_usage_percent");
  monitoring.console_token_file = keys.optional_text("console_token_file");
  for (const Value& item : keys.at("notifications").items) monitoring.notifications.push_back(bind_notification(item));
  return monitoring;
}

HealthCheck bind_health_check(const Value& value) {
  const Keys keys(value);
  if (keys.find("sql") != nullptr) return {keys.text("name"), SqlCheck{keys.text("sql")}};
  if (keys.find("http") != nullptr) return {keys.text("name"), HttpCheck{keys.text("http")}};
  return {keys.text("name"), CommandCheck{keys.texts("command")}};
}

DrTests bind_dr_tests(const Keys& keys) {
  DrTests tests;
  tests.report_directory = keys.text("report_directory");
  tests.scenario_directory = keys.optional_text("scenario_directory");
  tests.work_directory = keys.text("work_directory");
  tests.signing_key = keys.optional_text("signing_key");
  tests.runbook = keys.text("runbook");
  const Keys limits = keys.section("limits");
  tests.limits = {limits.optional_bytes("memory"), limits.optional_integer("cpus"), limits.optional_bytes("disk")};
  const Keys application = keys.section("application");
  tests.application.start = application.texts("start");
  tests.application.user = application.optional_text("user");
  tests.application.health_checks.clear();
  for (const Value& item : application.at("health_checks").items) {
    tests.application.health_checks.push_back(bind_health_check(item));
  }
  return tests;
}

Contacts bind_contacts(const Keys& keys) {
  return {keys.text("database_administrator"), keys.text("system_administrator"),
          keys.text("cloud_infrastructure_team")};
}

std::optional<int> bind_workers(const Keys& keys) {
  if (keys.text("workers") == "auto") return std::nullopt;
  return keys.integer("workers");
}

}  // namespace

Config bind(const Value& root) {
  const Keys keys(root);
  Config config;
  config.cluster = keys.text("cluster");
  config.database = bind_database(keys.section("database"));
  config.files = bind_files(keys.at("files"));
  config.schedules = bind_schedules(keys.section("schedules"));
  config.storage = bind_storage(keys.section("storage"));
  config.encryption = bind_encryption(keys.section("encryption"));
  config.incremental.find_changes = keys.section("incremental").choice("find_changes", kFindChanges);
  config.expire.automatic = keys.section("expire").boolean("automatic");
  config.expire.deletion_cap_percent = keys.section("expire").integer("deletion_cap");
  config.compression.codec = keys.section("compression").choice("codec", kCodec);
  config.compression.level = keys.section("compression").integer("level");
  config.workers = bind_workers(keys);
  config.monitoring = bind_monitoring(keys.section("monitoring"));
  config.objectives = {keys.section("objectives").duration("rto"), keys.section("objectives").duration("rpo")};
  config.restore.target_directory = keys.section("restore").text("target_directory");
  config.state_directory = keys.text("state_directory");
  config.dr_tests = bind_dr_tests(keys.section("dr_tests"));
  config.contacts = bind_contacts(keys.section("contacts"));
  return config;
}

}  // namespace spendsync::config
