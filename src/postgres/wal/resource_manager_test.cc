#include "postgres/wal/resource_manager.h"

#include "base/testing.h"

namespace spendsync::postgres {
namespace {

TEST(ResourceManager, HasTheNamesOfPgWaldump) {
  EXPECT_EQ(resource_manager_name(0), "XLOG");
  EXPECT_EQ(resource_manager_name(4), "Database");
  EXPECT_EQ(resource_manager_name(5), "Tablespace");
  EXPECT_EQ(resource_manager_name(10), "Heap");
  EXPECT_EQ(resource_manager_name(21), "LogicalMessage");
  EXPECT_EQ(resource_manager_name(22), "unknown 22");
  EXPECT_EQ(resource_manager_name(129), "custom 129");
}

TEST(ResourceManager, CommitsPreparesAndRestorePointsCompleteSomething) {
  for (uint8_t info : std::initializer_list<uint8_t>{0x00, 0x80, 0x10, 0x30, 0xB0})
    EXPECT_TRUE(completes_something(1, info)) << int{info};
  for (uint8_t info : std::initializer_list<uint8_t>{0x20, 0x40, 0xA0, 0x50, 0x60})
    EXPECT_FALSE(completes_something(1, info)) << int{info};
  EXPECT_TRUE(completes_something(0, 0x70));
  EXPECT_FALSE(completes_something(0, 0x10));  // a checkpoint
  EXPECT_FALSE(completes_something(4, 0x00));
  EXPECT_FALSE(completes_something(10, 0x70));
}

}  // namespace
}  // namespace spendsync::postgres
