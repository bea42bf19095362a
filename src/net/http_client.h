// Requests over HTTP/1.1: kept-alive connections, TLS always verified, deadlines, cancellation.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/bytes.h"
#include "net/header.h"

namespace spendsync::net {

struct HttpRequest {
  std::string method = "GET";
  std::string url;                // absolute and encoded, sent as it stands
  Headers headers{};              // without Content-Length
  ByteView body{};                // the caller's until send() returns: it may be sent again from its beginning
  MutableBytes into{};            // where the body of a 2xx goes; empty: into HttpResponse::body
  size_t max_body = 1u << 20;     // bytes of HttpResponse::body
  bool asks_before_body = false;  // Expect: 100-continue, so that a refusal costs no body; waits for a second at most
  std::chrono::milliseconds deadline{30'000};  // of the whole exchange
};

struct HttpResponse {
  int status = 0;
  Headers headers{};
  Bytes body{};             // of what is no 2xx, or where `into` was empty
  uint64_t body_bytes = 0;  // received, into `into` or `body`
  const std::string* header(std::string_view name) const { return find_header(headers, name); }
  bool is_success() const { return status >= 200 && status < 300; }
};

/// All members are thread-safe; as many requests are in flight as threads are in send(). Connections are kept and used
/// again by whichever thread comes next. Redirects are answers like any other: whoever asked decides.
/// Certificates are verified always, TLS 1.2 at least; http:// is for loopback and tests. Requires: SIGPIPE is ignored
/// (base/signals.h does).
class HttpClient {
 public:
  struct Settings {
    std::optional<std::string> ca_file{};  // PEM; empty: those of the system
    std::chrono::milliseconds connect_timeout{10'000};
    /// A transfer that is slower than this for `stall_time` is given up.
    uint64_t minimum_bytes_per_second = 1u << 10;
    std::chrono::seconds stall_time{30};
    size_t idle_connections = 64;  // kept at most
  };
  /// Errors: unsupported where libcurl is not installed; those of reading `ca_file`.
  static Result<std::unique_ptr<HttpClient>> open(Settings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// The answer, whatever its status. Errors: transient for everything that may pass (no name, no connection, reset,
  /// stalled, too late, cut off, a body longer than `into` or `max_body`); denied where TLS cannot be trusted (exit
  /// code 7); cancelled at once when `stop` is requested. Whether the server has done what was asked is not known
  /// after a transient error.
  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop);

 private:
  class Channel;
  explicit HttpClient(Settings settings);
  struct Pool;
  Settings settings_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace spendsync::net
