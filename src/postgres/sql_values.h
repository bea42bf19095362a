// Text that the server sent, as typed values.
#pragma once

#include <string>

#include "postgres/connection.h"

namespace spendsync::postgres {

/// Reads the columns of one row from left to right. Errors: internal when a value is not what the statement promises.
class RowReader {
 public:
  /// Errors: internal unless there is exactly one row with `columns` columns. `rows` must outlive the reader.
  static Result<RowReader> single(const Rows& rows, size_t columns);
  explicit RowReader(const std::vector<std::optional<std::string>>& row) : row_(&row) {}

  /// The next column as it is; empty for NULL.
  const std::optional<std::string>& next() { return row_->at(column_++); }
  Result<std::string> text();
  Result<uint32_t> u32();
  Result<uint64_t> u64();
  Result<int64_t> i64();
  /// Empty for NULL.
  Result<std::optional<int64_t>> optional_i64();
  Result<std::optional<Lsn>> optional_lsn();
  Result<bool> boolean();
  Result<Lsn> lsn();
  /// bigint microseconds since 1970.
  Result<Timestamp> microseconds();
  /// The server shows it as a signed bigint.
  Result<uint64_t> system_identifier();

 private:
  const std::vector<std::optional<std::string>>* row_;
  size_t column_ = 0;
};

}  // namespace spendsync::postgres
