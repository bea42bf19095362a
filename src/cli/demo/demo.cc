// spendsync-backup demo: backup, disaster and recovery on a throwaway PostgreSQL.
#include "cli/demo/demo.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/exit_code.h"
#include "base/scratch_directory.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "jobs/service_user.h"

namespace spendsync::cli {
namespace {

struct DemoOptions {
  std::optional<std::string> directory;
  bool keep = false;
};

using std::chrono::duration;

constexpr const char* kDigest =
    "select count(*) || ' rows, digest ' || md5(string_agg(md5(t::text), '' order by id)) from public.orders t";

/// What happened, for the page at the end.
struct Story {
  std::string database_size;
  std::string stored;
  std::string backup_time;
  Timestamp dropped;
  std::string orders_before;
  std::string orders_after;
  size_t payments_acknowledged = 0;
  size_t payments_expected = 0;
  size_t payments_found = 0;
  size_t payments_from_later = 0;
  std::chrono::microseconds recovery{0};
  bool proved() const {
    return orders_before == orders_after && payments_found == payments_expected && payments_from_later == 0;
  }
};

class Demo {
 public:
  Demo(const Process& process, DemoStage& stage) : process_(process), stage_(stage) {}

  Result<Story> run() {
    TRY(fill_database());
    DemoClient client(stage_.connection_string(), process_.clock);
    TRY(client.wait_for_orders(50, process_.stop));
    TRY(take_backups(client));
    TRY(lose_everything(client));
    TRY(recover());
    return story_;
  }

 private:
  void step(const std::string& text) { process_.output.remark(text); }

  Result<void> fill_database() {
    auto connection = TRY(stage_.connect());
    TRY(
        connection.query("create table public.orders as select n as id, md5(n::text) as customer, "
                         "repeat(md5((n * 7)::text), 4) as note, now() - n * interval '1 minute' as placed "
                         "from generate_series(1, 300000) n",
                         {}, process_.stop));
    TRY(connection.query("create index on public.orders (customer)", {}, process_.stop));
    TRY(connection.query("create table public.payments (id bigint primary key, amount numeric)", {}, process_.stop));
    story_.orders_before = TRY(connection.query_value(kDigest, {}, process_.stop));
    story_.database_size =
        TRY(connection.query_value("select pg_size_pretty(sum(pg_database_size(oid))) from pg_database"));
    step(
        fmt::format("A shop's PostgreSQL {} runs: {} of data, a table of orders, and a client that never stops paying.",
                    stage_.major_version(), story_.database_size));
    return {};
  }

  Result<void> take_backups(DemoClient& client) {
    const auto full = TRY(stage_.command({"backup", "full"}, process_.stop));
    story_.stored = format_bytes(TRY(full.unsigned_integer("stored_bytes")));
    step("  $ spendsync-backup backup full              -> " + story_.stored + ", sealed with AES-256-GCM");
    TRY(client.wait_for_orders(200, process_.stop));
    TRY(stage_.command({"backup", "transaction_logs"}, process_.stop));
    step("  $ spendsync-backup backup transaction_logs  -> every commit until now is recoverable");
    return client.wait_for_orders(200, process_.stop);
  }

  Result<void> lose_everything(DemoClient& client) {
    auto connection = TRY(stage_.connect());
    story_.dropped = process_.clock.now();
    TRY(connection.query("drop table public.orders", {}, process_.stop));
    step("\nDisaster 1, " + format_utc(story_.dropped) + ": somebody drops the table of orders. Nobody notices yet.");
    TRY(client.wait_for_orders(200, process_.stop));
    TRY(stage_.command({"backup", "transaction_logs"}, process_.stop));
    step("  $ spendsync-backup backup transaction_logs  -> the mistake is in the logs too, with everything before it");
    payments_ = client.stop();
    TRY(stage_.lose_data_directory());
    step("Disaster 2: the server is killed and its data directory is gone.");
    return {};
  }

  Result<void> recover() {
    const std::string target = stage_.directory() + "/restored/data";
    const std::string day = TimeZone::utc().day_of(story_.dropped);
    const std::vector<std::string> arguments{"restore",  "point_in_time", day, format_utc(story_.dropped),
                                             "--target", target};
    step("\nRecovery, to the moment before the first mistake:");
    step("  $ " + DemoStage::shown(arguments));
    const auto begin = process_.clock.monotonic();
    TRY(stage_.command(arguments, process_.stop));
    auto server = TRY(stage_.start_restored(target, process_.stop));
    postgres::Connection::Settings settings;
    settings.connection_string = server.connection_string("postgres", "postgres");
    auto connection = TRY(postgres::Connection::open(std::move(settings)));
    story_.orders_after = TRY(connection.query_value(kDigest, {}, process_.stop));
    story_.recovery = std::chrono::duration_cast<std::chrono::microseconds>(process_.clock.monotonic() - begin);
    TRY(compare_payments(connection));
    return server.stop(postgres::ServerProcess::StopMode::fast, std::chrono::seconds(60));
  }

