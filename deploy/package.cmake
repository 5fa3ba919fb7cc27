# Installing, and the Debian package: cmake --build BUILD, then cpack in BUILD.
include(GNUInstallDirs)
set(DEPLOY ${CMAKE_CURRENT_LIST_DIR})
install(TARGETS tercet-gateway tercet-node DESTINATION bin)
install(FILES ${DEPLOY}/systemd/tercet-gateway.service ${DEPLOY}/systemd/tercet-node@.service
        DESTINATION /lib/systemd/system)
install(FILES ${DEPLOY}/debian/gateway.conf DESTINATION /etc/tercet)
foreach(number 1 2 3 4)
  math(EXPR port "8080 + ${number}")
  configure_file(${DEPLOY}/debian/node.conf.in ${CMAKE_BINARY_DIR}/debian/node-${number}.conf @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/debian/node-${number}.conf DESTINATION /etc/tercet)
endforeach()

# The documents lie as they do in the source tree: their links and the alerts' annotations lead to each other. Those to the
# scripts would lead nowhere.
file(READ ${CMAKE_SOURCE_DIR}/README.md readme)
string(REGEX REPLACE "\\[(`[^`]*`)]\\(deploy/[^)]*\\)" "\\1" readme "${readme}")
file(WRITE ${CMAKE_BINARY_DIR}/debian/README.md "${readme}")
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS README.md)
install(FILES ${CMAKE_BINARY_DIR}/debian/README.md DESTINATION share/doc/tercet)
foreach(name ARCHITECTURE RELIABILITY BENCHMARKS CHANGELOG)
  install(FILES ${CMAKE_SOURCE_DIR}/${name}.md DESTINATION share/doc/tercet)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/docs/operating.md ${CMAKE_SOURCE_DIR}/docs/configuration.md
        DESTINATION share/doc/tercet/docs)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/runbooks DESTINATION share/doc/tercet/docs)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/tercet RENAME copyright)

# File by file where the scripts write: a token that start-monitoring.sh left in the tree must not get into the package.
foreach(folder alloy grafana loki promtail)
  install(DIRECTORY ${DEPLOY}/monitoring/${folder} DESTINATION share/tercet/monitoring)
endforeach()
foreach(file compose.yaml compose.host.yaml compose.override.yaml prometheus/alerts.yml prometheus/prometheus.yml
        prometheus/targets/gateway.yml prometheus/targets/nodes.yml)
  get_filename_component(folder ${file} DIRECTORY)
  install(FILES ${DEPLOY}/monitoring/${file} DESTINATION share/tercet/monitoring/${folder})
endforeach()

set(conffiles /etc/tercet/gateway.conf)
foreach(number 1 2 3 4)
  list(APPEND conffiles /etc/tercet/node-${number}.conf)
endforeach()
list(JOIN conffiles "\n" conffiles)
file(WRITE ${CMAKE_BINARY_DIR}/debian/conffiles "${conffiles}\n")

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME tercet)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Tercet maintainers <maintainers@tercet.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "S3-compatible object gateway and its storage nodes")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openssl")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/conffiles ${DEPLOY}/debian/postinst
    ${DEPLOY}/debian/prerm ${DEPLOY}/debian/postrm)
include(CPack)
