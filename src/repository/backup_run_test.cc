#include "repository/backup_run.h"

#include <algorithm>
#include <thread>

#include "repository/backup_reader.h"
#include "repository/catalog.h"
#include "repository/testing/sample_repository.h"
#include "storage/directory/directory_store.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::repository {
namespace {

using storage::StoreFault;
using storage::StoreOperation;

TEST(BackupRun, ReturnsEveryByteThatSeveralWritersSent) {
  SampleWorld world;
  auto repository = world.open();
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SampleBackupSettings settings;
    settings.seed = seed;
    settings.files = 15;
    settings.workers = 1 + static_cast<unsigned>(seed % 4);
    settings.frame_size = 1 + (seed * 7919) % 70'000;
    settings.pack_size = 50'000 + seed * 100'000;
    if (settings.frame_size < 500) settings.file_size_max = 50'000;
    world.clock.advance(std::chrono::seconds(1));
    auto backup = MUST(make_sample_backup(*repository, settings));
    auto other = world.open_for_reading();  // no key and nothing else of this process helps
    EXPECT_EQ(compare_with_repository(*other, backup), "") << "seed " << seed;
  }
}

TEST(BackupRun, WorksOnADirectory) {
  auto directory = MUST(TemporaryDirectory::create("/tmp", "ssb-repository-"));
  auto store = MUST(storage::DirectoryStore::open({directory.path() + "/store", true}));
  SampleWorld world(*store);
  auto repository = world.open();
  auto backup = MUST(make_sample_backup(*repository, {}));
  EXPECT_EQ(compare_with_repository(*world.open_for_reading(), backup), "");
  EXPECT_GT(backup.summary.packs, 4u);
}

TEST(BackupRun, RecordsTheSummaryAndTheServersFilesByteForByte) {
  SampleWorld world;
  auto repository = world.open();
  auto backup = MUST(make_sample_backup(*repository, {}));
  auto manifest = MUST(read_manifest(*repository, backup.summary.label));
  EXPECT_EQ(manifest.body.backup_label, "START WAL LOCATION: 0/2000028\n");
  EXPECT_EQ(manifest.body.tablespace_map, "16500 /srv/\xff space\n");
  const auto& summary = manifest.summary;
  EXPECT_EQ(summary.label.text(), "20240315T120000Z-full");
  EXPECT_EQ(summary.files, 13u);
  EXPECT_EQ(summary.entries, 14u);
  EXPECT_EQ(summary.start.lsn, Lsn{0x2000000});
  EXPECT_EQ(summary.stop.lsn, Lsn{0x2000100});
  EXPECT_EQ(summary.system_identifier, world.identity.system_identifier);
  EXPECT_EQ(summary.host, "db1");
  EXPECT_EQ(summary.server_settings.at("max_connections"), "100");
  EXPECT_EQ(summary.tablespaces.at(0).location, "/srv/\xff space");
  EXPECT_EQ(summary.captured_sets, backup.summary.captured_sets);
  EXPECT_EQ(summary.page_failure_files, backup.summary.page_failure_files);
  EXPECT_EQ(summary.keys, backup.summary.keys);
  EXPECT_EQ(summary.chain.sequence, 1u);
  EXPECT_TRUE(summary.complete());
  uint64_t bytes = 0;
  uint64_t stored = 0;
  for (const auto& [path, file] : backup.files) bytes += file.content.size();
  for (const auto& pack : manifest.body.packs) stored += pack.size;
  EXPECT_EQ(summary.source_bytes, bytes);
  EXPECT_EQ(summary.stored_bytes, stored);
}

TEST(BackupRun, TakesTheNextSecondWhenALabelIsTaken) {
  SampleWorld world;
  auto repository = world.open();
  auto first = MUST(make_sample_backup(*repository, {}));
  auto second = MUST(make_sample_backup(*repository, {}));
  EXPECT_EQ(first.summary.label.text(), "20240315T120000Z-full");
  EXPECT_EQ(second.summary.label.text(), "20240315T120001Z-full");
  EXPECT_EQ(compare_with_repository(*repository, first), "");
  EXPECT_EQ(compare_with_repository(*repository, second), "");
}

TEST(BackupRun, RunsAtOnceGetLabelsOfTheirOwn) {
  SampleWorld world;
  auto repository = world.open();
  std::vector<std::string> labels(4);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < labels.size(); ++i) {
      threads.emplace_back([&, i] {
        SampleBackupSettings settings;
        settings.seed = i + 1;
        settings.files = 3;
        auto backup = make_sample_backup(*repository, settings);
        labels[i] = backup ? compare_with_repository(*repository, *backup) + backup->summary.label.text()
                           : describe(backup.error());
      });
    }
  }
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(labels, (std::vector<std::string>{"20240315T120000Z-full", "20240315T120001Z-full", "20240315T120002Z-full",
                                              "20240315T120003Z-full"}));
}

