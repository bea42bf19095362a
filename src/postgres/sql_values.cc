#include "postgres/sql_values.h"

#include <fmt/format.h>

#include <charconv>

namespace spendsync::postgres {
namespace {

template <class T>
Result<T> parse_number(const std::string& text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Error(ErrorKind::internal, fmt::format("the server answered \"{}\" where a number belongs", text));
  }
  return value;
}

}  // namespace

Result<RowReader> RowReader::single(const Rows& rows, size_t columns) {
  if (rows.rows.size() != 1 || rows.rows[0].size() != columns) {
    return Error(ErrorKind::internal, fmt::format("the server answered {} rows where one belongs", rows.rows.size()));
  }
  return RowReader(rows.rows[0]);
}

Result<std::string> RowReader::text() {
  const auto& value = next();
  if (!value) return Error(ErrorKind::internal, "the server answered NULL where a value belongs");
  return *value;
}

Result<uint32_t> RowReader::u32() {
  auto value = TRY(text());
  return parse_number<uint32_t>(value);
}

Result<uint64_t> RowReader::u64() {
  auto value = TRY(text());
  return parse_number<uint64_t>(value);
}

Result<int64_t> RowReader::i64() {
  auto value = TRY(text());
  return parse_number<int64_t>(value);
}

Result<std::optional<int64_t>> RowReader::optional_i64() {
  const auto& value = next();
  if (!value) return std::optional<int64_t>();
  auto number = TRY(parse_number<int64_t>(*value));
  return std::optional(number);
}

Result<std::optional<Lsn>> RowReader::optional_lsn() {
  const auto& value = next();
  if (!value) return std::optional<Lsn>();
  auto lsn = TRY(Lsn::parse(*value));
  return std::optional(lsn);
}

Result<bool> RowReader::boolean() {
  auto value = TRY(text());
  return value == "t";
}

Result<Lsn> RowReader::lsn() {
  auto value = TRY(text());
  return Lsn::parse(value);
}

Result<Timestamp> RowReader::microseconds() {
  auto value = TRY(i64());
  return Timestamp(std::chrono::microseconds(value));
}

Result<uint64_t> RowReader::system_identifier() {
  auto value = TRY(i64());
  return static_cast<uint64_t>(value);
}

}  // namespace spendsync::postgres
