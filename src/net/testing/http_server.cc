#include "net/testing/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/subprocess.h"
#include "base/testing.h"

namespace spendsync::net::testing {

namespace {

void openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  Command command;
  command.arguments = std::move(arguments);
  MUST(run_checked(command, {}, std::chrono::seconds(60)));
}

}  // namespace

TestCertificates::TestCertificates(const std::string& name, int days)
    : directory_(MUST(TemporaryDirectory::create("/tmp", "test-certificates-"))) {
  const auto at = [&](const char* file) { return directory_.path() + "/" + file; };
  const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
  const auto extensions = fmt::format("subjectAltName={}:{}\n", address ? "IP" : "DNS", name);
  MUST(replace_file(at("server.ext"), as_bytes(extensions), 0600));
  openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2",
           "-subj", "/CN=test authority"});
  openssl({"req", "-newkey", "rsa:2048", "-nodes", "-keyout", at("server.key"), "-out", at("server.csr"), "-subj",
           "/CN=" + name});
  openssl({"x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
           "-days", std::to_string(days), "-extfile", at("server.ext"), "-out", at("server.pem")});
}

Reply Reply::with(int status, std::string_view body, const Headers& headers) {
  std::string text = fmt::format("HTTP/1.1 {} Test\r\nContent-Length: {}\r\n", status, body.size());
  for (const auto& header : headers) text += header.name + ": " + header.value + "\r\n";
  return {.bytes = text + "\r\n" + std::string(body)};
}

/// One client's bytes, plain or through TLS.
class HttpServer::Connection {
 public:
  Connection(int socket, SSL_CTX* context) : socket_(socket) {
    if (context == nullptr) return;
    tls_ = SSL_new(context);
    SSL_set_fd(tls_, socket_);
    if (SSL_accept(tls_) != 1) ended_ = true;
  }
  ~Connection() {
    if (tls_ != nullptr) SSL_free(tls_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Up to and with the empty line; "" when the client has gone.
  std::string read_head() {
    size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return "";
    }
    auto head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    return head;
  }
  bool read_body(size_t size, std::string& body) {
    while (buffer_.size() < size) {
      if (!fill()) return false;
    }
    body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }
  void write(std::string_view bytes) {
    while (!bytes.empty() && !ended_) {
      const auto some = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                        : static_cast<int>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (some <= 0) {
        ended_ = true;
        return;
      }
      bytes.remove_prefix(static_cast<size_t>(some));
    }
  }
  /// RST in place of an orderly end.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  bool fill() {
    if (ended_) return false;
    char bytes[65536];
    const auto got = tls_ != nullptr ? SSL_read(tls_, bytes, sizeof bytes)
                                     : static_cast<int>(::recv(socket_, bytes, sizeof bytes, 0));
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    buffer_.append(bytes, static_cast<size_t>(got));
    return true;
  }

  int socket_;
  SSL* tls_ = nullptr;
  bool ended_ = false;
  std::string buffer_;
};

HttpServer::HttpServer(Handler handler) : HttpServer(std::move(handler), Settings()) {}

HttpServer::HttpServer(Handler handler, Settings settings)
    : handler_(std::move(handler)), settings_(std::move(settings)) {
  ::signal(SIGPIPE, SIG_IGN);  // as in the program: a peer that has gone is an error of write(2)
  if (settings_.tls != nullptr) {
    auto* context = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate_chain_file(context, settings_.tls->certificate().c_str()) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(context, settings_.tls->key().c_str(), SSL_FILETYPE_PEM) == 1);
    tls_ = context;
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(listener_, 64) == 0);
  socklen_t size = sizeof address;
  CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_loop(); });
}

HttpServer::~HttpServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  threads_.clear();  // joins
  for (int socket : sockets_) ::close(socket);
  SSL_CTX_free(static_cast<SSL_CTX*>(tls_));
}

std::string HttpServer::url() const {
  return fmt::format("{}://127.0.0.1:{}", settings_.tls != nullptr ? "https" : "http", port_);
}

void HttpServer::accept_loop() {
  while (!ending_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    ++connections_;
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

namespace {

ServedRequest parse_head(const std::string& head) {
  ServedRequest request;
  const auto line_end = head.find("\r\n");
  const auto line = head.substr(0, line_end);
  request.method = line.substr(0, line.find(' '));
  request.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
  for (size_t begin = line_end + 2; begin + 2 < head.size();) {
    const auto end = head.find("\r\n", begin);
    const auto field = head.substr(begin, end - begin);
    const auto colon = field.find(':');
    auto value = field.substr(colon + 1);
    value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
    request.headers.push_back({field.substr(0, colon), value});
    begin = end + 2;
  }
  return request;
}

}  // namespace

void HttpServer::serve(int socket) {
  Connection connection(socket, static_cast<SSL_CTX*>(tls_));
  while (!ending_) {
    const auto head = connection.read_head();
    if (head.empty()) break;
    auto request = parse_head(head);
    ++requests_;
    const auto* expect = request.header("expect");
    Reply reply;
    if (expect != nullptr && settings_.before_body) reply = settings_.before_body(request);
    if (reply.bytes.empty() && reply.after == Reply::After::keep) {
      if (expect != nullptr && settings_.answers_expect) connection.write("HTTP/1.1 100 Continue\r\n\r\n");
      const auto* length = request.header("content-length");
      if (length != nullptr && !connection.read_body(std::stoull(*length), request.body)) break;
      reply = handler_(request);
    } else if (reply.after == Reply::After::keep) {
      reply.after = Reply::After::close;  // the body that was not let in may be on its way
    }
    for (auto left = reply.delay; left.count() > 0 && !ending_; left -= std::chrono::milliseconds(10)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    connection.write(reply.bytes);
    while (reply.after == Reply::After::hang && !ending_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (reply.after == Reply::After::reset) connection.reset();
    if (reply.after != Reply::After::keep) break;
  }
  const std::lock_guard lock(mutex_);
  std::erase(sockets_, socket);
  ::close(socket);
}

}  // namespace spendsync::net::testing
