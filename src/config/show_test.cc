#include "base/testing.h"
#include "config/load.h"
#include "config/value.h"

namespace spendsync::config {
namespace {

constexpr std::string_view kEverything = R"(version: 1
cluster: prod-eu
database:
  connection: "host=db1 user='my user'"
  bin_directory: /usr/lib/postgresql/15/bin
files:
  - { name: configuration, paths: [/etc/spendsync, "/etc/with space: and colon"] }
schedules:
  timezone: Europe/Berlin
  full: { cron: "0 0 * * SUN", retention: 5 weeks }
storage:
  primary: { type: s3, bucket: spendsync-a, region: us-west-2, object_lock: { full: 28 days } }
  secondary: { type: s3, bucket: spendsync-b, region: us-east-1, credentials: { profile: "12" } }
  capacity: 2 TiB
  upload_limit: 50 MiB/s
encryption:
  keys:
    - { type: aws-kms, region: us-west-2, key_id: alias/a }
    - { type: aws-kms, region: us-east-1, key_id: alias/b }
workers: 4
monitoring:
  notifications:
    - { type: email, smtp: "smtps://u@mail.example.com", from: a@example.com, to: [b@example.com, c@example.com] }
dr_tests:
  limits: { memory: 4 GiB, cpus: 2 }
  application:
    start: [/usr/bin/app, "--level", "3", "say \"hi\\\""]
    health_checks: []
contacts:
  database_administrator: "Ann: +1 555 # night"
)";

TEST(Show, YamlIsAcceptedAgainAndMeansTheSame) {
  const LoadedConfig loaded = MUST(parse(kEverything, "a.yml"));
  const std::string shown = show_yaml(loaded);
  auto again = parse(shown, "b.yml");
  ASSERT_OK(again);
  EXPECT_EQ(show_json(*again).find("config")->dump(), show_json(loaded).find("config")->dump()) << shown;
}

TEST(Show, SaysWhereEachValueComesFrom) {
  const LoadedConfig loaded = MUST(parse(kEverything, "a.yml"));
  const std::string shown = show_yaml(loaded);
  for (const char* line : {"\ncluster: prod-eu  # a.yml:2\n", "\n  slot: spendsync_backup_prod_eu  # default\n",
                           "\n    retention: 5 weeks  # a.yml:10\n", "\n    retention: 7 days  # default\n",
                           "\n    - type: aws-kms  # a.yml:18\n", "\nworkers: 4  # a.yml:20\n",
                           "\n      - \"3\"  # a.yml:27\n", "\n  upload_limit: 50 MiB/s  # a.yml:15\n"}) {
    EXPECT_NE(shown.find(line), std::string::npos) << line << shown;
  }
}

TEST(Show, JsonHasTypedValuesAndOrigins) {
  const LoadedConfig loaded = MUST(parse(kEverything, "a.yml"));
  const Json shown = show_json(loaded);
  EXPECT_EQ(MUST(shown.text("file")), "a.yml");
  const Json* config = shown.find("config");
  EXPECT_EQ(MUST(config->unsigned_integer("workers")), 4u);
  EXPECT_TRUE(MUST(config->find("expire")->boolean("automatic")));
  EXPECT_EQ(MUST(config->find("storage")->text("capacity")), "2 TiB");
  EXPECT_EQ(MUST(config->find("storage")->find("primary")->text("type")), "s3");
  const Json* origins = shown.find("origins");
  EXPECT_EQ(MUST(origins->text("encryption.keys[1].key_id")), "a.yml:19");
  EXPECT_EQ(MUST(origins->text("database.slot")), "default");
  EXPECT_EQ(MUST(origins->text("dr_tests.application.health_checks")), "a.yml:28");
}

TEST(Where, FindsTheLineOfAPath) {
  const LoadedConfig loaded = MUST(parse(kEverything, "a.yml"));
  EXPECT_EQ(loaded.where("encryption.keys[1].key_id"), "a.yml:19:51");
  EXPECT_EQ(loaded.where("encryption.keys[1]"), "a.yml:19:7");
  EXPECT_EQ(loaded.where("storage.acknowledge"), "default");
  EXPECT_EQ(loaded.where("database.data_directory"), "default");
  EXPECT_EQ(loaded.where("encryption.keys[7]"), "default");
  EXPECT_EQ(loaded.where("encryption.keys[x"), "default");
  EXPECT_EQ(loaded.where("cluster.name"), "default");
}

}  // namespace
}  // namespace spendsync::config