TEST(BackupRun, KilledAtAnyPointLeavesNothingThatIsListed) {
  uint64_t failures = 0;
  for (uint64_t nth = 1; nth < 1000; nth += (nth < 40 ? 1 : 5)) {
    SampleWorld world;
    auto repository = world.open();
    storage::FaultyStore faulty(world.memory, world.clock);
    world.store = &faulty;
    auto running = world.open();
    faulty.reset();
    StoreFault fault;
    fault.nth = nth;
    fault.persistent = true;
    faulty.add(fault);
    SampleBackupSettings settings;
    settings.files = 6;
    auto attempt = make_sample_backup(*running, settings);
    auto catalog = MUST(Catalog::load(*repository, {}));
    if (attempt) {
      EXPECT_EQ(catalog.backups().size(), 1u);
      break;
    }
    ++failures;
    EXPECT_EQ(attempt.error().kind(), ErrorKind::transient) << nth << " " << attempt.error().message();  // the cause
    EXPECT_TRUE(catalog.backups().empty()) << nth;
    EXPECT_LE(catalog.unfinished().size(), 1u);
    auto again = make_sample_backup(*repository, settings);  // the same command again converges
    ASSERT_OK(again);
    EXPECT_EQ(compare_with_repository(*repository, *again), "") << nth;
  }
  EXPECT_GE(failures, 20u);
}

TEST(BackupRun, ALostReplyToTheManifestIsNoFailure) {
  SampleWorld world;
  auto repository = world.open();
  storage::FaultyStore faulty(world.memory, world.clock);
  // What a retrying store does when the first reply was lost: the second put finds its own object.
  StoreFault fault;
  fault.operation = StoreOperation::put;
  fault.effect = StoreFault::Effect::fail_after;
  fault.kind = ErrorKind::already_exists;
  fault.persistent = true;
  faulty.add(fault);
  world.store = &faulty;
  auto running = MUST(Repository::open_for_reading(world.settings, std::nullopt, world.collaborators()));
  faulty.reset();
  // Only `started` (3rd put, after two wraps) and the manifest (4th).
  for (uint64_t nth : {uint64_t{3}, uint64_t{4}}) {
    fault.nth = nth;
    fault.persistent = false;
    faulty.add(fault);
  }
  auto backup = MUST(make_sample_backup(*running, {}));
  EXPECT_EQ(backup.summary.label.text(), "20240315T120000Z-full");
  EXPECT_EQ(compare_with_repository(*repository, backup), "");
}

/// A run with one file of its own, ready to be committed.
struct ReadyRun {
  explicit ReadyRun(Repository& repository, std::stop_token stop = {}) {
    BackupRun::Settings settings;
    settings.workers = 1;
    settings.must_be_restorable = false;
    run = MUST(BackupRun::begin(repository, settings, stop));
    auto writer = MUST(run->frame_writer());
    FileEntry entry;
    entry.path = "PG_VERSION";
    entry.content.add(MUST(writer->append(as_bytes("15\n"))));
    entry.size = 3;
    MUST(writer->finish());
    MUST(run->add_file(entry));
  }
  Result<ManifestSummary> commit() { return run->commit({}, {"label", ""}); }
  std::unique_ptr<BackupRun> run;
};

TEST(BackupRun, ATombstoneAtTheManifestTakesTheCommitAway) {
  SampleWorld world;
  auto repository = world.open();
  ReadyRun ready(*repository);
  auto key = repository->layout().manifest(ready.run->label());
  auto keys = MUST(repository->keys().create_pair("expire"));
  MUST(repository->put_document({ObjectType::tombstone, key, as_bytes("{}")}, keys.meta));
  EXPECT_KIND(ready.commit(), ErrorKind::conflict);
  auto catalog = MUST(Catalog::load(*repository, {}));
  EXPECT_TRUE(catalog.backups().empty());
  EXPECT_TRUE(catalog.unfinished().empty());
  EXPECT_KIND(read_manifest(*repository, ready.run->label()), ErrorKind::conflict);
}

