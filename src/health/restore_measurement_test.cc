#include "health/restore_measurement.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::health {
namespace {

TEST(RestoreMeasurement, IsFoundAgainAndNeverAnErrorWithoutState) {
  const auto directory = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
  const MeasurementPlace place{.state_directory = directory.path(), .cluster = "main"};
  EXPECT_EQ(read_restore(place), std::nullopt);
  const RestoreMeasurement measurement{.label = "20270101T000000Z-full",
                                       .finished = Timestamp(std::chrono::hours(500'000)),
                                       .duration = std::chrono::milliseconds(1234),
                                       .restored_bytes = 5,
                                       .wal_bytes = 6};
  EXPECT_OK(remember_restore(place, measurement));
  EXPECT_EQ(read_restore(place), measurement);
  EXPECT_EQ(read_restore({.state_directory = directory.path(), .cluster = "other"}), std::nullopt);
  MUST(replace_file(directory.path() + "/measured-restore-main.json", as_bytes("{\"label\":1}"), 0600));
  EXPECT_EQ(read_restore(place), std::nullopt);
  EXPECT_OK(remember_restore({.state_directory = "", .cluster = "main"}, measurement));
}

}  // namespace
}  // namespace spendsync::health
