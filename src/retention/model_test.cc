// Two writers, two expiries, a restore and a pin at one repository, in thousands of orders: what is listed is whole.
//   SSB_TESTS=long runs 10,000 schedules; SSB_SEED=n runs that one alone.
#include <cstdlib>
#include <thread>

#include "repository/backup_reader.h"
#include "repository/catalog.h"
#include "repository/testing/sample_repository.h"
#include "retention/expiry.h"
#include "retention/inventory.h"
#include "retention/testing/interleaving.h"

namespace spendsync::retention {
namespace {

using repository::Catalog;
using repository::Repository;
using repository::SampleWorld;
using std::chrono::hours;

/// An object as it lay in the repository that every schedule begins with.
struct Laid {
  storage::ObjectKey key;
  Bytes bytes;
  Timestamp created;
};

/// Stands for a segment: retention looks at names, times and sizes alone.
void put_segment(Repository& repository, uint64_t number) {
  const auto key = repository.layout().segment({{1}, number}, repository.identity().wal_segment_size);
  (void)repository.store().put_if_absent(key, as_bytes("segment"));
}

Lsn in_segment(const Repository& repository, uint64_t number) {
  return {number * repository.identity().wal_segment_size + 0x28};
}

repository::ManifestSummary summary_of(const Repository& repository, uint64_t segment) {
  repository::ManifestSummary summary;
  summary.started = summary.stopped = repository.clock().now();
  summary.start = {{1}, in_segment(repository, segment)};
  summary.stop = {{1}, {in_segment(repository, segment).value + 0x100}};
  summary.checkpoint = summary.start.lsn;
  summary.page_size = 8192;
  summary.major_version = 15;
  return summary;
}

Result<void> send_something(repository::BackupRun& run) {
  auto writer = TRY(run.frame_writer());
  const Bytes content(3000, std::byte{7});
  repository::FileEntry entry;
  entry.path = "base/1";
  entry.kind = repository::FileKind::file;
  entry.size = content.size();
  auto frame = TRY(writer->append(content));
  entry.content.add(frame);
  TRY(run.add_file(entry));
  return writer->finish();
}

repository::BackupRun::Settings run_settings(BackupType type, std::optional<Label> parent = {}) {
  repository::BackupRun::Settings settings;
  settings.type = type;
  settings.parent = std::move(parent);
  settings.finishers = 1;
  settings.host = "db";
  settings.must_be_restorable = false;  // nobody restores them
  return settings;
}

/// A backup whose WAL is one segment. Its label.
Result<Label> back_up(Repository& repository, std::unique_ptr<repository::BackupRun> run, uint64_t segment) {
  TRY(send_something(*run));
  put_segment(repository, segment);
  auto summary = TRY(run->commit(summary_of(repository, segment), {"label", ""}));
  return summary.label;
}

/// Two fulls, one of which is about to expire, an old incremental, a run that was killed 47 hours ago, and WAL.
class Beginning {
 public:
  Beginning() {
    auto repository = world_.open();
    first_ = make(*repository, run_settings(BackupType::full), 10);
    world_.clock.advance(hours(24));
    make(*repository, run_settings(BackupType::incremental, first_), 12);
    world_.clock.advance(hours(19 * 24));
    second_ = make(*repository, run_settings(BackupType::full), 20);
    world_.clock.advance(hours(6 * 24));
    for (uint64_t number = 10; number < 30; ++number) put_segment(*repository, number);
    auto killed = MUST(repository::BackupRun::begin(*repository, run_settings(BackupType::full), {}));
    EXPECT_OK(send_something(*killed));
    killed.reset();
    world_.clock.advance(hours(47));
    for (const auto& key : world_.memory.keys()) {
      objects_.push_back({key, MUST(world_.memory.get(key, 1u << 30)), MUST(world_.memory.stat(key)).created});
    }
  }
  Timestamp now() const { return world_.clock.now(); }
  const std::vector<Laid>& objects() const { return objects_; }
  const Label& first() const { return first_; }
  const Label& second() const { return second_; }
  SampleWorld& world() { return world_; }

