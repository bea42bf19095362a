#include "repository/manifest.h"

#include "repository/manifest_json.h"
#include "repository/sealed_document.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

ManifestSummary sample_summary() {
  ManifestSummary summary;
  summary.label = MUST(Label::parse("20240315T120000Z-incremental"));
  summary.parent = MUST(Label::parse("20240310T000000Z-full"));
  summary.started = summary.label.start();
  summary.stopped = summary.label.start() + std::chrono::microseconds(1);
  summary.start = {{1}, {UINT64_MAX - 1}};
  summary.stop = {{2}, {UINT64_MAX}};
  summary.system_identifier = {UINT64_MAX};
  summary.incomplete = {"could not read /etc/x"};
  summary.notes = {{"collation", "153.120"}};
  summary.host = "db\xff";
  summary.keys = {{{}, crypto::KeyClass::meta, {"aa", "bb"}}};
  summary.chain.sequence = 77;
  summary.chain.predecessors = {{"demo/1/logs/x", {}}};
  return summary;
}

TEST(ManifestSummary, ReturnsEveryFieldAtItsLimits) {
  auto summary = sample_summary();
  auto decoded = MUST(decode_summary(as_bytes(encode_summary(summary))));
  EXPECT_EQ(decoded.label, summary.label);
  EXPECT_EQ(decoded.parent, summary.parent);
  EXPECT_EQ(decoded.start, summary.start);
  EXPECT_EQ(decoded.stop, summary.stop);
  EXPECT_EQ(decoded.stopped, summary.stopped);
  EXPECT_EQ(decoded.system_identifier, summary.system_identifier);
  EXPECT_EQ(decoded.incomplete, summary.incomplete);
  EXPECT_FALSE(decoded.complete());
  EXPECT_EQ(decoded.notes, summary.notes);
  EXPECT_EQ(decoded.host, "db?");
  EXPECT_EQ(decoded.keys, summary.keys);
  EXPECT_EQ(decoded.chain, summary.chain);
}

TEST(ManifestSummary, RefusesEveryMissingOrMistypedMember) {
  auto text = encode_summary(sample_summary());
  auto json = MUST(Json::parse(text));
  for (const auto& [name, value] : *json.as_object()) {
    if (name == "parent") continue;  // null and missing mean a full
    auto lacking = Json::object();
    auto mistyped = Json::object();
    for (const auto& [other, other_value] : *json.as_object()) {
      if (other != name) lacking.set(other, other_value);
      mistyped.set(other, other == name ? Json(Json::array().push(Json(true))) : other_value);
    }
    EXPECT_KIND(decode_summary(as_bytes(lacking.dump())), ErrorKind::corrupt);
    EXPECT_EQ(decode_summary(as_bytes(mistyped.dump())).has_value(), false) << name;
  }
}

