#include "health/restore_measurement.h"

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

namespace spendsync::health {
namespace {

constexpr size_t kFileMax = 4096;

std::string path_of(const MeasurementPlace& place) {
  return place.state_directory + "/measured-restore-" + place.cluster + ".json";
}

Result<RestoreMeasurement> load(const MeasurementPlace& place) {
  const auto text = TRY(read_text_file(path_of(place), kFileMax));
  const auto json = TRY(Json::parse(text));
  const auto finished = TRY(json.text("finished"));
  const auto duration_ms = TRY(json.unsigned_integer("duration_ms"));
  RestoreMeasurement measurement;
  measurement.label = TRY(json.text("label"));
  measurement.finished = TRY(parse_rfc3339(finished));
  measurement.duration = std::chrono::milliseconds(duration_ms);
  measurement.restored_bytes = TRY(json.unsigned_integer("restored_bytes"));
  measurement.wal_bytes = TRY(json.unsigned_integer("wal_bytes"));
  return measurement;
}

}  // namespace

Result<void> remember_restore(const MeasurementPlace& place, const RestoreMeasurement& measurement) {
  if (place.state_directory.empty()) return ok();
  Json json;
  json.set("label", measurement.label).set("finished", format_utc(measurement.finished));
  json.set("duration_ms", static_cast<uint64_t>(measurement.duration.count()));
  json.set("restored_bytes", measurement.restored_bytes).set("wal_bytes", measurement.wal_bytes);
  return replace_file(path_of(place), as_bytes(json.dump()), 0600);
}

std::optional<RestoreMeasurement> read_restore(const MeasurementPlace& place) {
  if (place.state_directory.empty()) return std::nullopt;
  auto measurement = load(place);
  if (!measurement) return std::nullopt;
  return *std::move(measurement);
}

}  // namespace spendsync::health
