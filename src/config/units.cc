#include "config/table.h"

namespace spendsync::config {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

}  // namespace

const std::vector<Unit>& duration_units() {
  static const std::vector<Unit> units = {{"seconds", 1},       {"second", 1},       {"s", 1},
                                          {"minutes", kMinute}, {"minute", kMinute}, {"min", kMinute},
                                          {"hours", kHour},     {"hour", kHour},     {"h", kHour},
                                          {"days", kDay},       {"day", kDay},       {"d", kDay},
                                          {"weeks", 7 * kDay},  {"week", 7 * kDay},  {"w", 7 * kDay}};
  return units;
}

const std::vector<Unit>& size_units() {
  static const std::vector<Unit> units = {{"B", 1},
                                          {"KiB", kKiB},
                                          {"MiB", kMiB},
                                          {"GiB", 1024 * kMiB},
                                          {"TiB", 1024 * 1024 * kMiB},
                                          {"PiB", 1024 * 1024 * kMiB * 1024},
                                          {"kB", 1000},
                                          {"MB", 1000 * 1000},
                                          {"GB", int64_t{1000} * 1000 * 1000},
                                          {"TB", int64_t{1000} * 1000 * 1000 * 1000},
                                          {"PB", int64_t{1000} * 1000 * 1000 * 1000 * 1000}};
  return units;
}

}  // namespace spendsync::config