  /// Acknowledged before the mistake: must be there. Begun after it: must not.
  Result<void> compare_payments(postgres::Connection& connection) {
    const auto last = TRY(connection.query_value("select coalesce(max(id), 0) from public.payments"));
    const auto count = TRY(connection.query_value("select count(*) from public.payments"));
    const auto highest = std::stoll(last);
    story_.payments_acknowledged = payments_.size();
    for (const auto& payment : payments_) {
      const bool expected = payment.acknowledged <= story_.dropped;
      story_.payments_expected += expected ? 1u : 0u;
      story_.payments_found += expected && payment.id <= highest ? 1u : 0u;
      story_.payments_from_later += payment.begun > story_.dropped && payment.id <= highest ? 1u : 0u;
    }
    if (std::stoll(count) != highest) {
      return Error(ErrorKind::corrupt,
                   fmt::format("the recovered table payments has {} rows, but ids up to {}", count, last));
    }
    return {};
  }

  const Process& process_;
  DemoStage& stage_;
  Story story_;
  std::vector<DemoClient::Order> payments_;
};

void print_verdict(const Output& output, const Story& story) {
  output.line("");
  output.line(story.proved() ? "RECOVERED, and compared with what was there before:"
                             : "NOT RECOVERED: what came back differs from what was there before:");
  output.line("  orders before   " + story.orders_before);
  output.line("  orders after    " + story.orders_after +
              (story.orders_before == story.orders_after ? "   identical" : "   DIFFERENT"));
  output.line(
      fmt::format("  payments        {} of {} that were acknowledged before the mistake, {} of those begun after it",
                  story.payments_found, story.payments_expected, story.payments_from_later));
  output.line(fmt::format("  back in         {} from the restore command to the first answer",
                          format_duration(story.recovery)));
  output.line(fmt::format("  kept            {} of database in {}, readable only with the key", story.database_size,
                          story.stored));
}

Json to_json(const Story& story) {
  Json json;
  json.set("proved", story.proved()).set("orders_before", story.orders_before).set("orders_after", story.orders_after);
  json.set("payments_expected", static_cast<uint64_t>(story.payments_expected));
  json.set("payments_found", static_cast<uint64_t>(story.payments_found));
  json.set("payments_from_later", static_cast<uint64_t>(story.payments_from_later));
  return json.set("recovery_seconds", duration<double>(story.recovery).count());
}

Result<void> become_unprivileged() {
  if (!running_as_root()) return {};
  auto user = find_user("postgres");
  if (!user) {
    return Error(ErrorKind::refused, "PostgreSQL does not run as root, and there is no user postgres to become")
        .with_hint("run the demo as an ordinary user");
  }
  return become_user(*user, KeptRights::none);
}

Result<int> run_demo(const Process& process, const DemoOptions& options) {
  TRY(become_unprivileged());
  auto directory = TRY(ScratchDirectory::create(options.directory.value_or("/tmp"), "ssb-demo-"));
  const std::string program = TRY(jobs::reachable_program(directory.path()));
  Result<Story> story = Error(ErrorKind::internal, "not run");
  {
    auto stage = TRY(DemoStage::build({directory.path(), program}, process.clock, process.random, process.stop));
    story = Demo(process, *stage).run();
  }  // the server has ended here, whatever happened
  if (options.keep) {
    const std::string kept = directory.path() + "-kept";
    if (::rename(directory.path().c_str(), kept.c_str()) != 0) return Error::from_errno(errno, "keeping " + kept);
    process.output.line("kept for a look around: " + kept);
  }
  if (!story) return std::move(story).error();
  print_verdict(process.output, *story);
  const int code = story->proved() ? kDone : kDamaged;
  process.output.summary("demo", to_json(*story), code);
  return code;
}

}  // namespace

CommandEntry demo_command() {
  auto o = std::make_shared<DemoOptions>();
  return {.name = "demo",
          .description = "backup, disaster and recovery on a throwaway PostgreSQL",
          .options = {option("--directory", "DIR", o->directory, "where to work (default: a temporary directory)"),
                      flag("--keep", o->keep, "leave the directory for a look around")},
          .examples = {{"demo", "two minutes; nothing of it stays"}},
          .run = [o](const Process& process) { return run_demo(process, *o); }};
}

}  // namespace spendsync::cli
