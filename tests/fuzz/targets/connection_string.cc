#include "config/connection_string.h"

#include "config/addresses.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

template <class T>
bool judge(const config::Checked<T>& checked, ByteView input) {
  if (checked) return true;
  require(checked.error().offset <= input.size(), "a flaw lies in the text");
  require(!checked.error().message.empty(), "a flaw has a message");
  return false;
}

bool reads(ByteView input) {
  const auto text = as_text(input);
  config::UrlRule rule;
  rule.schemes = {"https", "http"};
  rule.path = true;
  judge(config::parse_address(text), input);
  judge(config::check_url(text, rule), input);
  judge(config::check_email(text), input);
  return judge(config::check_connection_string(text), input);
}

}  // namespace

Target connection_string_target() {
  return {"connection_string",
          reads,
          texts({"host=/var/run/postgresql port=5432 user=postgres dbname=postgres", "host = 'a b' user='it\\'s'",
                 "postgresql://u@db.example.com:5432/postgres?sslmode=require", "postgres://[::1]:5433/"}),
          texts({"password=x", "postgresql://u:p@h/d", "port=99999999999", "host='"}),
          {"https://example.com/path?q=1", "[::1]:9091", "127.0.0.1:9091", "ops@example.com", "%2f", "\\"}};
}

}  // namespace spendsync::fuzz
