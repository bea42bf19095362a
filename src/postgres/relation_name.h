// File names of relations (common/relpath.c). Inside this folder only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace spendsync::postgres {

/// "16384", "16384.1", "16384_vm", "16384_init": what a relation's file is called inside its database's directory.
struct RelationName {
  enum class Fork { main, free_space_map, visibility_map, initial };
  uint32_t number = 0;  // relfilenode
  Fork fork = Fork::main;
  uint32_t segment = 0;
};
std::optional<RelationName> parse_relation_name(std::string_view name);

/// "t3_16384", "t3_16384_fsm.1": a temporary relation of backend 3.
bool is_temporary_relation_name(std::string_view name);

/// Decimal without sign or leading zeros, 1 to 2^32 - 1.
std::optional<uint32_t> parse_oid(std::string_view text);

}  // namespace spendsync::postgres
