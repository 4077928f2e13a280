# SPDX-License-Identifier: Apache-2.0
option(HBCORE_TESTS "Build the tests" ON)
option(HBCORE_WERROR "Warnings are errors" OFF)
option(HBCORE_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
set(HBCORE_SANITIZE "" CACHE STRING "Sanitizers for everything, as -fsanitize= takes them")
option(HBCORE_TEST_SHUFFLE "For tests: units finish in an order that $HBCORE_TEST_SHUFFLE draws" OFF)
option(HBCORE_COVERAGE "Measure the coverage of the tests" OFF)

add_library(hbcore_warnings INTERFACE)
target_compile_options(hbcore_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wpointer-arith -Wwrite-strings -Wundef
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wconversion>
  $<$<COMPILE_LANGUAGE:C>:SHELL:-include ${PROJECT_SOURCE_DIR}/core/base/banned.h>
  $<$<BOOL:${HBCORE_WERROR}>:-Werror>)

add_compile_definitions(_GNU_SOURCE)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(HBCORE_SANITIZE)
  add_compile_options(-fsanitize=${HBCORE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HBCORE_SANITIZE})
endif()
if(HBCORE_COVERAGE)
  add_compile_options(--coverage -O0)
  add_link_options(--coverage)
endif()
