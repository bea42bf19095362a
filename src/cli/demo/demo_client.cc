#include <algorithm>
#include <atomic>
#include <thread>

#include "cli/demo/demo.h"

namespace spendsync::cli {

struct DemoClient::State {
  State(std::string connection, const Clock& time) : connection_string(std::move(connection)), clock(time) {}
  void run(std::stop_token stop);

  std::string connection_string;
  const Clock& clock;
  std::atomic<size_t> acknowledged{0};
  std::vector<Order> orders;  // the thread's until it was joined
  std::jthread thread;        // last: it uses everything above
};

void DemoClient::State::run(std::stop_token stop) {
  postgres::Connection::Settings settings;
  settings.connection_string = connection_string;
  auto connection = postgres::Connection::open(std::move(settings));
  if (!connection) return;  // wait_for_orders tells that nothing comes
  for (int64_t id = 1; !stop.stop_requested(); ++id) {
    Order order{.id = id, .begun = clock.now(), .acknowledged = {}};
    auto done =
        connection->query("insert into public.payments (id, amount) values ($1, random() * 100)", {std::to_string(id)});
    if (!done) return;  // the server is gone: that is the disaster
    order.acknowledged = clock.now();
    orders.push_back(order);
    acknowledged.fetch_add(1);
    if (!clock.sleep_for(std::chrono::milliseconds(2), stop)) return;
  }
}

DemoClient::DemoClient(std::string connection_string, const Clock& clock)
    : state_(std::make_unique<State>(std::move(connection_string), clock)) {
  state_->thread = std::jthread([state = state_.get()](std::stop_token stop) { state->run(stop); });
}

DemoClient::~DemoClient() = default;

Result<void> DemoClient::wait_for_orders(size_t more, std::stop_token stop) {
  const size_t goal = state_->acknowledged.load() + more;
  const auto deadline = state_->clock.monotonic() + std::chrono::seconds(30);
  while (state_->acknowledged.load() < goal) {
    if (state_->clock.monotonic() > deadline) return Error(ErrorKind::transient, "the demo's client cannot write");
    TRY(state_->clock.sleep_for(std::chrono::milliseconds(20), stop));
  }
  return {};
}

std::vector<DemoClient::Order> DemoClient::stop() {
  if (state_->thread.joinable()) {
    state_->thread.request_stop();
    state_->thread.join();
  }
  return state_->orders;
}

}  // namespace spendsync::cli
