#include "config/scalars.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

template <class Parse, class Format>
bool comes_back(std::string_view text, Parse parse, Format format) {
  const auto value = parse(text);
  if (!value) {
    require(value.error().offset <= text.size(), "a flaw lies in the text");
    return false;
  }
  const auto again = parse(format(*value));
  require(again && *again == *value, "a value is written and read again the same");
  return true;
}

bool reads(ByteView input) {
  const auto text = as_text(input);
  const bool is_duration = comes_back(text, config::parse_duration, config::format_exact_duration);
  const bool is_size = comes_back(text, config::parse_size, config::format_exact_size);
  return is_duration || is_size;
}

}  // namespace

Target units_target() {
  return {
      "units",
      reads,
      texts({"4 weeks", "48 hours", "1 minute", "500 GiB", "2 PB", "64 KiB", "10 seconds"}),
      texts({"", "4", "-1 hours", "4 fortnights", "99999999999999999999 weeks", "9223372036854775807 PiB", "1.5 GiB"}),
      {" ", "days", "MiB", "TB", "\xc2\xa0"}};
}

}  // namespace spendsync::fuzz