 private:
  Label make(Repository& repository, const repository::BackupRun::Settings& settings, uint64_t segment) {
    return MUST(back_up(repository, MUST(repository::BackupRun::begin(repository, settings, {})), segment));
  }
  SampleWorld world_;
  std::vector<Laid> objects_;
  Label first_ = Label::make(Timestamp{}, BackupType::full);
  Label second_ = first_;
};

constexpr size_t kActors = 7;

/// One order of events, and what must hold after it.
class Play {
 public:
  Play(Beginning& beginning, uint64_t seed)
      : beginning_(beginning),
        clock_(beginning.now()),
        store_(clock_),
        random_(seed),
        seeds_(seed * 31 + 7),
        schedule_(seed, kActors, clock_) {
    for (const auto& object : beginning.objects()) {
      clock_.set(object.created);
      MUST(store_.put_if_absent(object.key, object.bytes));
    }
    clock_.set(beginning.now());
    for (size_t actor = 0; actor < kActors; ++actor) {
      if (seeds_.next_u64() % 3 == 0) schedule_.kill(actor, 1 + seeds_.next_u64() % 60);
    }
  }

  void run() {
    const uint64_t choice = seeds_.next_u64();
    std::vector<std::jthread> threads;
    const std::array<std::function<void(Repository&)>, kActors> roles = {
        [&](Repository& r) { note(begin_and_back_up(r, run_settings(BackupType::full), 40)); },
        [&](Repository& r) { incremental(r, choice % 3 == 0); },
        [&](Repository& r) { resume(r); },
        [&](Repository& r) { expire(r); },
        [&](Repository& r) { expire(r); },
        [&](Repository& r) { restore(r, choice / 3); },
        [&](Repository& r) { pin(r, choice % 2 == 0 ? beginning_.first() : beginning_.second()); }};
    for (size_t actor = 0; actor < kActors; ++actor) {
      threads.emplace_back([&, actor] {
        ActorStore store(store_, schedule_, actor);
        auto repository = Repository::open_for_reading(settings(), std::nullopt, collaborators(store));
        if (repository) roles[actor](**repository);
        schedule_.leave(actor);
      });
    }
  }

  void check() {
    auto repository = open();
    expect_whole(*repository);
    for (const auto& label : pinned_)
      EXPECT_TRUE((store_.stat(repository->layout().manifest(label))).has_value()) << label.text();
    for (const auto& label : committed_) {
      if (clock_.now() < label.start() + hours(7 * 24)) {
        EXPECT_TRUE((store_.stat(repository->layout().manifest(label))).has_value()) << label.text();
      }
    }
    EXPECT_TRUE(broken_restores_.empty()) << broken_restores_;
    expect_convergence(*repository);
  }

 private:
  Repository::Settings settings() const {
    auto settings = beginning_.world().settings;
    settings.state_directory = "";
    return settings;
  }
  repository::Collaborators collaborators(storage::ObjectStore& store) {
    return {store, {beginning_.world().key.wrapper()}, random_, clock_, beginning_.world().log};
  }
  std::unique_ptr<Repository> open() {
    return MUST(Repository::open_for_reading(settings(), std::nullopt, collaborators(store_)));
  }

  void note(const Result<Label>& label) {
    std::lock_guard lock(mutex_);
    if (label) committed_.push_back(*label);
  }

  Result<Label> begin_and_back_up(Repository& repository, const repository::BackupRun::Settings& settings,
                                  uint64_t segment) {
    auto run = TRY(repository::BackupRun::begin(repository, settings, {}));
    return back_up(repository, std::move(run), segment);
  }

  void incremental(Repository& repository, bool on_the_old_one) {
    const auto parent = on_the_old_one ? beginning_.first() : beginning_.second();
    note(begin_and_back_up(repository, run_settings(BackupType::incremental, parent), 41));
  }

  void resume(Repository& repository) {
    auto labels = repository::find_interrupted(repository, BackupType::full, hours(48), {});
    if (!labels || labels->empty()) return;
    auto interrupted = repository::InterruptedRun::open(repository, labels->back(), {});
    if (!interrupted) return;
    auto run = repository::BackupRun::resume(repository, run_settings(BackupType::full), *std::move(interrupted), {});
    if (run) note(back_up(repository, *std::move(run), 42));
  }

