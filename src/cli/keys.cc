// spendsync-backup keys list
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "crypto/wrapped_key.h"

namespace spendsync::cli {
namespace {

struct KeyRow {
  crypto::WrappedKey wrap;
  std::string object;
  std::string opens;  // "yes", "no: ..."
};

Result<std::vector<KeyRow>> read_wraps(repository::Repository& repository,
                                       const std::vector<crypto::KeyWrapper*>& wrappers) {
  std::vector<KeyRow> rows;
  constexpr uint64_t kWrapMax = 1u << 20;
  auto visit = [&](const storage::ObjectInfo& info) -> Result<void> {
    auto bytes = TRY(repository.store().get(info.key, kWrapMax));
    auto decoded = crypto::decode(bytes);
    if (!decoded) {
      rows.push_back({.wrap = {}, .object = info.key.text(), .opens = "DAMAGED: " + decoded.error().message()});
      return {};
    }
    std::string opens = "no: made by " + decoded->wrapper_type + " " + decoded->wrapper_id;
    for (auto* wrapper : wrappers) {
      if (wrapper->type() != decoded->wrapper_type || wrapper->id() != decoded->wrapper_id) continue;
      auto secret = wrapper->unwrap(*decoded);
      opens = secret ? "yes" : "DAMAGED: " + secret.error().message();
    }
    rows.push_back({.wrap = std::move(*decoded), .object = info.key.text(), .opens = std::move(opens)});
    return {};
  };
  TRY(repository.store().list(repository.layout().keys_prefix(), "", visit));
  return rows;
}

bool damaged(const KeyRow& row) { return row.opens.starts_with("DAMAGED"); }

}  // namespace

Result<int> run_keys_list(const Process& process) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::reads));
  auto repository = TRY(wiring->open_repository());
  const auto rows = TRY(read_wraps(*repository, wiring->collaborators().wrappers));
  Table table({"KEY", "CLASS", "CREATED (UTC)", "WRAPPED BY", "OPENS HERE"});
  Json list = Json::array();
  int code = kDone;
  for (const auto& row : rows) {
    if (damaged(row)) code = kDamaged;
    const bool readable = !row.wrap.wrapper_type.empty();
    table.add({readable ? row.wrap.context.key_id.to_string() : row.object,
               readable ? std::string(to_string(row.wrap.context.key_class)) : "-",
               readable ? format_utc(row.wrap.created) : "-",
               readable ? row.wrap.wrapper_type + " " + row.wrap.wrapper_id : "-", row.opens});
    list.push(Json()
                  .set("object", row.object)
                  .set("key_id", row.wrap.context.key_id.to_string())
                  .set("class", to_string(row.wrap.context.key_class))
                  .set("created", format_utc(row.wrap.created))
                  .set("wrapper", row.wrap.wrapper_type + " " + row.wrap.wrapper_id)
                  .set("opens", row.opens));
  }
  for (const auto& line : table.lines()) process.output.line(line);
  process.output.summary("keys list", Json().set("wraps", list), code);
  return code;
}

}  // namespace spendsync::cli
