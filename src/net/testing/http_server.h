// An HTTP server for tests: real sockets, and every byte of an answer is the test's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "net/header.h"

namespace spendsync::net::testing {

/// A private authority and a server's certificate, made by openssl(1) in a directory of its own.
class TestCertificates {
 public:
  /// `name`: what the server's certificate is for ("127.0.0.1", "localhost"). `days` below 1: it has expired.
  explicit TestCertificates(const std::string& name = "127.0.0.1", int days = 2);
  std::string ca_file() const { return directory_.path() + "/ca.pem"; }
  std::string certificate() const { return directory_.path() + "/server.pem"; }
  std::string key() const { return directory_.path() + "/server.key"; }

 private:
  TemporaryDirectory directory_;
};

struct ServedRequest {
  std::string method;
  std::string target;  // as it was sent: path and query
  Headers headers;
  std::string body;
  const std::string* header(std::string_view name) const { return find_header(headers, name); }
};

/// What is sent, byte by byte, and what becomes of the connection then.
struct Reply {
  std::string bytes;
  enum class After { keep, close, reset, hang } after = After::keep;
  std::chrono::milliseconds delay{0};  // before the first byte

  /// With Content-Length.
  static Reply with(int status, std::string_view body = {}, const Headers& headers = {});
};

/// Listens on 127.0.0.1 from its construction to its destruction; a thread a connection. The handlers are called by
/// these threads, one request at a time each. Ignores SIGPIPE from then on, as the program does.
class HttpServer {
 public:
  using Handler = std::function<Reply(const ServedRequest&)>;
  struct Settings {
    const TestCertificates* tls = nullptr;  // null: plain HTTP
    /// Asked before a body is read that the client announced with Expect: 100-continue: an answer that is not empty is
    /// sent in place of "100 Continue". Empty: the body is always let in.
    Handler before_body{};
    bool answers_expect = true;  // false: as servers that do not know Expect
  };
  explicit HttpServer(Handler handler);
  HttpServer(Handler handler, Settings settings);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  std::string url() const;  // "http://127.0.0.1:PORT"
  size_t connections() const { return connections_; }
  size_t requests() const { return requests_; }

 private:
  class Connection;
  void accept_loop();
  void serve(int socket);

  Handler handler_;
  Settings settings_;
  int listener_ = -1;
  int port_ = 0;
  void* tls_ = nullptr;  // SSL_CTX
  std::atomic<size_t> connections_{0};
  std::atomic<size_t> requests_{0};
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace spendsync::net::testing