TEST(BackupRun, APackThatIsGoneAtCommitIsNotPromised) {
  SampleWorld world;
  auto repository = world.open();
  for (bool truncate : {false, true}) {
    ReadyRun ready(*repository);
    // The data pack is durable once its writer has finished and the finisher was there.
    while (ready.run->progress().packs_finished == 0) std::this_thread::yield();
    auto prefix = repository->layout().packs_prefix(ready.run->label());
    for (const auto& key : world.memory.keys()) {
      if (!key.text().starts_with(prefix)) continue;
      if (truncate) {
        auto bytes = MUST(world.memory.get(key, 1u << 30));
        bytes.pop_back();
        world.memory.overwrite(key, bytes);
      } else {
        MUST(world.memory.remove(key));
      }
    }
    auto committed = ready.commit();
    EXPECT_KIND(committed, ErrorKind::corrupt);
    EXPECT_NE(committed.error().message().find("pack "), std::string::npos);
  }
  EXPECT_TRUE(MUST(Catalog::load(*repository, {})).backups().empty());
}

TEST(BackupRun, FramesLeftInAWriterAreAnErrorNotALoss) {
  SampleWorld world;
  auto repository = world.open();
  auto run = MUST(BackupRun::begin(*repository, {}, {}));
  {
    auto writer = MUST(run->frame_writer());
    MUST(writer->append(as_bytes("never finished")));
  }
  EXPECT_KIND(run->commit({}, {}), ErrorKind::internal);
  EXPECT_TRUE(MUST(Catalog::load(*repository, {})).backups().empty());
}

TEST(BackupRun, AFinishersFailureStopsTheWritersWithItsCause) {
  SampleWorld world;
  auto repository = world.open();
  storage::FaultyStore faulty(world.memory, world.clock);
  world.store = &faulty;
  auto running = world.open();
  faulty.reset();
  StoreFault fault;
  fault.operation = StoreOperation::finish;
  fault.nth = 2;
  fault.kind = ErrorKind::exhausted;
  fault.persistent = true;
  faulty.add(fault);
  SampleBackupSettings settings;
  settings.files = 200;
  settings.pack_size = 100'000;
  auto failed = make_sample_backup(*running, settings);
  EXPECT_KIND(failed, ErrorKind::exhausted);
  EXPECT_LT(faulty.calls(StoreOperation::begin_upload), 50u);  // it did not go on to the end
}

TEST(BackupRun, StopsWhenAsked) {
  SampleWorld world;
  auto repository = world.open();
  std::stop_source stop;
  ReadyRun ready(*repository, stop.get_token());
  stop.request_stop();
  EXPECT_KIND(ready.commit(), ErrorKind::cancelled);
  EXPECT_TRUE(MUST(Catalog::load(*repository, {})).backups().empty());
}

TEST(BackupRun, AbandonedRunsAreListedAsUnfinished) {
  SampleWorld world;
  auto repository = world.open();
  {
    ReadyRun ready(*repository);
    ready.run->abandon();
  }
  auto catalog = MUST(Catalog::load(*repository, {}));
  EXPECT_TRUE(catalog.backups().empty());
  ASSERT_EQ(catalog.unfinished().size(), 1u);
  EXPECT_EQ(catalog.unfinished()[0].label.text(), "20240315T120000Z-full");
}

TEST(BackupRun, AnIncrementalMarksItsFullAndYieldsToExpiry) {
  SampleWorld world;
  auto repository = world.open();
  auto full = MUST(make_sample_backup(*repository, {}));
  BackupRun::Settings settings;
  settings.type = BackupType::incremental;
  settings.parent = full.summary.label;
  settings.must_be_restorable = false;
  world.clock.advance(std::chrono::hours(24));
  auto run = MUST(BackupRun::begin(*repository, settings, {}));
  EXPECT_OK(world.memory.stat(repository->layout().child(full.summary.label, run->label())));
  auto keys = MUST(repository->keys().create_pair("expire"));
  MUST(repository->put_document(
      {ObjectType::expiring, repository->layout().expiring(full.summary.label), as_bytes("{}")}, keys.meta));
  EXPECT_KIND(BackupRun::begin(*repository, settings, {}), ErrorKind::refused);
  // The run that set its mark before goes on: expiry has seen the mark. Not without its full, though.
  MUST(repository->store().remove(repository->layout().manifest(full.summary.label)));
  EXPECT_KIND(run->commit({}, {}), ErrorKind::refused);
  settings.parent = MUST(Label::parse("20200101T000000Z-full"));
  EXPECT_KIND(BackupRun::begin(*repository, settings, {}), ErrorKind::refused);
}

