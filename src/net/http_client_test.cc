#include "net/http_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <barrier>
#include <thread>

#include "base/testing.h"
#include "net/testing/http_server.h"

namespace spendsync::net {
namespace {

using net::testing::HttpServer;
using net::testing::Reply;
using net::testing::ServedRequest;
using net::testing::TestCertificates;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::unique_ptr<HttpClient> client(HttpClient::Settings settings = {}) { return MUST(HttpClient::open(settings)); }

std::string body_of(const HttpResponse& response) { return std::string(as_text(response.body)); }

TEST(HttpClient, SendsWhatItIsToldAndGivesBackWhatComes) {
  ServedRequest seen;
  HttpServer server([&](const ServedRequest& request) {
    seen = request;
    return Reply::with(201, "made", {{"ETag", "\"abc\""}, {"x-empty", ""}});
  });
  const auto sent = std::string("some bytes");
  const auto response = MUST(client()->send({.method = "PUT",
                                             .url = server.url() + "/a/../b%20c//d?x=1&y=",
                                             .headers = {{"X-One", "1"}, {"X-Empty", ""}},
                                             .body = as_bytes(sent)},
                                            {}));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(body_of(response), "made");
  EXPECT_EQ(*response.header("etag"), "\"abc\"");
  EXPECT_EQ(*response.header("X-Empty"), "");
  EXPECT_EQ(response.header("no-such"), nullptr);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/a/../b%20c//d?x=1&y=") << "nothing is normalized: it was signed like this";
  EXPECT_EQ(seen.body, sent);
  EXPECT_EQ(*seen.header("x-one"), "1");
  EXPECT_EQ(*seen.header("x-empty"), "");
  EXPECT_EQ(*seen.header("content-length"), "10");
  EXPECT_EQ(seen.header("expect"), nullptr);
}

TEST(HttpClient, KnowsEveryMethodThatIsNeeded) {
  std::vector<std::string> seen;
  HttpServer server([&](const ServedRequest& request) {
    seen.push_back(request.method + " " + request.body);
    return request.method == "HEAD" ? Reply{"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"} : Reply::with(204);
  });
  auto http = client();
  for (const char* method : {"GET", "HEAD", "DELETE"}) {
    EXPECT_TRUE(MUST(http->send({.method = method, .url = server.url()}, {})).is_success()) << method;
  }
  const std::string body = "x";
  MUST(http->send({.method = "POST", .url = server.url(), .body = as_bytes(body)}, {}));
  MUST(http->send({.method = "PUT", .url = server.url()}, {}));
  EXPECT_THAT(seen, ::testing::ElementsAre("GET ", "HEAD ", "DELETE ", "POST x", "PUT "));
  EXPECT_EQ(server.connections(), 1u) << "one connection serves them all";
}

TEST(HttpClient, ThreadsShareItsConnections) {
  HttpServer server([](const ServedRequest&) { return Reply::with(200, "x"); });
  auto http = client();
  for (int round = 0; round < 5; ++round) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { EXPECT_EQ(MUST(http->send({.url = server.url()}, {})).status, 200); });
    }
  }
  EXPECT_EQ(server.requests(), 20u);
  EXPECT_LE(server.connections(), 4u);
}

TEST(HttpClient, PutsASuccessWhereItIsWantedAndAFailureBeside) {
  HttpServer server([](const ServedRequest& request) {
    return request.target == "/good" ? Reply::with(206, "12345") : Reply::with(404, "<Error>no</Error>");
  });
  auto http = client();
  Bytes room(5);
  const auto good = MUST(http->send({.url = server.url() + "/good", .into = room}, {}));
  EXPECT_EQ(as_text(room), "12345");
  EXPECT_EQ(good.body_bytes, 5u);
  EXPECT_TRUE(good.body.empty());
  const auto bad = MUST(http->send({.url = server.url() + "/bad", .into = room}, {}));
  EXPECT_EQ(body_of(bad), "<Error>no</Error>");
  EXPECT_EQ(as_text(room), "12345");
  Bytes small(4);
  const auto longer = http->send({.url = server.url() + "/good", .into = small}, {});
  EXPECT_KIND(longer, ErrorKind::transient);
  EXPECT_KIND(http->send({.url = server.url() + "/bad", .max_body = 3}, {}), ErrorKind::transient);
}

