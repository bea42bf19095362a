// Every object type, damaged in every way: always detected, the object always named.
#include "repository/verify_objects.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "repository/testing/sample_repository.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::repository {
namespace {

/// A repository that holds at least two objects of every type, and the WAL that its backups and log records need.
struct FullWorld : SampleWorld {
  FullWorld() {
    auto repository = open();
    put_sample_segments(*repository, 0x20, 4);
    WalArchive archive(*repository, {});
    MUST(archive.put_history({2}, "1\t0/2400000\tswitched\n"));
    MUST(archive.put_history({3}, "1\t0/2400000\tswitched\n2\t0/2500000\tagain\n"));
    MUST(archive.put_segment({{2}, 0x24}, sample_segment(100, *repository), {}));
    MUST(archive.put_segment({{3}, 0x25}, sample_segment(101, *repository), {}));
    for (uint64_t number : {0x30u, 0x31u}) {
      auto name = SegmentName{{1}, number};
      MUST(archive.put_part(name, {0, 5000}, sample_content(number, 5000), {}));
      MUST(archive.put_file(name.file_name(identity.wal_segment_size) + ".partial", sample_content(number, 9000)));
    }
    for (int i = 0; i < 2; ++i) {
      SampleBackupSettings backup;
      backup.seed = static_cast<uint64_t>(i) + 1;
      backup.files = 4;
      backup.file_size_max = 60'000;
      backup.start = {0x2000000};
      backup.stop = {0x2300000};
      labels.push_back(MUST(make_sample_backup(*repository, backup)).summary.label);
      clock.advance(std::chrono::minutes(10));
      LogRecord record;
      record.label = Label::make(clock.now(), BackupType::transaction_logs);
      record.started = record.finished = record.covered_until = clock.now();
      record.ranges = {
          {{1}, {0x2000000}, {0x2400000}}, {{2}, {0x2400000}, {0x2500000}}, {{3}, {0x2500000}, {0x2600000}}};
      logs.push_back(MUST(put_log_record(*repository, record, {})));
      clock.advance(std::chrono::minutes(10));
    }
    auto keys = MUST(repository->keys().create_pair("expire"));
    const auto& layout = repository->layout();
    for (const auto& label : labels) {
      MUST(repository->put_document({ObjectType::child, layout.child(label, label.next()), as_bytes("{}")}, keys.meta));
      MUST(repository->put_document({ObjectType::expiring, layout.expiring(label), as_bytes("{}")}, keys.meta));
      auto gone = layout.manifest(label.next());
      MUST(repository->put_document({ObjectType::tombstone, layout.tombstone(gone), as_bytes("{}")}, keys.meta));
    }
  }

  std::vector<Label> labels;
  std::vector<Label> logs;

