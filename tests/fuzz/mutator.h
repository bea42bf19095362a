// Inputs made from inputs: repeatable by seed.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace spendsync::fuzz {

/// Flips, cuts, doubles, splices, and puts in words and numbers at their limits. One thread.
class Mutator {
 public:
  struct Settings {
    uint64_t seed = 1;
    size_t size_max = 0;  // bytes
    std::vector<std::string> words;
  };
  explicit Mutator(Settings settings) : settings_(std::move(settings)), state_(settings_.seed) {}

  /// One to eight changes of `input`; `other` is what a part may be taken from.
  Bytes mutate(ByteView input, ByteView other);
  /// Below `bound`, which is not zero.
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
  uint64_t next();

 private:
  void change(Bytes& bytes, ByteView other);
  void insert(Bytes& bytes, ByteView what);
  void replace_number(Bytes& bytes);
  void replace_digits(Bytes& bytes);
  Settings settings_;
  uint64_t state_;
};

/// The runs of letters, digits and `_` in the samples, at most `count_max`: what a text's grammar is made of.
std::vector<std::string> words_of(const std::vector<Bytes>& samples, size_t count_max);

}  // namespace spendsync::fuzz
