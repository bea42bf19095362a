// What AWS calls credentials: who signs a request.
#pragma once

#include <optional>
#include <string>

#include "base/types.h"

namespace spendsync::net::aws {

/// Value type. The secrets are wiped when it goes; they are never part of a message.
struct Credentials {
  Credentials() = default;
  Credentials(std::string key_id, std::string secret, std::string token = {},
              std::optional<Timestamp> ends = std::nullopt)
      : access_key_id(std::move(key_id)),
        secret_access_key(std::move(secret)),
        session_token(std::move(token)),
        expires(ends) {}
  Credentials(const Credentials&) = default;
  Credentials& operator=(const Credentials&) = default;
  Credentials(Credentials&&) = default;
  Credentials& operator=(Credentials&&) = default;
  ~Credentials();

  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;         // empty: none
  std::optional<Timestamp> expires;  // empty: never
};

}  // namespace spendsync::net::aws