  /// What a fresh process says: the findings, or the error that kept it from opening.
  std::vector<Finding> findings() {
    auto repository = try_open();
    if (!repository) return {{"open", repository.error().kind(), repository.error().message()}};
    auto report = verify_everything(**repository, {2, nullptr}, {});
    if (!report) return {{"verify", report.error().kind(), report.error().message()}};
    return report->findings;
  }
};

std::string text_of(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += finding.key + ": " + finding.what + "\n";
  return text;
}

/// By what the object is: type, or "key" and "repository".
std::string kind_of(const Layout& layout, const storage::ObjectKey& key) {
  auto type = classify_key(layout, key);
  if (type) return std::string(to_string(*type));
  return key.text() == "repository" ? "repository" : "key";
}

std::map<std::string, std::vector<storage::ObjectKey>> by_kind(const FullWorld& world) {
  Layout layout({"demo", world.identity.system_identifier});
  std::map<std::string, std::vector<storage::ObjectKey>> kinds;
  for (const auto& key : world.memory.keys()) kinds[kind_of(layout, key)].push_back(key);
  return kinds;
}

/// Whether some finding names the object: as its key, or in the text of what opening said.
bool names(const std::vector<Finding>& findings, const storage::ObjectKey& key) {
  return std::any_of(findings.begin(), findings.end(), [&](const auto& finding) {
    return finding.key == key.text() || finding.what.find(key.text()) != std::string::npos;
  });
}

/// A key's wrap is named by its key id where opening goes through it.
bool names_object(const std::vector<Finding>& findings, const storage::ObjectKey& key) {
  if (names(findings, key)) return true;
  auto position = key.text().find("/keys/");
  if (position == std::string::npos) return false;
  auto id = key.text().substr(position + 6, 32);
  return std::any_of(findings.begin(), findings.end(),
                     [&](const auto& finding) { return finding.what.find(id) != std::string::npos; });
}

TEST(VerifyObjects, FindsNothingInAWholeRepository) {
  FullWorld world;
  EXPECT_EQ(text_of(world.findings()), "");
  auto repository = world.open_for_reading();
  auto before = world.memory.keys();
  auto report = MUST(verify_everything(*repository, {1, nullptr}, {}));
  EXPECT_EQ(report.files, 10u);
  EXPECT_GT(report.objects, 30u);
  EXPECT_EQ(world.memory.keys(), before);
  for (const auto& label : world.labels) EXPECT_TRUE(MUST(verify_backup(*repository, label, {}, {})).clean());
  for (const auto& label : world.logs) EXPECT_TRUE(MUST(verify_log(*repository, label, {}, {})).clean());
  EXPECT_TRUE(MUST(verify_cluster(*repository, {}, {})).clean());
}

TEST(VerifyObjects, TheSampleHoldsEveryObjectType) {
  FullWorld world;
  auto kinds = by_kind(world);
  for (const char* kind : {"repository", "key", "identity", "started", "pack", "manifest", "child", "expiring", "wal",
                           "wal-part", "history", "wal-file", "log", "tombstone"}) {
    EXPECT_GE(kinds[kind].size(), kind == std::string("repository") || kind == std::string("identity") ? 1u : 2u)
        << kind;
  }
}

/// Damages one object of every type and expects it to be named; then puts it back.
template <class Damage>
void expect_detected(FullWorld& world, std::string_view what, const Damage& damage) {
  for (const auto& [kind, keys] : by_kind(world)) {
    const auto& key = keys.front();
    auto whole = MUST(world.memory.get(key, 1u << 30));
    world.memory.overwrite(key, damage(whole));
    auto found = world.findings();
    EXPECT_TRUE(names_object(found, key)) << what << " of " << key.text() << " found: " << text_of(found);
    world.memory.overwrite(key, whole);
  }
  EXPECT_EQ(text_of(world.findings()), "");
}

TEST(VerifyObjects, AReadThatFailsIsNeverCalledDamage) {
  FullWorld world;
  storage::FaultyStore faulty(world.memory, world.clock);
  world.store = &faulty;
  auto repository = world.open_for_reading();
  for (auto kind : {ErrorKind::transient, ErrorKind::exhausted}) {
    for (auto operation : {storage::StoreOperation::get, storage::StoreOperation::get_range}) {
      faulty.reset();
      EXPECT_TRUE(MUST(verify_everything(*repository, {}, {})).clean());
      const auto calls = faulty.calls(operation);
      ASSERT_GT(calls, 5u);
      unsigned failed = 0;
      for (uint64_t nth = 1; nth <= calls; ++nth) {
        faulty.reset();
        storage::StoreFault fault;
        fault.operation = operation;
        fault.nth = nth;
        fault.kind = kind;
        faulty.add(fault);
        auto report = verify_everything(*repository, {}, {});
        if (report) {
          EXPECT_TRUE(report->clean()) << nth << ": " << text_of(report->findings);
        } else {
          EXPECT_KIND(report, kind);
          ++failed;
        }
      }
      EXPECT_GT(failed, calls / 2);
    }
  }
}

TEST(VerifyObjects, NoticesTruncation) {
  FullWorld world;
  for (size_t divisor : {0u, 1u, 2u, 16u}) {  // to nothing, by one byte, to a half, to a sixteenth
    expect_detected(world, "truncation", [&](const Bytes& whole) {
      auto kept = divisor == 0 ? 0 : divisor == 1 ? whole.size() - 1 : whole.size() / divisor;
      return Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept));
    });
  }
}

TEST(VerifyObjects, NoticesAppendedBytes) {
  FullWorld world;
  for (size_t extra : {1u, 16u, 1000u}) {
    expect_detected(world, "appending", [&](const Bytes& whole) {
      auto longer = whole;
      longer.resize(whole.size() + extra, std::byte{0x20});
      return longer;
    });
  }
}