  void expire(Repository& repository) {
    for (int round = 0; round < 2; ++round) {
      auto facts = read_facts(repository, {});
      if (!facts) continue;
      auto plan = make_plan(*facts, {});
      if (plan) (void)Expiry(repository, "db", {}).carry_out(*plan);
    }
  }

  /// Reads the packs of a backup and of its full. A restore that took less than the grace loses nothing under its
  /// hands.
  void restore(Repository& repository, uint64_t choice) {
    auto catalog = Catalog::load(repository, {});
    if (!catalog) return;
    const auto readable = catalog->readable_backups();
    if (readable.empty()) return;
    const auto begun = clock_.now();
    const auto& chosen = *readable[choice % readable.size()];
    std::vector<Label> needed = {chosen.label};
    if (chosen.parent) needed.push_back(*chosen.parent);
    for (const auto& label : needed) {
      auto manifest = repository::read_manifest(repository, label);
      if (!manifest) return;  // it expired between the listing and the plan: the restore never begins
      for (const auto& pack : manifest->body.packs) {
        auto there = repository.store().stat(repository.layout().pack(label, pack.name));
        const bool lost = !there && there.error().is(ErrorKind::not_found);
        if (lost && clock_.now() < begun + hours(24)) {
          std::lock_guard lock(mutex_);
          broken_restores_ += label.text() + " lost a pack under a restore\n";
        }
      }
    }
  }

  void pin(Repository& repository, const Label& label) {
    if (!repository::pin_backup(repository, label, "model", "db")) return;
    std::lock_guard lock(mutex_);
    pinned_.push_back(label);
  }

  void expect_whole(Repository& repository) {
    const auto catalog = MUST(Catalog::load(repository, {}));
    size_t fulls = 0;
    for (const auto& entry : catalog.backups()) {
      ASSERT_OK(entry.summary);
      fulls += entry.label.type() == BackupType::full ? 1u : 0u;
      expect_packs(repository, entry.label);
      if (entry.summary->parent) expect_packs(repository, *entry.summary->parent);
      const auto segment_size = repository.identity().wal_segment_size;
      const auto name = SegmentName::containing({1}, entry.summary->start.lsn, segment_size);
      EXPECT_TRUE((store_.stat(repository.layout().segment(name, segment_size))).has_value())
          << "WAL of " << entry.label.text();
    }
    EXPECT_GE(fulls, 1u);
  }

  void expect_packs(Repository& repository, const Label& label) {
    const auto manifest = repository::read_manifest(repository, label);
    ASSERT_TRUE((manifest).has_value()) << label.text();
    for (const auto& pack : manifest->body.packs) {
      auto info = store_.stat(repository.layout().pack(label, pack.name));
      ASSERT_TRUE((info).has_value()) << label.text();
      EXPECT_EQ(info->size, pack.size);
    }
  }

  /// Whatever was left in the middle: a few runs later nothing is that nothing needs.
  void expect_convergence(Repository& repository) {
    for (int round = 0; round < 4; ++round) {
      expire(repository);
      clock_.advance(hours(60));
    }
    expire(repository);
    const auto plan = MUST(make_plan(MUST(read_facts(repository, {})), {}));
    EXPECT_TRUE(plan.runs.empty());
    EXPECT_TRUE(plan.sweeps.empty());
    expect_whole(repository);
  }

  Beginning& beginning_;
  ManualClock clock_;
  storage::MemoryStore store_;
  SeededRandom random_;
  SeededRandom seeds_;
  Schedule schedule_;
  std::mutex mutex_;  // guards what follows
  std::vector<Label> committed_;
  std::vector<Label> pinned_;
  std::string broken_restores_;
};

uint64_t schedules() {
  const char* kind = std::getenv("SSB_TESTS");
  return kind != nullptr && std::string_view(kind) == "long" ? 10'000 : 100;
}

TEST(RetentionModel, NoOrderOfWritersExpiryRestoreAndKillsBreaksWhatIsListed) {
  Beginning beginning;
  const char* one = std::getenv("SSB_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t last = one != nullptr ? first : schedules();
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("SSB_SEED=" + std::to_string(seed));
    Play play(beginning, seed);
    play.run();
    play.check();
    ASSERT_FALSE(HasFailure()) << "SSB_SEED=" << seed;
  }
}

}  // namespace
}  // namespace spendsync::retention
