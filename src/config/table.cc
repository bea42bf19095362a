#include "config/table.h"

#include <algorithm>

#include "config/table_parts.h"

namespace spendsync::config {
namespace table {
namespace {

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
              {"paths", &s.paths, kRequired, "", "",
               "files and directories, absolute; directories with all that is in them"},
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
      "verify",
      {{"cron", &scalars().cron, kDefaulted, "\"0 3 * * 6\"", "", "when what is stored is read and checked"}},
      {}};
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
  Type full_type = section_type(full);
  Type incremental_type = section_type(incremental);
  Type transaction_logs_type = section_type(transaction_logs);
  Type verify_type = section_type(verify);
  Type dr_test_type = section_type(dr_test);
  Type review_type = section_type(review);

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
              {"timezone", &scalars().zone, kDefaulted, "UTC", "",
               "the zone of every cron expression and of dates on the command line"},
              {"full", &inner.full_type, kDefaulted, "", "", "full backups"},
              {"incremental", &inner.incremental_type, kDefaulted, "", "",
               "incremental backups, each of its last full backup"},
              {"transaction_logs", &inner.transaction_logs_type, kDefaulted, "", "", "transaction-log backups"},
              {"verify", &inner.verify_type, kDefaulted, "", "", "verification"},
              {"dr_test", &inner.dr_test_type, kDefaulted, "", "", "disaster-recovery tests"},
              {"review", &inner.review_type, kDefaulted, "", "", "review of the procedures"},
          },
          {}};
}

const Type& notification_type() {
  const Scalars& s = scalars();
  static const Field on = {"on", &s.outcomes, kDefaulted, "[failure]", "", "of which outcomes to tell"};
  static const Field url_file = {"url_file", &s.secret, kRequired,
                                 "",         "",        "file, mode 0600, that holds the URL: it is a secret"};
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
      {url_file,
       {"for", &s.jobs, kDefaulted, "[backup]", "", "jobs whose success is reported; backup is every type of backup"}},
      {}};
  static const Type type = variant_type({&webhook, &slack, &email, &heartbeat});
  return type;
}