TEST(VerifyObjects, NoticesEveryRemovedObjectThatSomethingNeeds) {
  FullWorld world;
  for (const auto& [kind, keys] : by_kind(world)) {
    // Nothing can miss a mark, a tombstone, a part or a .partial file that stands for itself.
    if (kind == "child" || kind == "expiring" || kind == "tombstone" || kind == "wal-part" || kind == "wal-file")
      continue;
    for (const auto& key : keys) {
      bool orphan = kind == "key";  // keys of marks and of nothing: see below
      auto whole = MUST(world.memory.get(key, 1u << 30));
      MUST(world.memory.remove(key));
      auto found = world.findings();
      EXPECT_TRUE((orphan && found.empty()) || names_object(found, key)) << key.text() << " found: " << text_of(found);
      world.memory.overwrite(key, whole);
    }
  }
  EXPECT_EQ(text_of(world.findings()), "");
}

TEST(VerifyObjects, NoticesARemovedWrapOfAKeyThatOthersStillOpen) {
  FullWorld world;
  SampleKey second(world.random, world.clock);
  Collaborators both{world.memory, {world.key.wrapper(), second.wrapper()}, world.random, world.clock, world.log};
  auto repository = MUST(Repository::open_for_writing(world.settings, world.identity, both));
  auto backup = MUST(make_sample_backup(*repository, {}));
  EXPECT_TRUE(MUST(verify_backup(*repository, backup.summary.label, {}, {})).clean());
  for (const auto& key : backup.summary.keys) {
    for (const auto& wrap_id : key.wraps) {
      auto wrap = repository->layout().key_wrap(key.id, wrap_id);
      auto whole = MUST(world.memory.get(wrap, 1u << 20));
      MUST(world.memory.remove(wrap));
      auto report = MUST(verify_backup(*repository, backup.summary.label, {}, {}));
      ASSERT_EQ(report.findings.size(), 1u) << text_of(report.findings);
      EXPECT_EQ(report.findings[0].key, wrap.text());
      EXPECT_EQ(report.findings[0].kind, ErrorKind::not_found);
      world.memory.overwrite(wrap, whole);
    }
  }
}

TEST(VerifyObjects, NoticesSwappedObjectsOfOneType) {
  FullWorld world;
  for (const auto& [kind, keys] : by_kind(world)) {
    for (size_t i = 1; i < keys.size(); ++i) {
      auto a = MUST(world.memory.get(keys[i - 1], 1u << 30));
      auto b = MUST(world.memory.get(keys[i], 1u << 30));
      world.memory.overwrite(keys[i - 1], b);
      world.memory.overwrite(keys[i], a);
      auto found = world.findings();
      EXPECT_TRUE(names_object(found, keys[i - 1]) || names_object(found, keys[i]))
          << keys[i].text() << " found: " << text_of(found);
      world.memory.overwrite(keys[i - 1], a);
      world.memory.overwrite(keys[i], b);
    }
  }
  EXPECT_EQ(text_of(world.findings()), "");
}

/// A bit in the object's beginning, in its end, or anywhere.
uint64_t pick_bit(SeededRandom& random, size_t size, int round) {
  uint64_t bits = size * 8;
  uint64_t edge = std::min<uint64_t>(bits, 200 * 8);
  if (round % 3 == 0) return random.next_u64() % edge;
  if (round % 3 == 1) return bits - 1 - random.next_u64() % edge;
  return random.next_u64() % bits;
}

int flips_a_type() {
  const char* kind = std::getenv("SSB_TESTS");
  return kind != nullptr && std::string_view(kind) == "long" ? 1000 : 200;
}

/// The step of verify that reads this object, alone: the whole matrix would read everything 2800 times.
Result<VerifyReport> verify_one(Repository& repository, const std::string& kind, const storage::ObjectKey& key) {
  auto label_in = [&](std::string_view folder) {
    auto rest = std::string_view(key.text()).substr(key.text().find(folder) + folder.size());
    return MUST(Label::parse(rest.substr(0, rest.find('/'))));
  };
  if (kind == "repository" || kind == "identity" || kind == "key") return verify_cluster(repository, {}, {});
  if (kind == "started" || kind == "pack" || kind == "manifest") {
    return verify_backup(repository, label_in("/backups/"), {}, {});
  }
  if (kind == "log") return verify_log(repository, label_in("/logs/"), {}, {});
  return verify_everything(repository, {}, {});
}

