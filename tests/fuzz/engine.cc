#include "fuzz/engine.h"

#include <algorithm>

#include "fuzz/coverage.h"
#include "fuzz/mutator.h"

namespace spendsync::fuzz {
namespace {

constexpr size_t kWordsMax = 2000;

using SteadyClock = std::chrono::steady_clock;

/// Inputs that reached something new. Without coverage nothing ever does, and the samples stay the corpus.
class Corpus {
 public:
  explicit Corpus(const Target& target) : target_(target) {}

  bool run(const Bytes& input) {
    coverage::begin();
    const bool taken = target_.reads(input);
    if (coverage::end()) inputs_.push_back(input);
    return taken;
  }
  void keep(const Bytes& input) { inputs_.push_back(input); }
  const Bytes& pick(Mutator& mutator) const {
    // The newest are nearest to what was not reached yet.
    const size_t count = inputs_.size();
    const size_t recent = std::min<size_t>(count, 32);
    return inputs_[mutator.below(2) == 0 ? count - 1 - mutator.below(recent) : mutator.below(count)];
  }
  size_t size() const { return inputs_.size(); }

 private:
  const Target& target_;
  std::vector<Bytes> inputs_;
};

}  // namespace

EngineReport run_engine(const Target& target, const EngineSettings& settings,
                        const std::function<void(const Bytes&)>& on_input) {
  auto words = words_of(target.samples, kWordsMax);
  words.insert(words.end(), target.words.begin(), target.words.end());
  Mutator mutator({settings.seed, kInputMax, std::move(words)});
  Corpus corpus(target);
  EngineReport report;
  const auto begin = SteadyClock::now();
  const auto run = [&](const Bytes& input) {
    on_input(input);
    report.taken += corpus.run(input) ? 1u : 0u;
    ++report.executions;
  };
  for (const auto* inputs : {&target.samples, &target.flawed}) {
    for (const auto& input : *inputs) {
      run(input);
      corpus.keep(input);
    }
  }
  while (report.executions < settings.executions) {
    const bool over = settings.time_max.count() > 0 && SteadyClock::now() - begin >= settings.time_max;
    if (over) break;
    run(mutator.mutate(corpus.pick(mutator), corpus.pick(mutator)));
  }
  report.corpus = corpus.size();
  report.places = coverage::places();
  report.duration_s = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  return report;
}

}  // namespace spendsync::fuzz
