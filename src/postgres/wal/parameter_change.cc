#include "postgres/wal/parameter_change.h"

#include "postgres/wal/transaction_record.h"

namespace spendsync::postgres {

std::optional<ReplayLimitValues> read_parameter_change(ByteView main_data) {
  RecordFields fields(main_data);
  ReplayLimitValues values{};
  for (auto& value : values) {
    auto read = fields.take<int32_t>();
    if (!read || *read < 0) return std::nullopt;
    value = *read;
  }
  return values;
}

}  // namespace spendsync::postgres
