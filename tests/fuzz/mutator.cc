#include "fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace spendsync::fuzz {
namespace {

constexpr std::array<uint64_t, 16> kNumbers = {0,          1,           0x7F,       0x80,       0xFF,       0x7FFF,
                                               0x8000,     0xFFFF,      0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
                                               1ull << 62, ~0ull >> 1u, 1ull << 63, ~0ull};
constexpr std::array<std::string_view, 12> kDigits = {"0",          "-1",
                                                      "1",          "00",
                                                      "60",         "2147483648",
                                                      "4294967295", "9223372036854775808",
                                                      "29",         "18446744073709551615",
                                                      "1e400",      "99999999999999999999999"};

}  // namespace

uint64_t Mutator::next() {  // SplitMix64
  state_ += 0x9E3779B97F4A7C15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30u)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27u)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31u);
}

Bytes Mutator::mutate(ByteView input, ByteView other) {
  Bytes bytes(input.begin(), input.end());
  const size_t changes = size_t{1} << below(4);
  for (size_t i = 0; i < changes; ++i) change(bytes, other);
  if (bytes.size() > settings_.size_max) bytes.resize(settings_.size_max);
  return bytes;
}

void Mutator::change(Bytes& bytes, ByteView other) {
  if (bytes.empty()) bytes.push_back(static_cast<std::byte>(next()));
  const size_t at = below(bytes.size());
  const size_t length = std::min(bytes.size() - at, size_t{1} << below(8));
  const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
  switch (below(10)) {
    case 0:
      *place ^= static_cast<std::byte>(1u << below(8));
      break;
    case 1:
      *place = static_cast<std::byte>(next());
      break;
    case 2:
      bytes.erase(place, place + static_cast<ptrdiff_t>(length));
      break;
    case 3: {
      const Bytes copy(place, place + static_cast<ptrdiff_t>(length));
      insert(bytes, copy);
      break;
    }
    case 4: {
      Bytes noise(1 + below(8));
      for (auto& byte : noise) byte = static_cast<std::byte>(next());
      insert(bytes, noise);
      break;
    }
    case 5:
      if (!settings_.words.empty()) insert(bytes, as_bytes(settings_.words[below(settings_.words.size())]));
      break;
    case 6:
      replace_number(bytes);
      break;
    case 7:
      replace_digits(bytes);
      break;
    case 8:
      if (!other.empty()) {
        const size_t from = below(other.size());
        insert(bytes, other.subspan(from, std::min(other.size() - from, size_t{1} << below(10))));
      }
      break;
    default:
      if (below(4) == 0) bytes.resize(at);
      break;
  }
}

void Mutator::insert(Bytes& bytes, ByteView what) {
  const Bytes copy(what.begin(), what.end());
  const size_t at = below(bytes.size() + 1);
  const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
  if (below(2) == 0 && at + copy.size() <= bytes.size()) {
    std::ranges::copy(copy, place);
  } else {
    bytes.insert(place, copy.begin(), copy.end());
  }
}

void Mutator::replace_number(Bytes& bytes) {
  const size_t size = size_t{1} << below(4);
  if (bytes.size() < size) return;
  const size_t at = below(bytes.size() - size + 1);
  uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, size);
  number = below(2) == 0 ? kNumbers[below(kNumbers.size())] : number + below(65) - 32;
  std::memcpy(bytes.data() + at, &number, size);
}

void Mutator::replace_digits(Bytes& bytes) {
  const auto is_digit = [](std::byte byte) { return std::isdigit(static_cast<unsigned char>(byte)) != 0; };
  const auto from = bytes.begin() + static_cast<ptrdiff_t>(below(bytes.size()));
  const auto begin = std::find_if(from, bytes.end(), is_digit);
  if (begin == bytes.end()) return;
  const auto end = std::find_if_not(begin, bytes.end(), is_digit);
  const auto digits = as_bytes(kDigits[below(kDigits.size())]);
  const auto place = bytes.erase(begin, end);
  bytes.insert(place, digits.begin(), digits.end());
}

std::vector<std::string> words_of(const std::vector<Bytes>& samples, size_t count_max) {
  std::set<std::string> words;
  for (const auto& sample : samples) {
    std::string word;
    for (const auto byte : sample) {
      const auto letter = static_cast<unsigned char>(byte);
      if (std::isalnum(letter) != 0 || letter == '_') {
        word += static_cast<char>(letter);
        continue;
      }
      if (word.size() > 1 && word.size() < 40) words.insert(word);
      word.clear();
      if (words.size() >= count_max) break;
    }
  }
  return {words.begin(), words.end()};
}

}  // namespace spendsync::fuzz
