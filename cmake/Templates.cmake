# SPDX-License-Identifier: Apache-2.0
# hbcore_plugin_templates(TARGET): plugin_templates.h, the files of templates/ as C arrays, so that
# `plugins new` works wherever the program was copied to.
function(hbcore_plugin_templates target)
  set(header "/* Made of templates/. */\n#define HB_TEMPLATE_NAME \"example\"\n")
  set(rows "")
  # KIND becomes NAME.c; the others are of every kind.
  foreach(template format.c content.c filter.c hook.c CMakeLists.txt README.md)
    set(file ${PROJECT_SOURCE_DIR}/templates/${template})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(MAKE_C_IDENTIFIER "hb_template_${template}" variable)
    string(APPEND header "static const unsigned char ${variable}[] = {${bytes}0x00};\n")
    if(template MATCHES "^([a-z]+)\\.c$")
      string(APPEND rows "    {\"${CMAKE_MATCH_1}\", \"example.c\", ${variable}},\n")
    else()
      string(APPEND rows "    {NULL, \"${template}\", ${variable}},\n")
    endif()
  endforeach()
  string(APPEND header
    "static const struct hb_template {\n    const char *kind, *file;\n    const unsigned char *text;\n"
    "} hb_templates[] = {\n${rows}};\n")
  # Written only when it changes, or everything would be built anew.
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/plugin_templates.h CONTENT "${header}" @ONLY)
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
