#include "net/http_client.h"

#define CURL_DISABLE_TYPECHECK  // its macros take the names of two functions that are called through pointers here
#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <functional>
#include <mutex>

#include "base/exit_code.h"
#include "base/file.h"
#include "net/libcurl.h"

namespace spendsync::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using SetOption = CURLcode (*)(CURL* curl, CURLoption option, ...);
using GetInfo = CURLcode (*)(CURL* curl, CURLINFO info, ...);

constexpr milliseconds kLongestPoll{1000};
constexpr long kContinueTimeoutMs = 1000;
constexpr long kReceiveBuffer = 512l << 10;
constexpr long kSendBuffer = 1l << 20;
constexpr size_t kHeadersMax = 256u << 10;  // bytes of one answer's header fields

/// What libcurl's callbacks work on.
struct Exchange {
  const HttpRequest& request;
  HttpResponse response{};
  size_t sent = 0;
  size_t header_bytes = 0;
  std::string overflow{};  // why the answer was given up
};

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size * count);
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kHeadersMax) {
    exchange.overflow = "the answer's header has no end";
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    // After a 100 Continue comes another answer, and libcurl may repeat a request by itself (417).
    exchange.response.headers.clear();
    exchange.response.body.clear();
    exchange.response.body_bytes = 0;
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  const auto begin = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
  const auto end = line.find_last_not_of(" \t\r\n");
  exchange.response.headers.push_back(
      {std::string(line.substr(0, colon)),
       std::string(end == std::string_view::npos || end < begin ? "" : line.substr(begin, end - begin + 1))});
  return line.size();
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const auto bytes = ByteView(reinterpret_cast<const std::byte*>(data), size * count);
  auto& response = exchange.response;
  const auto into = response.is_success() ? exchange.request.into : MutableBytes{};
  if (!into.empty()) {
    if (response.body_bytes + bytes.size() > into.size()) {
      exchange.overflow = fmt::format("the answer is longer than the {} bytes that were asked for", into.size());
      return 0;
    }
    std::memcpy(into.data() + response.body_bytes, bytes.data(), bytes.size());
  } else {
    if (response.body_bytes + bytes.size() > exchange.request.max_body) {
      exchange.overflow = fmt::format("the answer is longer than {} bytes", exchange.request.max_body);
      return 0;
    }
    response.body.insert(response.body.end(), bytes.begin(), bytes.end());
  }
  response.body_bytes += bytes.size();
  return bytes.size();
}

size_t on_send(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const auto rest = exchange.request.body.subspan(exchange.sent);
  const auto some = std::min(rest.size(), size * count);
  std::memcpy(data, rest.data(), some);
  exchange.sent += some;
  return some;
}

