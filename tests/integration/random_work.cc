#include "integration/random_work.h"

#include <fmt/format.h>

namespace spendsync::testing {

RandomWork::RandomWork(RealServer& server, RandomSource& random) : server_(server), random_(random) {
  server_.psql("create tablespace aside location '" + server_.make_directory("aside") + "'");
  server_.pgbench({"-i", "-s", "2", "-q"});
  create_table();
  create_table();
}

const std::vector<RandomWork::Step>& RandomWork::steps() {
  static const std::vector<Step> kSteps = {
      {"pgbench", &RandomWork::pgbench, 4},
      {"create a table", &RandomWork::create_table, 3},
      {"grow a table", &RandomWork::grow_table, 3},
      {"change rows", &RandomWork::change_rows, 4},
      {"delete and vacuum", &RandomWork::delete_and_vacuum, 3},
      {"truncate and refill", &RandomWork::truncate_and_refill, 2},
      {"rewrite a table", &RandomWork::rewrite_table, 2},
      {"drop a table", &RandomWork::drop_table, 1},
      {"unlogged to logged", &RandomWork::unlogged_to_logged, 1},
      {"database by file copy", &RandomWork::create_database_by_copy, 1},
      {"database by WAL", &RandomWork::create_database_by_wal, 1},
      {"database moved there and back", &RandomWork::move_database_there_and_back, 1},
      {"move a table", &RandomWork::move_table, 1},
      {"large objects", &RandomWork::large_objects, 1},
      {"crash", &RandomWork::crash, 1},
      {"timeline switch", &RandomWork::switch_timeline, 1},
  };
  return kSteps;
}

std::string RandomWork::step() {
  size_t all = 0;
  for (const auto& step : steps()) all += step.weight;
  auto chosen = below(all);
  for (const auto& step : steps()) {
    if (chosen < step.weight) {
      (this->*step.run)();
      return step.name;
    }
    chosen -= step.weight;
  }
  return {};
}

void RandomWork::pgbench() { server_.pgbench({"-c", "2", "-t", std::to_string(50 + below(300))}); }

void RandomWork::create_table() {
  auto name = new_name("t");
  server_.psql(
      fmt::format("create table {0} (id int, word text, body text){1};"
                  "insert into {0} select n, md5(n::text), repeat(md5((n * 7)::text), n % 40)"
                  " from generate_series(1, {2}) n; create index on {0} (id); create index on {0} (word)",
                  name, below(3) == 0 ? " tablespace aside" : "", 200 + below(8000)));
  tables_.push_back(name);
}

std::string RandomWork::some_table() {
  if (tables_.empty()) create_table();
  return tables_[below(tables_.size())];
}

void RandomWork::grow_table() {
  server_.psql(fmt::format("insert into {} select n, md5(n::text), repeat('x', n % 500) from generate_series(1, {}) n",
                           some_table(), below(5000)));
}

void RandomWork::change_rows() {
  server_.psql(
      fmt::format("update {} set word = md5(word), body = body || 'y' where id % {} = 0", some_table(), 1 + below(50)));
}

void RandomWork::delete_and_vacuum() {
  auto table = some_table();
  server_.psql(fmt::format("delete from {} where id > {}", table, below(6000)));
  server_.psql("vacuum " + table);
}

void RandomWork::truncate_and_refill() {
  auto table = some_table();
  server_.psql("truncate " + table);
  server_.psql(
      fmt::format("insert into {} select n, 'again', md5(n::text) from generate_series(1, {}) n", table, below(6000)));
}

void RandomWork::rewrite_table() {
  auto table = some_table();
  server_.psql((below(2) == 0 ? "vacuum full " : "vacuum freeze ") + table);
}

void RandomWork::drop_table() {
  if (tables_.size() < 3) return;
  auto index = static_cast<std::ptrdiff_t>(below(tables_.size()));
  server_.psql("drop table " + tables_[static_cast<size_t>(index)]);
  tables_.erase(tables_.begin() + index);
}

void RandomWork::unlogged_to_logged() {
  auto name = new_name("u");
  server_.psql(
      fmt::format("create unlogged table {0} as select n as id, 'u' as word, md5(n::text) as body"
                  " from generate_series(1, {1}) n",
                  name, 100 + below(3000)));
  server_.psql("alter table " + name + " set logged");
  tables_.push_back(name);
}

void RandomWork::create_database_by_copy() {
  auto name = new_name("copied");
  server_.psql("create database " + name + (server_.clients_match() ? " strategy file_copy" : ""));
  server_.psql("create table inside as select n from generate_series(1, 500) n", name);
  databases_.push_back(name);
}

void RandomWork::create_database_by_wal() {
  auto name = new_name("logged");
  server_.psql("create database " + name);
  server_.psql("create table inside as select n from generate_series(1, 900) n", name);
  databases_.push_back(name);
}

void RandomWork::move_database_there_and_back() {
  if (databases_.empty()) create_database_by_wal();
  const auto& name = databases_[below(databases_.size())];
  server_.psql("alter database " + name + " set tablespace aside");
  server_.psql("update inside set n = n + 1 where n % 3 = 0", name);
  if (below(2) == 0) server_.psql("alter database " + name + " set tablespace pg_default");
}

void RandomWork::move_table() {
  server_.psql(fmt::format("alter table {} set tablespace {}", some_table(), below(2) == 0 ? "aside" : "pg_default"));
}

void RandomWork::large_objects() {
  server_.psql("select count(lo_from_bytea(0, decode(md5(n::text), 'hex'))) from generate_series(1, 200) n");
}

void RandomWork::crash() {
  server_.stop("immediate");
  server_.start();
}

void RandomWork::switch_timeline() {
  server_.stop("immediate");
  server_.run({"/usr/bin/touch", server_.data_directory() + "/standby.signal"});
  server_.start();
  server_.psql("select pg_promote()");
  server_.psql("checkpoint");  // pg_control tells the new timeline from now on
}

}  // namespace spendsync::testing
