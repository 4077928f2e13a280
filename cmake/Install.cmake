# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)

install(DIRECTORY core/include/hbcore DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES conf/hermes.ini conf/generic.ini DESTINATION ${CMAKE_INSTALL_DATADIR}/hbcore)
# What `plugins new` copies; a build tree finds them where an installed program does.
install(DIRECTORY templates DESTINATION ${CMAKE_INSTALL_DATADIR}/hbcore)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_DATADIR}/hbcore)
foreach(example generic.ini hermes.ini)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/conf/${example}
    ${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_DATADIR}/hbcore/${example} SYMBOLIC)
endforeach()
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/templates
  ${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_DATADIR}/hbcore/templates SYMBOLIC)
install(TARGETS hbcore_headers EXPORT hbcore-targets)
install(EXPORT hbcore-targets NAMESPACE hbcore:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hbcore)

configure_package_config_file(cmake/hbcore-config.cmake.in ${PROJECT_BINARY_DIR}/hbcore-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hbcore PATH_VARS HBCORE_PLUGIN_DIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hbcore-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hbcore-config.cmake ${PROJECT_BINARY_DIR}/hbcore-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hbcore)

# From the file's place to the prefix, so that an installation can be moved; the library directory may
# be lib/<triplet>.
file(RELATIVE_PATH HBCORE_PREFIX_FROM_PKGCONFIG /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" HBCORE_PREFIX_FROM_PKGCONFIG "${HBCORE_PREFIX_FROM_PKGCONFIG}")
configure_file(cmake/hbcore.pc.in ${PROJECT_BINARY_DIR}/hbcore.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/hbcore.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Where the shells look by themselves.
install(FILES contrib/completion/hbcore.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hbcore)
install(FILES contrib/completion/hbcore.zsh
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _hbcore)
install(FILES contrib/completion/hbcore.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# Of the lines that --json prints.
install(DIRECTORY docs/schema DESTINATION ${CMAKE_INSTALL_DATADIR}/hbcore)

# The guide for writers of plugins and what it links to: headers, complete plugins, a host for
# their unit tests. What needs the sources of hbcore is not among them. Its links are those of this tree; they are made to lead to where things are installed.
file(RELATIVE_PATH HBCORE_HEADERS_FROM_GUIDE /${CMAKE_INSTALL_DOCDIR} /${CMAKE_INSTALL_INCLUDEDIR}/hbcore)
file(RELATIVE_PATH HBCORE_TEMPLATES_FROM_GUIDE /${CMAKE_INSTALL_DOCDIR} /${CMAKE_INSTALL_DATADIR}/hbcore/templates)
file(READ docs/plugin-guide.md guide)
foreach(link "../core/include/hbcore=${HBCORE_HEADERS_FROM_GUIDE}" "../tests/external-plugin/plugin=examples"
    "../tests/support=examples" "../templates=${HBCORE_TEMPLATES_FROM_GUIDE}" "../plugins/runtime-filter/tests=examples")
  string(REGEX MATCH "^([^=]*)=(.*)$" link "${link}")
  string(REPLACE "](${CMAKE_MATCH_1}" "](${CMAKE_MATCH_2}" guide "${guide}")
endforeach()
file(WRITE ${PROJECT_BINARY_DIR}/plugin-guide.md "${guide}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS docs/plugin-guide.md)
install(FILES ${PROJECT_BINARY_DIR}/plugin-guide.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY tests/external-plugin/plugin/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES tests/support/fake_host.c tests/support/fake_host.h
  plugins/runtime-filter/tests/test_runtime_filter.c DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES docs/hbcore.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/hbcore.ini.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)

set(HBCORE ${CMAKE_INSTALL_FULL_BINDIR}/hbcore)
configure_file(contrib/systemd/hbcore-backup.service.in ${PROJECT_BINARY_DIR}/hbcore-backup.service @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/hbcore-backup.service contrib/systemd/hbcore-backup.timer
  DESTINATION lib/systemd/user)
install(FILES contrib/hermes/hermes_backup.py DESTINATION ${CMAKE_INSTALL_DATADIR}/hbcore)
