#include <limits>

#include "config/table_parts.h"

namespace spendsync::config::table {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kCentury = 36500 * kDay;  // longer is a slip of the pen
constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

Type simple_type(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

Type text_type(TextRule rule) {
  Type type;
  type.kind = Kind::text;
  type.text = rule;
  return type;
}

Type bounded_type(Kind kind, int64_t lowest, int64_t highest) {
  Type type;
  type.kind = kind;
  type.lowest = lowest;
  type.highest = highest;
  return type;
}

Type choice_type(std::vector<std::string_view> choices) {
  Type type;
  type.kind = Kind::choice;
  type.choices = std::move(choices);
  return type;
}

Type file_type(FileRule rule) {
  Type type;
  type.kind = Kind::path;
  type.file = rule;
  return type;
}

Type url_type(UrlRule rule) {
  Type type;
  type.kind = Kind::url;
  type.url = std::move(rule);
  return type;
}

/// Lists point at their elements' types, so the struct is filled in place and never copied.
struct FilledScalars : Scalars {
  FilledScalars() {
    fill_names();
    fill_files_and_forms();
    fill_numbers();
    fill_choices();
    fill_lists();
  }
  FilledScalars(const FilledScalars&) = delete;
  FilledScalars& operator=(const FilledScalars&) = delete;

 private:
  void fill_names() {
    cluster = text_type({"a-z0-9", "a-z0-9_-", 1, 63, "lower-case letters, digits, - and _, at most 63"});
    folder = text_type({"A-Za-z0-9", "A-Za-z0-9_.-", 1, 63, "letters, digits, -, _ and ., at most 63"});
    slot = text_type({"a-z0-9_", "a-z0-9_", 1, 63, "lower-case letters, digits and _, at most 63"});
    account = text_type({"a-z_", "a-z0-9_-", 1, 32, "an account's name"});
    bucket = text_type({"a-z0-9", "a-z0-9.-", 3, 63, "3 to 63 lower-case letters, digits, - and ."});
    region = text_type({"a-z", "a-z0-9-", 1, 32, "a region's name, for example us-west-2"});
    prefix = text_type({"A-Za-z0-9", "A-Za-z0-9/_.-", 1, 512, "letters, digits, /, -, _ and ., not beginning with /"});
    arn = text_type({"a", "A-Za-z0-9:/_.+=,@-", 20, 2048, "an ARN, for example arn:aws:iam::123456789012:role/backup"});
    kms_key = text_type({"A-Za-z0-9", "A-Za-z0-9:/_-", 1, 2048, "a KMS key id, ARN, or alias/<name>"});
    profile = text_type({"", "A-Za-z0-9_.@+-", 1, 128, "a profile's name"});
    line = text_type({"", "", 1, 1024, ""});
    any_line = text_type({"", "", 0, 1024, ""});
  }
  void fill_files_and_forms() {
    path = file_type(FileRule::none);
    secret = file_type(FileRule::secret);
    trusted = file_type(FileRule::trusted);
    boolean = simple_type(Kind::boolean);
    cron = simple_type(Kind::cron);
    zone = simple_type(Kind::time_zone);
    address = simple_type(Kind::address);
    email = simple_type(Kind::email);
    connection = simple_type(Kind::connection);
    endpoint = url_type({.schemes = {"https", "http"}, .plain_only_on_loopback = true});
    http = url_type({.schemes = {"http", "https"}, .path = true});
    smtp = url_type({.schemes = {"smtps", "smtp"}, .user = true});
  }
  void fill_numbers() {
    version = bounded_type(Kind::integer, 1, 1);
    level = bounded_type(Kind::integer, -7, 19);
    workers = bounded_type(Kind::workers, 1, 256);
    cpus = bounded_type(Kind::integer, 1, 1024);
    percent = bounded_type(Kind::percent, 0, 100);
    bare_percent = bounded_type(Kind::integer, 1, 100);
    retention = bounded_type(Kind::duration, kHour, kCentury);
    lock = bounded_type(Kind::duration, kDay, kCentury);  // S3 counts Object Lock in days
    flush = bounded_type(Kind::duration, 1, kHour);
    timeout = bounded_type(Kind::duration, 1, kHour);
    objective = bounded_type(Kind::duration, kMinute, kCentury);
    size = bounded_type(Kind::size, kMiB, std::numeric_limits<int64_t>::max());
    rate = bounded_type(Kind::rate, 0, std::numeric_limits<int64_t>::max());
    throughput = bounded_type(Kind::rate, kKiB, std::numeric_limits<int64_t>::max());
  }
  void fill_choices() {
    acknowledge = choice_type({"any", "primary", "both"});
    find_changes = choice_type({"scan", "wal"});
    codec = choice_type({"none", "zstd"});
    storage_class = choice_type({"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR",
                                 "REDUCED_REDUNDANCY", "EXPRESS_ONEZONE"});
    outcome = choice_type({"failure", "success"});
    job = choice_type({"full", "incremental", "transaction_logs", "backup", "verify", "dr_test"});
  }
  void fill_lists() {
    paths = list_type(path, 1, true);
    scenarios = list_type(folder, 1, true);
    outcomes = list_type(outcome, 1, true);
    jobs = list_type(job, 1, true);
    emails = list_type(email, 1, true);
    command = list_type(line, 0, false);
    full_command = list_type(line, 1, false);
  }
};

}  // namespace

const Scalars& scalars() {
  static const FilledScalars instance;
  return instance;
}

Type list_type(const Type& element, size_t fewest, bool unique) {
  Type type;
  type.kind = Kind::list;
  type.element = &element;
  type.fewest = fewest;
  type.unique = unique;
  return type;
}

Type section_type(const Section& fields) {
  Type type;
  type.kind = Kind::section;
  type.section = &fields;
  return type;
}

Type variant_type(std::vector<const Section*> variants) {
  Type type;
  type.kind = Kind::variant;
  type.variants = std::move(variants);
  return type;
}

}  // namespace spendsync::config::table
