# SPDX-License-Identifier: Apache-2.0
# hbcore_plugin(NAME SOURCES… [LIBRARIES…]): one plugin, NAME.so, built from the public headers alone.
# Its code is compiled once, as an object library NAME-objects, so that unit tests can link it too.
function(hbcore_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name}-objects OBJECT ${ARG_SOURCES})
  target_link_libraries(${name}-objects PUBLIC hbcore::headers ${ARG_LIBRARIES} PRIVATE hbcore_warnings)
  target_include_directories(${name}-objects PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  add_library(plugin-${name} MODULE $<TARGET_OBJECTS:${name}-objects>)
  target_link_libraries(plugin-${name} PRIVATE ${ARG_LIBRARIES})
  set_target_properties(plugin-${name} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${HBCORE_PLUGIN_OUTPUT})
  install(TARGETS plugin-${name} LIBRARY DESTINATION ${HBCORE_PLUGIN_DIR})
endfunction()

# hbcore_unit_test(NAME SOURCES… [LIBRARIES…]): a cmocka program, run by ctest in a directory of its own.
function(hbcore_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hbcore_test_support PkgConfig::CMOCKA ${ARG_LIBRARIES} hbcore_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