int on_seek(void* user, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (origin != SEEK_SET || offset < 0 || static_cast<uint64_t>(offset) > exchange.request.body.size()) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  exchange.sent = static_cast<size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

bool is_trouble_with_trust(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR ||
         code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

/// "https://host:port": what is asked for is named by the caller.
std::string server_of(const std::string& url) {
  const auto scheme = url.find("://");
  return url.substr(0, url.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

}  // namespace

/// A transfer at a time, and the connections that it has left open.
class HttpClient::Channel {
 public:
  explicit Channel(const Settings& settings) : settings_(settings), multi_(curl_multi_init()), easy_(curl_easy_init()) {
    CHECK(multi_ != nullptr && easy_ != nullptr);
  }
  ~Channel() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Result<HttpResponse> send(const HttpRequest& request, const std::stop_token& stop) {
    Exchange exchange{request};
    curl_slist* headers = prepare(request, exchange);
    CHECK(curl_multi_add_handle(multi_, easy_) == CURLM_OK);
    auto code = run(request, stop);
    curl_multi_remove_handle(multi_, easy_);
    curl_slist_free_all(headers);
    if (!code) return std::move(code).error();
    if (!exchange.overflow.empty()) {
      return Error(ErrorKind::transient, fmt::format("{}: {}", server_of(request.url), exchange.overflow));
    }
    if (*code != CURLE_OK) return failure(request, *code);
    return std::move(exchange.response);
  }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    CHECK(reinterpret_cast<SetOption>(address_of_setopt())(easy_, option, value) == CURLE_OK);
  }

  curl_slist* prepare(const HttpRequest& request, Exchange& exchange) {
    curl_easy_reset(easy_);
    message_[0] = '\0';
    set(CURLOPT_ERRORBUFFER, message_.data());
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PATH_AS_IS, 1l);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1l);
    set(CURLOPT_SSL_VERIFYHOST, 2l);
    if (settings_.ca_file) set(CURLOPT_CAINFO, settings_.ca_file->c_str());
    set(CURLOPT_NOSIGNAL, 1l);
    set(CURLOPT_QUICK_EXIT, 1l);  // cancelled at once, although a name is being resolved
    // What is not sealed by TLS is for this host and its network alone.
    if (request.url.starts_with("http://")) set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(settings_.minimum_bytes_per_second));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings_.stall_time.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1l);
    set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
    set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBuffer);
    set(CURLOPT_USERAGENT, "spendsync-backup/" SSB_VERSION);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_WRITEFUNCTION, &on_write_status);
    set(CURLOPT_WRITEDATA, this);
    exchange_ = &exchange;
    set_method(request, exchange);
    curl_slist* headers = nullptr;
    for (const auto& header : request.headers) {
      // "Name;" is how libcurl is told of a header without a value.
      const auto line = header.value.empty() ? header.name + ";" : header.name + ": " + header.value;
      headers = curl_slist_append(headers, line.c_str());
    }
    headers = curl_slist_append(headers, request.asks_before_body ? "Expect: 100-continue" : "Expect:");
    set(CURLOPT_EXPECT_100_TIMEOUT_MS, kContinueTimeoutMs);
    set(CURLOPT_HTTPHEADER, headers);
    return headers;
  }

  void set_method(const HttpRequest& request, Exchange& exchange) {
    const bool sends = request.method == "PUT" || request.method == "POST";
    if (sends) {
      set(CURLOPT_UPLOAD, 1l);
      set(CURLOPT_READFUNCTION, &on_send);
      set(CURLOPT_READDATA, &exchange);
      set(CURLOPT_SEEKFUNCTION, &on_seek);
      set(CURLOPT_SEEKDATA, &exchange);
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    } else if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1l);
    } else {
      set(CURLOPT_HTTPGET, 1l);
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  /// The status is known before the first byte of the body.
  static size_t on_write_status(char* data, size_t size, size_t count, void* user) {
    auto& channel = *static_cast<Channel*>(user);
    channel.exchange_->response.status = channel.status();
    return on_body(data, size, count, channel.exchange_);
  }

  int status() {
    long status = 0;
    reinterpret_cast<GetInfo>(address_of_getinfo())(easy_, CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }

  Result<CURLcode> run(const HttpRequest& request, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_); });
    const auto end = steady_clock::now() + request.deadline;
    int running = 1;
    while (true) {
      if (stop.stop_requested())
        return Error(ErrorKind::cancelled, "stopped while talking to " + server_of(request.url));
      const auto done = curl_multi_perform(multi_, &running);
      if (done != CURLM_OK)
        return Error(ErrorKind::internal, fmt::format("libcurl failed with {}", static_cast<int>(done)));
      if (running == 0) break;
      const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
      if (left.count() <= 0) {
        return Error(ErrorKind::transient, fmt::format("{} has not answered within {} s", server_of(request.url),
                                                       (request.deadline.count() + 999) / 1000));
      }
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::min(left, kLongestPoll).count()), nullptr);
    }
    int queued = 0;
    const CURLMsg* message = curl_multi_info_read(multi_, &queued);
    if (message == nullptr || message->msg != CURLMSG_DONE)
      return Error(ErrorKind::internal, "libcurl lost a transfer");
    exchange_->response.status = status();
    return message->data.result;
  }

  Error failure(const HttpRequest& request, CURLcode code) const {
    const char* text = message_[0] != '\0' ? message_.data() : curl_easy_strerror(code);
    const auto message = fmt::format("{}: {}", server_of(request.url), text);
    if (!is_trouble_with_trust(code)) return Error(ErrorKind::transient, message);
    return Error(ErrorKind::denied, message)
        .with_hint(
            "the certificate is not trusted for this name: where a private authority made it, name its "
            "certificate (ca_file)")
        .with_exit_code(kUnreachable);
  }

  const Settings& settings_;
  CURLM* multi_;
  CURL* easy_;
  std::array<char, CURL_ERROR_SIZE> message_{};
  Exchange* exchange_ = nullptr;
};

struct HttpClient::Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<Channel>> idle;  // the one that was used last at the end
};

HttpClient::HttpClient(Settings settings) : settings_(std::move(settings)), pool_(std::make_unique<Pool>()) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::open(Settings settings) {
  TRY(load_libcurl());
  if (settings.ca_file) TRY_CONTEXT(read_file(*settings.ca_file), "the certificates of ca_file");
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(settings)));
}

Result<HttpResponse> HttpClient::send(const HttpRequest& request, std::stop_token stop) {
  std::unique_ptr<Channel> channel;
  {
    const std::lock_guard lock(pool_->mutex);
    if (!pool_->idle.empty()) {
      channel = std::move(pool_->idle.back());
      pool_->idle.pop_back();
    }
  }
  if (!channel) channel = std::make_unique<Channel>(settings_);
  auto response = channel->send(request, stop);
  const std::lock_guard lock(pool_->mutex);
  if (pool_->idle.size() < settings_.idle_connections) pool_->idle.push_back(std::move(channel));
  return response;
}

}  // namespace spendsync::net