TEST(VerifyObjects, NoticesABitFlippedAnywhere) {
  FullWorld world;
  SeededRandom random(77);
  for (const auto& [kind, keys] : by_kind(world)) {
    bool slow = kind == "wal" || kind == "history" || kind == "child" || kind == "expiring" || kind == "tombstone" ||
                kind == "wal-part" || kind == "wal-file";
    const auto& key = keys.front();
    auto whole = MUST(world.memory.get(key, 1u << 30));
    for (int round = 0; round < flips_a_type(); ++round) {
      auto bit = pick_bit(random, whole.size(), round);
      auto damaged = whole;
      damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      world.memory.overwrite(key, damaged);
      std::vector<Finding> found;
      auto repository = world.try_open();
      if (!repository) {
        found = {{"open", repository.error().kind(), repository.error().message()}};
      } else if (slow) {
        // Exactly the reads that verify_everything makes of these.
        Result<void> read = ok();
        WalArchive archive(**repository, {});
        auto type = *classify_key((*repository)->layout(), key);
        if (type == ObjectType::wal || type == ObjectType::wal_part || type == ObjectType::wal_file) {
          auto opened = archive.open_object(type, key);
          if (!opened) read = std::move(opened).error();
        } else {
          auto opened = (*repository)->get_document(type, key);
          if (!opened) read = std::move(opened).error();
        }
        if (!read) found = {{key.text(), read.error().kind(), read.error().message()}};
        EXPECT_TRUE(round % 50 != 0 || names_object(world.findings(), key)) << key.text();
      } else {
        found = MUST(verify_one(**repository, kind, key)).findings;
      }
      EXPECT_TRUE(names_object(found, key)) << "bit " << bit << " of " << key.text() << " found: " << text_of(found);
    }
    world.memory.overwrite(key, whole);
  }
}

TEST(VerifyObjects, NamesTheFilesInADamagedPack) {
  FullWorld world;
  auto repository = world.open();
  auto manifest = MUST(read_manifest(*repository, world.labels[0]));
  for (const auto& pack : manifest.body.packs) {
    if (pack.key_class != crypto::KeyClass::data) continue;
    auto key = repository->layout().pack(world.labels[0], pack.name);
    auto bytes = MUST(world.memory.get(key, 1u << 30));
    bytes[150] ^= std::byte{4};
    world.memory.overwrite(key, bytes);
    auto report = MUST(verify_backup(*repository, world.labels[0], {2, nullptr}, {}));
    EXPECT_TRUE(names(report.findings, key));
    EXPECT_NE(text_of(report.findings).find("base/5/"), std::string::npos) << text_of(report.findings);
    return;
  }
  FAIL() << "no data pack";
}

TEST(VerifyObjects, NamesObjectsThatDoNotBelong) {
  FullWorld world;
  for (const char* stray : {"demo/7000000000000000001/lock", "demo/7000000000000000001/backups/tmp",
                            "demo/7000000000000000001/wal/00000001/x.tmp"}) {
    world.memory.overwrite(key_of(stray), to_bytes("x"));
    EXPECT_TRUE(names(world.findings(), key_of(stray)));
    MUST(world.memory.remove(key_of(stray)));
  }
}

TEST(VerifyObjects, StopsWhenAsked) {
  FullWorld world;
  auto repository = world.open();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_KIND(verify_everything(*repository, {2, nullptr}, stop.get_token()), ErrorKind::cancelled);
}

TEST(VerifyObjects, AThreadThatThrowsEndsItWithAnError) {
  SampleWorld world;
  storage::FaultyStore faulty(world.memory, world.clock);
  world.store = &faulty;
  auto repository = world.open();
  auto backup = MUST(make_sample_backup(*repository, {}));
  faulty.reset();
  faulty.add({.operation = storage::StoreOperation::get_range,
              .nth = 2,
              .persistent = true,
              .effect = storage::StoreFault::Effect::throws});
  EXPECT_KIND(verify_backup(*repository, backup.summary.label, {.workers = 3}, {}), ErrorKind::internal);
}

}  // namespace
}  // namespace spendsync::repository
