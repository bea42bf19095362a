# ssb_folder(<name> DEPENDS <folders and libraries...>)
#   Makes the static library ssb_<name> of every *.cc in this folder (and its subfolders) that is no test,
#   and one test program <name>_test of every *_test.cc. A folder sees only what it depends on.
#   What lies in <folder>/testing/ (fakes, contract suites) is no part of it, but of the library ssb_<name>_testing,
#   which the tests of other folders link by TEST_DEPENDS ssb_<name>_testing.
function(ssb_folder name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;TEST_DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  file(GLOB_RECURSE testing CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/testing/*.cc)
  set(tests ${sources})
  if(testing)
    list(REMOVE_ITEM sources ${testing})
    list(FILTER testing EXCLUDE REGEX "_test\\.cc$")
  endif()
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_library(ssb_${name} STATIC ${sources})
    target_link_libraries(ssb_${name} PUBLIC ${ARG_DEPENDS} PRIVATE ssb_flags)
    # What nearly every file includes, parsed once: a third of the time that compiling takes.
    target_precompile_headers(ssb_${name} PRIVATE
      <algorithm> <chrono> <functional> <map> <memory> <mutex> <optional> <span> <stop_token> <string> <string_view>
      <thread> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
  else()
    add_library(ssb_${name} INTERFACE)
    target_link_libraries(ssb_${name} INTERFACE ${ARG_DEPENDS})
  endif()
  if(SSB_BUILD_TESTS AND testing)
    add_library(ssb_${name}_testing STATIC ${testing})
    target_link_libraries(ssb_${name}_testing PUBLIC ssb_${name} PRIVATE ssb_flags)
    list(APPEND ARG_TEST_DEPENDS ssb_${name}_testing)
  endif()
  if(SSB_BUILD_TESTS AND tests)
    ssb_test(${name}_test SOURCES ${tests} DEPENDS ssb_${name} ${ARG_TEST_DEPENDS} LABEL unit)
  endif()
endfunction()

# ssb_test(<name> SOURCES ... DEPENDS ... LABEL <ctest label> [TIMEOUT s])
#   One GoogleTest program, one ctest entry a test case. Tests see the headers of src/ and tests/.
function(ssb_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ssb_flags GTest::gmock GTest::gtest GTest::gtest_main)
  target_precompile_headers(${name} PRIVATE <gtest/gtest.h> <gmock/gmock.h>)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
