#include "base/json.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto json = Json::parse(as_text(input));
  if (!json) return false;
  const auto text = json->dump();
  const auto again = Json::parse(text);
  require(again.has_value(), "what was written can be read");
  require(again->dump() == text, "what was written is read the same");
  require(Json::parse(json->dump(true)).has_value(), "indented text can be read");
  return true;
}

}  // namespace

Target json_target() {
  return {"json",
          reads,
          texts({R"({"a":[1,-2,3.5,true,null,"x\u00e9\n"],"b":{"c":18446744073709551615}})", "[]", "\"\"", "1e10"}),
          texts({"", "{", "[1,]", R"({"a":1,"a":2})", std::string(100, '['), "\"\xff\"", "01"}),
          {"\\ud800", "\\u0000", "1e999", "-0", "[[[[[[[[", "{\"a\":"}};
}

}  // namespace spendsync::fuzz
