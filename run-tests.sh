#!/usr/bin/env bash
# Fresh Debian 12 -> the tests pass. Installs what is needed, builds, checks and tests; works from any directory.
#   ./run-tests.sh              every short test
#   ./run-tests.sh unit         the unit tests alone: a minute
#   ./run-tests.sh only REGEX   the tests whose name matches, long ones too
#   ./run-tests.sh long         also the long ones: whole matrices of kills, damage and moments
#   ./run-tests.sh asan-ubsan   the short tests under the address and undefined-behaviour sanitizers
#   ./run-tests.sh tsan         the unit tests under the thread sanitizer
#   ./run-tests.sh coverage     the short tests, then lines covered (build/coverage/coverage.html)
#   ./run-tests.sh fuzz [N]     every parser of what others wrote: N executions each (1000000) under the sanitizers
#   ./run-tests.sh peers [TEST]  PostgreSQL's own tests with our commands in place of cp and pg_basebackup (tests/peers/)
#   ./run-tests.sh tidy         clang-tidy over src/
# Ends with the summary of ctest (the time by label is part of it) and its exit code.
set -euo pipefail
exec </dev/null
cd "$(dirname -- "$(readlink -f -- "$0")")"

main() {
  case "${1:-short}" in
    short)
      prepare
      build tests
      check_faults tests
      run_tests tests --label-exclude long
      ;;
    unit)
      prepare
      build tests unit_tests
      run_tests tests --label-regex unit
      ;;
    only)
      [ "$#" -eq 2 ] || usage
      export SSB_TESTS=long
      build tests
      run_tests tests --tests-regex "$2"
      ;;
    long)
      prepare
      build tests
      export SSB_TESTS=long
      check_faults tests
      run_tests tests
      ;;
    asan-ubsan)
      prepare
      build asan-ubsan
      sanitizer_options
      run_tests asan-ubsan --label-exclude long
      ;;
    tsan)
      prepare
      build tsan
      sanitizer_options
      run_tests tsan --label-regex unit
      ;;
    coverage)
      prepare --analysis
      find build/coverage -name '*.gcda' -delete 2>/dev/null || true
      build coverage
      run_tests coverage --label-exclude long
      report_coverage
      ;;
    fuzz)
      prepare
      build fuzz
      run_fuzzer "${2:-1000000}"
      ;;
    peers)
      shift
      prepare --peers
      build tests spendsync-backup
      run_peers "$@"
      ;;
    tidy)
      prepare --analysis
      run_tidy
      ;;
    *)
      usage
      ;;
  esac
}

usage() {
  sed -n '2,/^# Ends/s/^# \?//p' "$0" >&2
  exit 2
}

prepare() {
  step "packages"
  tools/install-packages "$@"
  step "who includes whom, and how it looks"
  tools/check_layers --self-test
  tools/check_pages --self-test
  tools/fault_table --self-test
  tools/check_layers
  tools/check_pages
  tools/check_format
}

build() {
  step "build ($1)"
  cmake --preset "$1" >/dev/null
  ln -sfn "build/$1/compile_commands.json" compile_commands.json  # for editors and clangd
  cmake --build --preset "$1" --parallel "$(nproc)" ${2:+--target "$2"}
}

run_tests() {
  local preset=$1
  shift
  step "tests ($preset)"
  ctest --test-dir "build/$preset" --parallel "$(nproc)" --output-on-failure --no-tests=error --output-junit results.xml "$@"
}

# Every fault of the list has its tests, and docs/operations/faults.md names them.
check_faults() {
  step "faults and their tests"
  ctest --test-dir "build/$1" --show-only=json-v1 >"build/$1/tests.json"
  tools/fault_table --check "build/$1/tests.json"
}

# The leak checker cannot attach to a program that was started under strace or made itself undumpable.
sanitizer_options() {
  export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:die_after_fork=0}
}

# A finding ends the run and leaves its input beside the program: mend the parser, keep the input in
# tests/fuzz/findings/<target>/.
run_fuzzer() {
  step "fuzzing ($1 executions a target)"
  (cd build/fuzz/tests/fuzz && ./fuzz all "$1")
}

run_peers() {
  step "PostgreSQL's source"
  tests/peers/fetch-postgresql build/peers
  step "PostgreSQL's own tests"
  tests/peers/run build/tests/spendsync-backup build/peers "$@"
}

report_coverage() {
  step "coverage"
  gcovr --root . --filter src/ --exclude '.*_test\.cc' --exclude '.*/testing/.*' --exclude-throw-branches \
    --html-details build/coverage/coverage.html --print-summary build/coverage
}

run_tidy() {
  step "clang-tidy"
  cmake --preset tests >/dev/null
  run-clang-tidy-16 -quiet -p build/tests -j "$(nproc)" "$PWD/src/.*(?<!_test)\.cc$"
}

step() {
  echo "== $1 (after ${SECONDS} s)"
}

main "$@"
