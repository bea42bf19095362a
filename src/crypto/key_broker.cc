#include "crypto/key_broker.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/stop_event.h"
#include "crypto/wrapped_key.h"

namespace spendsync::crypto {
namespace {

// One exchange a connection. The broker says who it is (u16 and type, u16 and id); the peer may send a wrap (u32 and
// the object); the answer is one byte, then the key or, for an error, its kind and message (u8, u16 and text).
constexpr time_t kPatienceSeconds = 10;
constexpr int kShortageWaitMs = 100;
constexpr uint8_t kOpened = 1;
constexpr uint8_t kNotOpened = 0;
constexpr size_t kTextMax = 4096;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(ErrorKind::invalid, "the socket's path is too long: " + path);
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Result<void> send_all(const Fd& peer, ByteView bytes) {
  while (!bytes.empty()) {
    auto sent = ::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Error::from_errno(errno, "writing to the key broker's socket");
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
  return ok();
}

Result<void> receive(const Fd& peer, MutableBytes out) {
  while (!out.empty()) {
    auto got = ::recv(peer.get(), out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "reading from the key broker's socket");
    if (got == 0) return Error(ErrorKind::transient, "the key broker's socket was closed");
    out = out.subspan(static_cast<size_t>(got));
  }
  return ok();
}

template <class Size>
Result<Bytes> receive_sized(const Fd& peer, size_t max_size) {
  std::array<std::byte, sizeof(Size)> prefix;
  TRY(receive(peer, prefix));
  Size size = 0;
  std::memcpy(&size, prefix.data(), sizeof size);
  if (size > max_size) return Error(ErrorKind::corrupt, "the key broker's peer sends too much");
  Bytes bytes(size);
  TRY(receive(peer, bytes));
  return bytes;
}

void add_text(ByteWriter& writer, std::string_view text) {
  text = text.substr(0, kTextMax);
  writer.u16(static_cast<uint16_t>(text.size()));
  writer.raw(as_bytes(text));
}

bool is_ours(const Fd& peer) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return false;
  return credentials.uid == ::geteuid() || credentials.uid == 0;
}

void be_patient(const Fd& peer) {
  timeval patience{kPatienceSeconds, 0};
  ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

struct Greeting {
  Fd socket;
  std::string type;
  std::string id;
};

Result<Greeting> greet(const std::string& path) {
  auto address = TRY(address_of(path));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "cannot make a socket");
  be_patient(socket);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error(ErrorKind::transient, "the restore that holds the escrow key does not answer at " + path)
        .with_hint("it has ended: run the restore again");
  }
  auto type = TRY(receive_sized<uint16_t>(socket, kTextMax));
  auto id = TRY(receive_sized<uint16_t>(socket, kTextMax));
  return Greeting{std::move(socket), std::string(as_text(type)), std::string(as_text(id))};
}

}  // namespace

Result<std::unique_ptr<KeyBroker>> KeyBroker::start(KeyWrapper& opener, const std::string& socket_path) {
  auto address = TRY(address_of(socket_path));
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return Error::from_errno(errno, "cannot make a socket");
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "cannot make the socket " + socket_path);
  }
  if (::chmod(socket_path.c_str(), 0600) != 0 || ::listen(listener.get(), 8) != 0) {
    return Error::from_errno(errno, "cannot listen at " + socket_path);
  }
  return std::unique_ptr<KeyBroker>(new KeyBroker(opener, socket_path, std::move(listener)));
}

KeyBroker::KeyBroker(KeyWrapper& opener, std::string socket_path, Fd listener)
    : opener_(opener),
      socket_path_(std::move(socket_path)),
      listener_(std::move(listener)),
      thread_([this](std::stop_token stop) { serve(std::move(stop)); }) {}

KeyBroker::~KeyBroker() {
  thread_.request_stop();
  thread_.join();
  ::unlink(socket_path_.c_str());
}

void KeyBroker::serve(std::stop_token stop) {
  StopEvent stopped(stop);
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> watched{{{listener_.get(), POLLIN, 0}, {stopped.fd(), POLLIN, 0}}};
    const int timeout_ms = stopped.fd() < 0 ? kShortageWaitMs : -1;  // it had no descriptor to be made of
    if (::poll(watched.data(), watched.size(), timeout_ms) < 0 && errno != EINTR) return;
    Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer && is_ours(peer)) answer(peer);
    // Without a free descriptor the peer stays in the queue, and poll would return at once for ever.
    const bool short_of_means = !peer && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
    if (short_of_means) ::poll(&watched[1], 1, kShortageWaitMs);
  }
}

/// A peer that breaks off is its own trouble: it reports it.
void KeyBroker::answer(const Fd& peer) {
  be_patient(peer);
  Bytes greeting;
  ByteWriter hello(greeting);
  add_text(hello, opener_.type());
  add_text(hello, opener_.id());
  if (!send_all(peer, greeting)) return;
  auto object = receive_sized<uint32_t>(peer, kWrappedKeyMax);
  if (!object) return;
  auto wrapped = decode(*object);
  auto secret = wrapped ? opener_.unwrap(*wrapped) : Result<Secret>(wrapped.error());
  Bytes bytes;
  bytes.reserve(1 + Secret::kSize);  // no copy of the key is left behind by growing
  ByteWriter writer(bytes);
  writer.u8(secret ? kOpened : kNotOpened);
  if (secret) {
    writer.raw(secret->view());
  } else {
    writer.u8(static_cast<uint8_t>(secret.error().kind()));
    add_text(writer, secret.error().message());
  }
  static_cast<void>(send_all(peer, bytes));
  wipe(bytes);
}

Result<std::unique_ptr<BrokeredKey>> BrokeredKey::connect(const std::string& socket_path) {
  auto greeting = TRY(greet(socket_path));
  return std::unique_ptr<BrokeredKey>(new BrokeredKey(socket_path, std::move(greeting.type), std::move(greeting.id)));
}

Result<WrappedKey> BrokeredKey::wrap(const Secret&, const KeyContext&) {
  return Error(ErrorKind::refused, "a brokered key seals nothing");
}

Result<Secret> BrokeredKey::unwrap(const WrappedKey& wrapped) {
  auto greeting = TRY(greet(socket_path_));
  auto object = encode(wrapped);
  Bytes request;
  ByteWriter writer(request);
  writer.u32(static_cast<uint32_t>(object.size()));
  writer.raw(object);
  TRY(send_all(greeting.socket, request));
  std::array<std::byte, 1> status;
  TRY(receive(greeting.socket, status));
  if (status[0] == std::byte{kOpened}) {
    Secret secret;
    TRY(receive(greeting.socket, secret.mutable_view()));
    return secret;
  }
  std::array<std::byte, 1> kind;
  TRY(receive(greeting.socket, kind));
  auto message = TRY(receive_sized<uint16_t>(greeting.socket, kTextMax));
  auto told = static_cast<ErrorKind>(kind[0]);
  bool known = told == ErrorKind::denied || told == ErrorKind::corrupt || told == ErrorKind::unsupported;
  return Error(known ? told : ErrorKind::internal, std::string(as_text(message)));
}

}  // namespace spendsync::crypto