TEST(HttpClient, CallsEverythingTransientThatMayPass) {
  const std::string half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
  const std::vector<Reply> replies = {
      {.bytes = "", .after = Reply::After::close},
      {.bytes = "", .after = Reply::After::reset},
      {.bytes = half, .after = Reply::After::close},
      {.bytes = half, .after = Reply::After::reset},
      {.bytes = "this is no HTTP\r\n\r\n", .after = Reply::After::close},
      {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", .after = Reply::After::close},
      {.bytes = "HTTP/1.1 200 OK\r\nx: " + std::string(300u << 10, 'y'), .after = Reply::After::close},
  };
  for (size_t i = 0; i < replies.size(); ++i) {
    HttpServer server([&](const ServedRequest&) { return replies[i]; });
    const auto response = client()->send({.url = server.url()}, {});
    SCOPED_TRACE(i);
    EXPECT_KIND(response, ErrorKind::transient);
    if (response) continue;
    EXPECT_THAT(response.error().message(), HasSubstr(server.url()));
  }
  std::string gone;
  {
    HttpServer server([](const ServedRequest&) { return Reply::with(200); });
    gone = server.url();
  }
  EXPECT_KIND(client()->send({.url = gone}, {}), ErrorKind::transient);
  EXPECT_KIND(client()->send({.url = "http://no-such-host.invalid/"}, {}), ErrorKind::transient);
}

TEST(HttpClient, SendsABodyAgainWhereAKeptConnectionHasEnded) {
  std::atomic<int> calls = 0;
  HttpServer server([&](const ServedRequest& request) {
    auto reply = Reply::with(200, request.body);
    // As a server whose patience with idle connections has ended: the next request finds a closed one.
    if (++calls == 1) reply.after = Reply::After::close;
    return reply;
  });
  auto http = client();
  const std::string body(100'000, 'b');
  for (int i = 0; i < 2; ++i) {
    const auto response = MUST(http->send({.method = "PUT", .url = server.url(), .body = as_bytes(body)}, {}));
    EXPECT_EQ(body_of(response), body);
    std::this_thread::sleep_for(milliseconds(50));
  }
}

TEST(HttpClient, ARefusalCostsNoBodyWhereItAsksBefore) {
  std::atomic<bool> received = false;
  HttpServer server(
      [&](const ServedRequest& request) {
        received = true;
        return Reply::with(200, std::to_string(request.body.size()));
      },
      {.before_body = [](const ServedRequest& request) {
        return request.target == "/refused" ? Reply::with(403, "no") : Reply{};
      }});
  auto http = client();
  const std::string body(4u << 20, 'b');
  const HttpRequest request{
      .method = "PUT", .url = server.url() + "/refused", .body = as_bytes(body), .asks_before_body = true};
  EXPECT_EQ(MUST(http->send(request, {})).status, 403);
  EXPECT_FALSE(received);
  auto taken = request;
  taken.url = server.url() + "/taken";
  EXPECT_EQ(body_of(MUST(http->send(taken, {}))), std::to_string(body.size()));
}

TEST(HttpClient, AServerThatKnowsNoExpectGetsTheBodyAfterASecond) {
  HttpServer server([](const ServedRequest& request) { return Reply::with(200, std::to_string(request.body.size())); },
                    {.answers_expect = false});
  const std::string body(10, 'b');
  const auto response = MUST(
      client()->send({.method = "PUT", .url = server.url(), .body = as_bytes(body), .asks_before_body = true}, {}));
  EXPECT_EQ(body_of(response), "10");
}

TEST(HttpClient, GivesUpAtTheDeadlineAndOnAStall) {
  HttpServer silent([](const ServedRequest&) { return Reply{.bytes = "", .after = Reply::After::hang}; });
  const auto late = client()->send({.url = silent.url(), .deadline = milliseconds(200)}, {});
  EXPECT_KIND(late, ErrorKind::transient);
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message(), HasSubstr("has not answered within 1 s"));
  HttpServer stalled([](const ServedRequest&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1", .after = Reply::After::hang};
  });
  HttpClient::Settings settings;
  settings.stall_time = std::chrono::seconds(1);
  EXPECT_KIND(client(settings)->send({.url = stalled.url()}, {}), ErrorKind::transient);
}

TEST(HttpClient, IsCancelledAtOnce) {
  std::barrier arrived(2);
  HttpServer server([&](const ServedRequest&) {
    arrived.arrive_and_wait();
    return Reply{.bytes = "", .after = Reply::After::hang};
  });
  auto http = client();
  std::stop_source stop;
  std::jthread stopper([&] {
    arrived.arrive_and_wait();
    stop.request_stop();
  });
  EXPECT_KIND(http->send({.url = server.url()}, stop.get_token()), ErrorKind::cancelled);
  EXPECT_KIND(http->send({.url = server.url()}, stop.get_token()), ErrorKind::cancelled);  // before it begins
}

TEST(HttpClient, RedirectsAreAnswersLikeAnyOther) {
  HttpServer server([](const ServedRequest&) {
    return Reply::with(307, "", {{"Location", "http://198.51.100.1/elsewhere"}});
  });
  EXPECT_EQ(MUST(client()->send({.url = server.url()}, {})).status, 307);
}

TEST(HttpClient, TrustsOnlyCertificatesOfAKnownAuthorityForThisName) {
  const TestCertificates certificates;
  HttpServer server([](const ServedRequest&) { return Reply::with(200, "safe"); }, {.tls = &certificates});
  HttpClient::Settings settings;
  settings.ca_file = certificates.ca_file();
  EXPECT_EQ(body_of(MUST(client(settings)->send({.url = server.url()}, {}))), "safe");

  const auto unknown = client()->send({.url = server.url()}, {});
  EXPECT_KIND(unknown, ErrorKind::denied);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().exit_code(), 7);
  EXPECT_THAT(unknown.error().hint(), HasSubstr("ca_file"));

  const TestCertificates others("localhost");
  HttpServer other([](const ServedRequest&) { return Reply::with(200); }, {.tls = &others});
  settings.ca_file = others.ca_file();
  EXPECT_KIND(client(settings)->send({.url = other.url()}, {}), ErrorKind::denied);

  const TestCertificates old("127.0.0.1", -1);
  HttpServer expired([](const ServedRequest&) { return Reply::with(200); }, {.tls = &old});
  settings.ca_file = old.ca_file();
  EXPECT_KIND(client(settings)->send({.url = expired.url()}, {}), ErrorKind::denied);

  HttpServer plain([](const ServedRequest&) { return Reply::with(200); });
  EXPECT_KIND(client(settings)->send({.url = fmt::format("https://127.0.0.1:{}", plain.port())}, {}),
              ErrorKind::transient);  // no TLS at all
  settings.ca_file = "/no/such/file";
  EXPECT_KIND(HttpClient::open(settings), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::net