Section monitoring_section() {
  const Scalars& s = scalars();
  static const Section thresholds = {
      "thresholds",
      {
          {"backup_duration", &s.objective, kDefaulted, "2 hours", "", "a backup that takes longer raises an alert"},
          {"storage_usage_percent", &s.bare_percent, kDefaulted, "85", "",
           "use of storage.capacity that raises an alert"},
      },
      {}};
  static const Type thresholds_type = section_type(thresholds);
  static const Type notifications = list_type(notification_type(), 0, false);
  return {
      "monitoring",
      {
          {"listen", &s.address, kDefaulted, "\"127.0.0.1:9091\"", "", "address of /metrics, /healthz and the console"},
          {"textfile", &s.path, kOptional, "", "none", "file of metrics for node_exporter"},
          {"thresholds", &thresholds_type, kDefaulted, "", "", "when alerts are raised"},
          {"console_token_file", &s.secret, kOptional, "", "no token asked",
           "file, mode 0600, with the console's token"},
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
  static const Type type = section_type(fields);
  return type;
}

Section dr_tests_section() {
  const Scalars& s = scalars();
  static const Section limits = {"limits",
                                 {
                                     {"memory", &s.size, kOptional, "", "none", "memory of the sandbox"},
                                     {"cpus", &s.cpus, kOptional, "", "none", "processors of the sandbox"},
                                     {"disk", &s.size, kOptional, "", "none", "disk space of the sandbox"},
                                 },
                                 {}};
  static const Type limits_type = section_type(limits);
  static const Type health_checks = list_type(health_check_type(), 0, false);
  static const Section application = {
      "application",
      {
          {"start", &s.command, kDefaulted, "[]", "",
           "a command with its arguments; empty: application start is not tested"},
          {"user", &s.account, kOptional, "", "the program's own", "account it runs as"},
          {"health_checks", &health_checks, kDefaulted, "[{ name: database answers, sql: \"select 1\" }]", "",
           "what must hold before the application counts as recovered"},
      },
      {}};
  static const Type application_type = section_type(application);
  return {
      "dr_tests",
      {
          {"report_directory", &s.path, kDefaulted, "/var/log/spendsync/dr-tests", "", "where reports are written"},
          {"scenario_directory", &s.path, kOptional, "", "the built-in scenarios only", "scenarios of your own"},
          {"work_directory", &s.path, kOptional, "", "restore.target_directory", "where test clusters are recovered"},
          {"signing_key", &s.secret, kOptional, "", "dr-test-signing.key in state_directory",
           "Ed25519 key that signs reports, made on first use"},
          {"runbook", &s.path, kOptional, "", "RUNBOOK.md in report_directory",
           "the runbook that tests keep up to date"},
          {"limits", &limits_type, kDefaulted, "", "none", "limits of the sandbox"},
          {"application", &application_type, kDefaulted, "", "",
           "brought up against the recovered database, in the sandbox"},
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
  Section incremental = {"incremental",
                         {{"find_changes", &scalars().find_changes, kDefaulted, "scan", "",
                           "scan compares every page with the full backup; wal reads change maps made from WAL"}},
                         {}};
  Section expire = {"expire",
                    {
                        {"automatic", &scalars().boolean, kDefaulted, "true", "", "expire after each backup"},
                        {"deletion_cap", &scalars().percent, kDefaulted, "25 %", "",
                         "more than this share of what is stored is deleted on request only"},
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
  Section objectives = {"objectives",
                        {
                            {"rto", &scalars().objective, kDefaulted, "4 hours", "", "recovery time objective"},
                            {"rpo", &scalars().objective, kDefaulted, "4 hours", "", "recovery point objective"},
                        },
                        {}};
  Section restore = {"restore",
                     {{"target_directory", &scalars().path, kDefaulted, "/var/lib/spendsync/restore", "",
                       "where restores go that name no target"}},
                     {}};
  Section dr_tests = dr_tests_section();
  Section contacts = {"contacts",
                      {
                          {"database_administrator", &scalars().any_line, kDefaulted, "\"\"", "",
                           "printed in alerts, reports and runbooks"},
                          {"system_administrator", &scalars().any_line, kDefaulted, "\"\"", "", "the same"},
                          {"cloud_infrastructure_team", &scalars().any_line, kDefaulted, "\"\"", "", "the same"},
                      },
                      {}};

  Type database_type = section_type(database);
  Type file_set_type = section_type(file_set);
  Type files_type = list_type(file_set_type, 0, false);
  Type schedules_type = section_type(schedules);
  Type storage_type = section_type(storage);
  Type encryption_type = section_type(encryption);
  Type incremental_type = section_type(incremental);
  Type expire_type = section_type(expire);
  Type compression_type = section_type(compression);
  Type monitoring_type = section_type(monitoring);
  Type objectives_type = section_type(objectives);
  Type restore_type = section_type(restore);
  Type dr_tests_type = section_type(dr_tests);
  Type contacts_type = section_type(contacts);

  Section root = {
      "",
      {
          {"version", &scalars().version, kRequired, "", "", "version of this file's format: 1"},
          {"cluster", &scalars().cluster, kDefaulted, "spendsync", "",
           "name of the PostgreSQL cluster: a folder of the repository"},
          {"database", &database_type, kDefaulted, "", "", "the server"},
          {"files", &files_type, kDefaulted, "[]", "", "what a full backup holds beside the database"},
          {"schedules", &schedules_type, kDefaulted, "", "", "five-field cron, in `timezone`, and retention"},
          {"storage", &storage_type, kRequired, "", "", "where backups rest"},
          {"encryption", &encryption_type, kRequired, "", "", "keys; there is no unencrypted repository"},
          {"incremental", &incremental_type, kDefaulted, "", "", "how incremental backups are made"},
          {"expire", &expire_type, kDefaulted, "", "", "how what is past its retention is deleted"},
          {"compression", &compression_type, kDefaulted, "", "",
           "compression of new data; what is stored stays readable"},
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
  Type type = section_type(root);
};

}  // namespace
}  // namespace table

const Type& root_type() {
  static const table::Root root;
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

}  // namespace spendsync::config
