# SPDX-License-Identifier: Apache-2.0
# hbcore_page_template(TARGET): page_html.h, the template cli/page.html as C text, so that the program
# needs no file to write a page.
function(hbcore_page_template target)
  set(source ${PROJECT_SOURCE_DIR}/cli/page.html)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  set(header "/* Made of cli/page.html. */\nstatic const char hb_page_html[] =\n    \"${text}\";\n")
  # file(WRITE) with one and the same text would build everything anew.
  set(file ${PROJECT_BINARY_DIR}/generated/page_html.h)
  set(there "")
  if(EXISTS ${file})
    file(READ ${file} there)
  endif()
  if(NOT there STREQUAL header)
    file(WRITE ${file} "${header}")
  endif()
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