TEST(ManifestSummary, RefusesANewerVersionAndDeepNesting) {
  auto json = MUST(Json::parse(encode_summary(sample_summary())));
  json.set("version", 2);
  EXPECT_KIND(decode_summary(as_bytes(json.dump())), ErrorKind::unsupported);
  std::string deep(100'000, '[');
  EXPECT_KIND(decode_summary(as_bytes(deep)), ErrorKind::corrupt);
  EXPECT_KIND(decode_summary(as_bytes("{\"version\":1,\"x\":" + deep)), ErrorKind::corrupt);
  EXPECT_KIND(decode_summary(as_bytes("[]")), ErrorKind::corrupt);
}

ManifestBody large_body() {
  ManifestBody body;
  body.backup_label = std::string("label \0 \xff", 9);
  for (uint32_t i = 0; i < 10'000; ++i) {
    PackRecord pack;
    pack.id = i;
    pack.name = {{42}, i};
    pack.key_class = i % 100 == 0 ? crypto::KeyClass::meta : crypto::KeyClass::data;
    pack.size = 1000 + i;
    pack.index_offset = 900;
    pack.frames = i + 1;
    pack.tags.fill(static_cast<std::byte>(i));
    body.packs.push_back(pack);
  }
  uint64_t offset = 96;
  for (uint32_t i = 0; i < 150'000; ++i) {
    FrameRef frame;
    frame.pack = i / 20'000;
    frame.number = i % 20'000;
    if (frame.number == 0) offset = 96;
    frame.offset = offset;
    frame.stored_size = 300'000 + i;
    frame.raw_size = kStreamFrameSize;
    body.file_table.frames.add(frame);
    offset += 28 + frame.stored_size;
  }
  body.file_table.length = body.file_table.frames.length();
  return body;
}

TEST(ManifestBody, ComesBackWholeFromManySmallFrames) {
  auto body = large_body();
  BodyDecoder decoder;
  for (const auto& frame : encode_body(body)) {
    EXPECT_LE(frame.size(), kDocumentFrameMax);
    ASSERT_OK(decoder.feed(as_bytes(frame)));
  }
  auto decoded = MUST(decoder.finish());
  EXPECT_EQ(decoded.backup_label, body.backup_label);
  EXPECT_EQ(decoded.packs, body.packs);
  EXPECT_EQ(decoded.file_table, body.file_table);
  EXPECT_EQ(decoded.page_hashes, body.page_hashes);
}

TEST(ManifestBody, RefusesWhatContradictsItself) {
  auto refuse = [](std::string_view text) {
    BodyDecoder decoder;
    EXPECT_KIND(decoder.feed(as_bytes(text)), ErrorKind::corrupt);
  };
  refuse(R"({"kind":"surprise"})");
  refuse(R"({"kind":"packs","packs":[[0,"x","data",1,1,1,""]]})");
  refuse(R"({"kind":"packs","packs":[1]})");
  refuse(R"({"kind":"stream","name":"files","length":1000000000,"runs":"00"})");
  refuse(R"({"kind":"stream","name":"other","length":0,"runs":"00"})");
  refuse(R"({"kind":"stream","name":"files","length":0,"runs":"ffffffffffffffff7f"})");
  refuse(R"({"kind":"server-files","backup_label":"xyz","tablespace_map":""})");
  const std::string tags(64, '0');
  refuse(R"({"kind":"packs","packs":[[1,"000000000000002a-000001","data",10,5,1,")" + tags +
         R"("],[1,"000000000000002a-000001","data",10,5,1,")" + tags + "\"]]}");
  refuse(R"({"kind":"packs","packs":[[1,"000000000000002a-000001","data",10,11,1,")" + tags + "\"]]}");
  BodyDecoder empty;
  EXPECT_KIND(empty.finish(), ErrorKind::corrupt);
}

/// Puts a manifest made of these frames under a key that opens: what somebody with all keys could forge.
void put_forged(Repository& repository, const Label& label, const std::vector<std::string>& frames) {
  auto keys = MUST(repository.keys().create_pair("forge"));
  auto key = repository.layout().manifest(label);
  auto sealer =
      MUST(DocumentSealer::create(repository.seal_context(ObjectType::manifest, key), keys.meta, repository.random()));
  for (const auto& frame : frames) MUST(sealer.add(as_bytes(frame), &frame == &frames.back()));
  MUST(repository.store().put_if_absent(key, sealer.bytes()));
}

TEST(Manifest, ForgedOnesAreRefusedNotBelieved) {
  SampleWorld world;
  auto repository = world.open();
  auto label = MUST(Label::parse("20240315T120000Z-full"));
  auto summary = sample_summary();
  put_forged(*repository, label, {encode_summary(summary), "{}"});  // describes another label
  EXPECT_KIND(read_manifest(*repository, label), ErrorKind::corrupt);
  label = label.next();
  summary.label = label;
  summary.packs = 5;
  put_forged(*repository, label,
             {encode_summary(summary), R"({"kind":"server-files","backup_label":"","tablespace_map":""})"});
  EXPECT_KIND(read_manifest(*repository, label), ErrorKind::corrupt);  // other number of packs
  label = label.next();
  put_forged(*repository, label, {std::string(1u << 20, ' ')});
  EXPECT_KIND(read_manifest(*repository, label), ErrorKind::corrupt);
  EXPECT_KIND(read_manifest(*repository, label.next()), ErrorKind::not_found);
}

TEST(Manifest, TheSummaryIsReadInOneSmallRead) {
  SampleWorld world;
  auto repository = world.open();
  Manifest manifest;
  manifest.body = large_body();
  manifest.summary = sample_summary();
  manifest.summary.packs = manifest.body.packs.size();
  auto keys = MUST(repository->keys().create_pair("test"));
  auto bytes = MUST(seal_manifest(*repository, manifest, keys.meta));
  auto key = repository->layout().manifest(manifest.summary.label);
  MUST(world.memory.put_if_absent(key, bytes));
  auto summary = MUST(read_manifest_summary(*repository, manifest.summary.label, bytes.size()));
  EXPECT_EQ(summary.chain, manifest.summary.chain);
  EXPECT_LT(bytes.size() - summary.body_bytes, 4096u);  // all but the body
  EXPECT_KIND(read_manifest_summary(*repository, manifest.summary.label, bytes.size() - 1), ErrorKind::corrupt);
  EXPECT_EQ(MUST(read_manifest(*repository, manifest.summary.label)).body.packs, manifest.body.packs);
}

}  // namespace
}  // namespace spendsync::repository