TEST(BackupReader, ReadsChunksInAnyOrderAndPartsOfFrames) {
  SampleWorld world;
  auto repository = world.open();
  SampleBackupSettings settings;
  settings.files = 3;
  settings.file_size_max = 20'000'000;
  settings.frame_size = 262'144;
  settings.pack_size = 4'000'000;
  auto backup = MUST(make_sample_backup(*repository, settings));
  auto reader = MUST(BackupReader::open(*repository, backup.summary.label));
  auto frames = MUST(reader->frame_reader());
  SeededRandom random(9);
  for (const auto& [path, file] : backup.files) {
    auto chunks = MUST(split_content(file.entry));
    uint64_t covered = 0;
    for (const auto& chunk : chunks) {
      EXPECT_LE(chunk.size, kChunkMax);
      covered += chunk.size;
    }
    EXPECT_EQ(covered, file.content.size());
    for (auto i = chunks.size(); i-- > 0;) {
      Bytes out(chunks[i].size);
      ASSERT_OK(frames->read(chunks[i], out, path));
      EXPECT_TRUE(
          std::equal(out.begin(), out.end(), file.content.begin() + static_cast<std::ptrdiff_t>(chunks[i].offset)));
    }
    for (const auto& run : file.entry.content.runs()) {  // as an incremental keeps pages of a base frame
      auto part = run;
      part.skip = random.next_u64() % run.raw_bytes();
      part.length = 1 + random.next_u64() % (run.raw_bytes() - part.skip);
      FrameRuns runs;
      runs.add_run(part);
      uint64_t run_begin = 0;
      for (const auto& before : file.entry.content.runs()) {
        if (&before == &run) break;
        run_begin += before.length;
      }
      uint64_t read = 0;
      for (const auto& chunk : split_runs(runs)) {
        Bytes out(chunk.size);
        ASSERT_OK(frames->read(chunk, out, path));
        auto expected = file.content.begin() + static_cast<std::ptrdiff_t>(run_begin + part.skip + read);
        EXPECT_TRUE(std::equal(out.begin(), out.end(), expected));
        read += chunk.size;
      }
      EXPECT_EQ(read, part.length);
    }
  }
}

TEST(BackupReader, NamesPackFrameAndFileOfWhatIsDamaged) {
  SampleWorld world;
  auto repository = world.open();
  auto backup = MUST(make_sample_backup(*repository, {}));
  auto manifest = MUST(read_manifest(*repository, backup.summary.label));
  const auto& file = backup.files.at("base/5/16387");
  const auto& run = file.entry.content.runs().at(0);
  auto pack = manifest.body.packs.at(run.pack);
  auto key = repository->layout().pack(backup.summary.label, pack.name);
  auto bytes = MUST(world.memory.get(key, 1u << 30));
  bytes[run.first_offset + 20] ^= std::byte{1};
  world.memory.overwrite(key, bytes);
  auto reader = MUST(BackupReader::open(*repository, backup.summary.label));
  auto frames = MUST(reader->frame_reader());
  auto read = frames->read_file(file.entry, [](uint64_t, ByteView) { return ok(); });
  EXPECT_KIND(read, ErrorKind::corrupt);
  for (auto part : {std::string("base/5/16387"), pack.name.to_string(), "frame " + std::to_string(run.first_number)}) {
    EXPECT_NE(read.error().message().find(part), std::string::npos) << read.error().message();
  }
  // A file table that points anywhere else is refused before anything is believed.
  auto forged = file.entry;
  FrameRuns elsewhere;
  auto wrong = run;
  wrong.pack = 4711;
  elsewhere.add_run(wrong);
  forged.content = elsewhere;
  forged.size = elsewhere.length();
  EXPECT_KIND(frames->read_file(forged, [](uint64_t, ByteView) { return ok(); }), ErrorKind::corrupt);
  wrong = run;
  wrong.first_number += 1;
  elsewhere = {};
  elsewhere.add_run(wrong);
  forged.content = elsewhere;
  EXPECT_KIND(frames->read_file(forged, [](uint64_t, ByteView) { return ok(); }), ErrorKind::corrupt);
}

TEST(BackupRun, AThreadThatThrowsWhileItFinishesPacksEndsTheRunWithItsError) {
  SampleWorld sample;
  storage::FaultyStore faulty(sample.memory, sample.clock);
  sample.store = &faulty;
  auto repository = sample.open();
  faulty.reset();
  faulty.add({.operation = StoreOperation::finish, .nth = 2, .persistent = true, .effect = StoreFault::Effect::throws});
  auto backup = make_sample_backup(*repository, {});
  EXPECT_KIND(backup, ErrorKind::internal);
  EXPECT_NE(backup.error().message().find("pack-finish ended by an exception"), std::string::npos)
      << backup.error().message();
  EXPECT_TRUE(MUST(Catalog::load(*repository, {})).backups().empty());
}

}  // namespace
}  // namespace spendsync::repository
