#include "crypto/escrow_wrapper.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ctime>

#include "base/subprocess.h"
#include "base/testing.h"
#include "crypto/escrow_seal.h"
#include "crypto/gcm.h"
#include "crypto/key_broker.h"
#include "crypto/testing/counting.h"
#include "crypto/wrapped_key.h"

namespace spendsync::crypto {
namespace {

using testing::HasSubstr;

KeyContext context(KeyClass key_class = KeyClass::meta) {
  KeyContext context{"00112233445566778899aabbccddeeff", "spendsync/7300000000000000001", {}, key_class};
  auto id = counting(0xa0, 16);
  std::copy(id.begin(), id.end(), context.key_id.bytes.begin());
  return context;
}

// The vector of docs/format/keys.md, made by an independent program from the page alone.
constexpr std::string_view kVectorPrivate =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIICBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6f\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kVectorPublic =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAST6C/HRGSlkmiBdiPSBTxeuOLMSpiLT+4XnsawENUx0=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kVectorWrap =
    "535342575241503101000200a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00e062b0a71306000600657363726f772000376239373039346361"
    "34653634346637623730343333363265316438613239332000303031313232333334343535363637373838393961616262636364646565"
    "66661d007370656e6473796e632f3733303030303030303030303030303030303151000279a631eede1bf9c98f12032cdeadd0e7a07939"
    "8fc786b88cc846ec89af85a51ad01dfe8625b768ef4b44f729db930c59850105c4080434fdd5d183912f60ecb0bcc3dbb85082fdaf4c72"
    "719645aeb6bc8509db51f013dd859d39d0adbf1a972b78dd3bf16048b59768c5cd15b61190af";

class EscrowTest : public testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view content, mode_t mode = 0600) {
    const auto path = directory_.path() + "/" + name;
    MUST(replace_file(path, as_bytes(content), mode));
    return path;
  }
  /// The standard output of the `openssl` command.
  std::string openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    return MUST(run_checked(Command{std::move(arguments), {}, directory_.path(), {}}, {}, std::chrono::seconds(60)));
  }
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  /// name.pem and name-public.pem, made by the `openssl` command.
  void make_pair(const std::string& name, std::vector<std::string> how) {
    std::vector<std::string> arguments{"genpkey"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    arguments.insert(arguments.end(), {"-out", name + ".pem"});
    openssl(arguments);
    ASSERT_EQ(::chmod(path(name + ".pem").c_str(), 0600), 0);
    std::vector<std::string> publish{"pkey", "-in", name + ".pem", "-pubout", "-out", name + "-public.pem"};
    if (!passphrase_.empty()) publish.insert(publish.end(), {"-passin", "pass:" + passphrase_});
    openssl(publish);
  }
  PassphraseSource typed(const std::string& text) {
    return [this, text](const std::string& path) {
      asked_for_ = path;
      return Result<WipedBytes>(WipedBytes(to_bytes(text)));
    };
  }
  EscrowWrapper sealer(const std::string& name) {
    return {MUST(EscrowKey::read_public(path(name + "-public.pem"))), random_, clock_};
  }
  EscrowWrapper opener(const std::string& name) {
    return {MUST(EscrowKey::read_private(path(name + ".pem"), typed(passphrase_))), random_, clock_};
  }
  void expect_refused(const Result<EscrowKey>& result, const std::string& message, const std::string& hint) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::refused) << describe(result.error());
    EXPECT_THAT(result.error().message(), HasSubstr(message));
    EXPECT_THAT(result.error().hint(), HasSubstr(hint));
  }
  /// Seals with the public half, opens with the private one, and proves that nothing else opens it.
  void expect_round_trip(EscrowWrapper& seals, EscrowWrapper& opens) {
    for (auto key_class : {KeyClass::data, KeyClass::meta}) {
      Secret key(counting(1, 32));
      auto wrapped = MUST(decode(encode(MUST(seals.wrap(key, context(key_class))))));
      EXPECT_EQ(wrapped.wrapper_id, opens.id());
      EXPECT_KIND(seals.unwrap(wrapped), ErrorKind::denied);
      auto opened = MUST(opens.unwrap(wrapped));
      EXPECT_TRUE(std::ranges::equal(opened.view(), key.view()));
      expect_every_change_noticed(opens, wrapped);
    }
  }
  static void expect_every_change_noticed(EscrowWrapper& opens, const WrappedKey& wrapped) {
    for (size_t i = 0; i < wrapped.wrapped.size(); ++i) {
      auto changed = wrapped;
      changed.wrapped[i] ^= std::byte{0x80};
      EXPECT_KIND(opens.unwrap(changed), ErrorKind::corrupt);
    }
    auto other = wrapped;
    other.context.key_id.bytes[3] ^= std::byte{1};
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other = wrapped;
    other.context.key_class = wrapped.context.key_class == KeyClass::data ? KeyClass::meta : KeyClass::data;
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other = wrapped;
    other.context.repository_id[0] = 'f';
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other = wrapped;
    other.context.cluster += "2";
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other = wrapped;
    other.created += std::chrono::microseconds(1);
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other = wrapped;
    other.wrapped.pop_back();
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
    other.wrapped.clear();
    EXPECT_KIND(opens.unwrap(other), ErrorKind::corrupt);
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "escrow-"));
  SystemRandom random_;
  ManualClock clock_{Timestamp(std::chrono::seconds(1'710'460'800))};
  std::string passphrase_;
  std::string asked_for_;
};

TEST_F(EscrowTest, MakesAndOpensTheVectorOfTheFormatPage) {
  CountingRandom random;
  EscrowWrapper seals(MUST(EscrowKey::read_public(write("public.pem", kVectorPublic))), random, clock_);
  EXPECT_EQ(seals.id(), "7b97094ca4e644f7b7043362e1d8a293");
  EXPECT_EQ(seals.key().algorithm(), "X25519");
  auto made = MUST(seals.wrap(Secret(counting(0, 32)), context()));
  EXPECT_EQ(to_hex(encode(made)), kVectorWrap);
  auto stored = MUST(decode(MUST(from_hex(kVectorWrap))));
  EscrowWrapper opens(MUST(EscrowKey::read_private(write("private.pem", kVectorPrivate), typed(""))), random, clock_);
  EXPECT_EQ(opens.id(), seals.id());
  EXPECT_TRUE(std::ranges::equal(MUST(opens.unwrap(stored)).view(), counting(0, 32)));
  EXPECT_EQ(asked_for_, "") << "a key without a passphrase asks for none";
}

TEST_F(EscrowTest, X25519OpensOnlyWithThePrivateHalf) {
  make_pair("x", {"-algorithm", "X25519"});
  auto seals = sealer("x");
  auto opens = opener("x");
  EXPECT_FALSE(seals.can_open());
  EXPECT_TRUE(opens.can_open());
  EXPECT_TRUE(opens.is_offline());
  expect_round_trip(seals, opens);
  make_pair("y", {"-algorithm", "X25519"});
  EXPECT_KIND(opener("y").unwrap(MUST(seals.wrap(Secret(counting(1, 32)), context()))), ErrorKind::denied);
}

TEST_F(EscrowTest, TheOpensslCommandUnwrapsAnRsaWrap) {
  make_pair("r", {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"});
  auto seals = sealer("r");
  EXPECT_EQ(seals.key().algorithm(), "RSA 3072");
  auto wrapped = MUST(seals.wrap(Secret(counting(7, 32)), context()));
  ASSERT_EQ(wrapped.wrapped.front(), kRsaSeal);
  write("sealed", as_text(ByteView(wrapped.wrapped).subspan(1)));
  auto opened = openssl({"pkeyutl", "-decrypt", "-inkey", "r.pem", "-in", "sealed", "-pkeyopt", "rsa_padding_mode:oaep",
                         "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256", "-pkeyopt",
                         "rsa_oaep_label:" + to_hex(clear_part_digest(wrapped))});
  EXPECT_EQ(to_hex(as_bytes(opened)), to_hex(counting(7, 32)));
  auto opens = opener("r");
  EXPECT_TRUE(std::ranges::equal(MUST(opens.unwrap(wrapped)).view(), counting(7, 32)));
  auto changed = wrapped;
  changed.wrapped.back() ^= std::byte{1};
  EXPECT_KIND(opens.unwrap(changed), ErrorKind::corrupt);
  changed = wrapped;
  changed.context.key_class = KeyClass::data;
  EXPECT_KIND(opens.unwrap(changed), ErrorKind::corrupt);
  changed = wrapped;
  changed.wrapped.front() = kX25519Seal;
  EXPECT_KIND(opens.unwrap(changed), ErrorKind::corrupt);
}

/// Only AES-GCM is ours here: the `openssl` command has none.
TEST_F(EscrowTest, TheOpensslCommandAgreesOnAnX25519Wrap) {
  make_pair("x", {"-algorithm", "X25519"});
  auto wrapped = MUST(sealer("x").wrap(Secret(counting(9, 32)), context()));
  ByteView sealed(wrapped.wrapped);
  auto prefix = MUST(from_hex("302a300506032b656e032100"));  // SubjectPublicKeyInfo of X25519 (RFC 8410)
  write("ephemeral.der", std::string(as_text(prefix)) + std::string(as_text(sealed.subspan(1, 32))));
  auto shared = openssl({"pkeyutl", "-derive", "-inkey", "x.pem", "-peerform", "DER", "-peerkey", "ephemeral.der"});
  auto recipient = openssl({"pkey", "-in", "x.pem", "-pubout", "-outform", "DER"}).substr(prefix.size());
  auto key = openssl({"kdf", "-binary", "-keylen", "32", "-kdfopt", "digest:SHA256", "-kdfopt",
                      "hexkey:" + to_hex(as_bytes(shared)), "-kdfopt",
                      "hexsalt:" + to_hex(sealed.subspan(1, 32)) + to_hex(as_bytes(recipient)), "-kdfopt",
                      "info:spendsync-backup/1/escrow/x25519", "HKDF"});
  ASSERT_EQ(key.size(), 32u);
  Secret opened(sealed.subspan(33, 32));
  ASSERT_TRUE(Gcm(Gcm::Direction::open, as_bytes(key).first<32>())
                  .open(GcmNonce{}, clear_part_digest(wrapped), opened.mutable_view(), sealed.last<kGcmTagSize>()));
  EXPECT_TRUE(std::ranges::equal(opened.view(), counting(9, 32)));
}

TEST_F(EscrowTest, TheIdIsWhatTheOpensslCommandPrints) {
  make_pair("x", {"-algorithm", "X25519"});
  auto der = openssl({"pkey", "-pubin", "-in", "x-public.pem", "-outform", "DER"});
  EXPECT_EQ(sealer("x").id(), to_hex(ByteView(sha256(as_bytes(der))).first(16)));
}

TEST_F(EscrowTest, APassphraseIsAskedForAndMustFit) {
  passphrase_ = "correct horse";
  make_pair("x", {"-algorithm", "X25519", "-aes256", "-pass", "pass:correct horse"});
  auto opens = opener("x");
  EXPECT_EQ(asked_for_, path("x.pem"));
  auto wrapped = MUST(sealer("x").wrap(Secret(counting(1, 32)), context()));
  EXPECT_TRUE(std::ranges::equal(MUST(opens.unwrap(wrapped)).view(), counting(1, 32)));
  for (const char* wrong : {"", "correct", "correct horse "}) {
    auto denied = EscrowKey::read_private(path("x.pem"), typed(wrong));
    EXPECT_KIND(denied, ErrorKind::denied);
    EXPECT_THAT(denied.error().message(), HasSubstr("passphrase does not open"));
  }
  auto cancelled = EscrowKey::read_private(path("x.pem"), [](const std::string&) -> Result<WipedBytes> {
    return Error(ErrorKind::cancelled, "no passphrase was given");
  });
  EXPECT_KIND(cancelled, ErrorKind::cancelled);
}

TEST_F(EscrowTest, PublicKeysThatCannotServeAreRefusedWithTheirRemedy) {
  EXPECT_KIND(EscrowKey::read_public(path("none.pem")), ErrorKind::not_found);
  expect_refused(EscrowKey::read_public(write("text", "hello")), "no PEM file", "openssl genpkey");
  expect_refused(EscrowKey::read_public(write("empty", "")), "no PEM file", "openssl genpkey");
  make_pair("short", {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"});
  expect_refused(EscrowKey::read_public(path("short-public.pem")), "RSA key of 2048 bits; 3072", "openssl genpkey");
  make_pair("ec", {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"});
  expect_refused(EscrowKey::read_public(path("ec-public.pem")), "key of type EC", "X25519");
  make_pair("ed", {"-algorithm", "ED25519"});
  expect_refused(EscrowKey::read_public(path("ed-public.pem")), "key of type ED25519", "X25519");
  make_pair("x", {"-algorithm", "X25519"});
  expect_refused(EscrowKey::read_public(path("x.pem")), "holds a private key", "off this host");
  auto twice = MUST(read_text_file(path("x-public.pem"))) + MUST(read_text_file(path("x-public.pem")));
  expect_refused(EscrowKey::read_public(write("twice", twice)), "more than one PEM block", "only the key");
  auto with_private = MUST(read_text_file(path("x-public.pem"))) + MUST(read_text_file(path("x.pem")));
  expect_refused(EscrowKey::read_public(write("both", with_private)), "more than one PEM block", "only the key");
  openssl({"req", "-x509", "-new", "-key", "ec.pem", "-subj", "/CN=x", "-out", "certificate.pem"});
  expect_refused(EscrowKey::read_public(path("certificate.pem")), "certificate", "openssl x509");
  openssl({"rsa", "-in", "short.pem", "-RSAPublicKey_out", "-out", "pkcs1.pem"});
  expect_refused(EscrowKey::read_public(path("pkcs1.pem")), "PKCS#1", "-RSAPublicKey_in");
  expect_refused(EscrowKey::read_public(
                     write("bad", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAST6C\n-----END PUBLIC KEY-----\n")),
                 "damaged", "openssl genpkey");
  // The point 0 has order 4: whatever is sealed to it is sealed to everybody (RFC 7748, section 6.1).
  expect_refused(EscrowKey::read_public(write("zero",
                                              "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAA"
                                              "AAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n")),
                 "everybody could open", "openssl genpkey");
}

TEST_F(EscrowTest, PrivateKeysThatCannotServeAreRefusedWithTheirRemedy) {
  make_pair("x", {"-algorithm", "X25519"});
  EXPECT_KIND(EscrowKey::read_private(path("none.pem"), typed("")), ErrorKind::not_found);
  for (mode_t mode : {0644u, 0640u, 0660u, 0606u}) {
    ASSERT_EQ(::chmod(path("x.pem").c_str(), mode), 0);
    expect_refused(EscrowKey::read_private(path("x.pem"), typed("")), "must be 0600 or 0400", "chmod 600");
  }
  ASSERT_EQ(::chmod(path("x.pem").c_str(), 0400), 0);
  EXPECT_OK(EscrowKey::read_private(path("x.pem"), typed("")));
  ASSERT_EQ(::symlink("x.pem", path("link.pem").c_str()), 0);
  expect_refused(EscrowKey::read_private(path("link.pem"), typed("")), "symbolic link", "readlink");
  ASSERT_EQ(::chmod(path("x-public.pem").c_str(), 0600), 0);
  expect_refused(EscrowKey::read_private(path("x-public.pem"), typed("")), "holds the public key",
                 "private key's file");
  make_pair("short", {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"});
  expect_refused(EscrowKey::read_private(path("short.pem"), typed("")), "RSA key of 2048 bits", "openssl genpkey");
  openssl({"rsa", "-in", "short.pem", "-traditional", "-out", "traditional.pem"});
  ASSERT_EQ(::chmod(path("traditional.pem").c_str(), 0600), 0);
  expect_refused(EscrowKey::read_private(path("traditional.pem"), typed("")), "PKCS#8", "openssl pkcs8 -topk8");
  expect_refused(EscrowKey::read_private(write("text", "hello"), typed("")), "no PEM file", "openssl");
  expect_refused(EscrowKey::read_private(write("big", std::string(100'000, 'x')), typed("")), "larger than", "offline");
}

class KeyBrokerTest : public EscrowTest {
 protected:
  void SetUp() override {
    make_pair("x", {"-algorithm", "X25519"});
    opener_.emplace(opener("x"));
    broker_ = MUST(KeyBroker::start(*opener_, socket_));
  }
  TemporaryDirectory place_ = MUST(TemporaryDirectory::create("/tmp", "ssb-broker-"));
  std::string socket_ = place_.path() + "/keys";
  std::optional<EscrowWrapper> opener_;
  std::unique_ptr<KeyBroker> broker_;
};

TEST_F(KeyBrokerTest, OpensWrapsForThoseWhoMayAsk) {
  struct stat status {};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto remote = MUST(BrokeredKey::connect(socket_));
  EXPECT_EQ(remote->type(), "escrow");
  EXPECT_EQ(remote->id(), opener_->id());
  EXPECT_TRUE(remote->is_offline());
  auto seals = sealer("x");
  for (uint8_t n = 0; n < 20; ++n) {
    auto wrapped = MUST(seals.wrap(Secret(counting(n, 32)), context()));
    EXPECT_TRUE(std::ranges::equal(MUST(remote->unwrap(wrapped)).view(), counting(n, 32)));
  }
  EXPECT_KIND(remote->wrap(Secret(counting(0, 32)), context()), ErrorKind::refused);
}

TEST_F(KeyBrokerTest, TellsDamageFromAnotherKeysWrap) {
  auto remote = MUST(BrokeredKey::connect(socket_));
  auto wrapped = MUST(sealer("x").wrap(Secret(counting(0, 32)), context()));
  auto changed = wrapped;
  changed.wrapped[5] ^= std::byte{1};
  EXPECT_KIND(remote->unwrap(changed), ErrorKind::corrupt);
  changed = wrapped;
  changed.wrapper_id[0] = changed.wrapper_id[0] == '0' ? '1' : '0';
  auto denied = remote->unwrap(changed);
  EXPECT_KIND(denied, ErrorKind::denied);
  EXPECT_THAT(denied.error().message(), HasSubstr("not by escrow " + opener_->id()));
}

TEST_F(KeyBrokerTest, WaitsQuietlyForADescriptor) {
  const auto cpu_ms = [] {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
  };
  Fd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{0, 400'000};
  ASSERT_EQ(::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};  // nothing more can be opened; poll(2) takes no more than this many
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto used = cpu_ms();
  const auto connected = ::connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  std::array<std::byte, 2> greeting;
  const auto got = ::recv(peer.get(), greeting.data(), greeting.size(), 0);
  const auto spent = cpu_ms() - used;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(connected, 0);
  EXPECT_EQ(got, -1) << "it could not be answered";
  EXPECT_LT(spent, 100) << "ms of work in 400 ms of waiting";
  EXPECT_EQ(::recv(peer.get(), greeting.data(), greeting.size(), 0), 2) << "it is answered once there is a descriptor";
}

TEST_F(KeyBrokerTest, IsGoneWithItsRestore) {
  auto remote = MUST(BrokeredKey::connect(socket_));
  auto wrapped = MUST(sealer("x").wrap(Secret(counting(0, 32)), context()));
  broker_.reset();
  EXPECT_FALSE(exists(socket_));
  EXPECT_KIND(remote->unwrap(wrapped), ErrorKind::transient);
  EXPECT_KIND(BrokeredKey::connect(socket_), ErrorKind::transient);
  EXPECT_KIND(KeyBroker::start(*opener_, "/tmp/" + std::string(120, 'x')), ErrorKind::invalid);
}

}  // namespace
}  // namespace spendsync::crypto
