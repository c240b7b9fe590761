# cmake --install and the .deb: the program, its manual page and completion (both printed by the
# program itself from its table of commands), and what systemd has to know.
install(TARGETS lodge RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS lodge-lxc RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/lodge)

# Until the words can print them, there is nothing to install.
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/manual.cc)
    add_custom_command(
        OUTPUT lodge.1.gz
        COMMAND lodge manual > lodge.1
        COMMAND gzip -9nf lodge.1
        DEPENDS lodge VERBATIM)
    add_custom_command(
        OUTPUT lodge.bash
        COMMAND lodge completion bash > lodge.bash
        DEPENDS lodge VERBATIM)
    add_custom_target(lodge_texts ALL DEPENDS lodge.1.gz lodge.bash)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lodge.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lodge.bash RENAME lodge
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()

# The unit names the program by the prefix of the installation, which the .deb makes another one than
# cmake --install. systemd looks under lib whatever the machine's library folder is called.
foreach(unit lodge-boot.service lodge-guests.service lodge-trials.service lodge-keeper.service
        lodge-console@.service)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/packaging/${unit}.in)
    install(CODE "set(LODGE_PROGRAM \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/lodge\")
                  configure_file(\"${source}\" \"${CMAKE_CURRENT_BINARY_DIR}/${unit}\" @ONLY)")
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${unit} DESTINATION lib/systemd/system)
endforeach()
# PAM looks in /etc only. Who installs below a prefix of their own finds the file there; without it,
# PAM takes what it has for programs that it does not know.
set(pam ${CMAKE_CURRENT_SOURCE_DIR}/packaging/pam)
install(CODE "set(folder \"\${CMAKE_INSTALL_PREFIX}/etc/pam.d\")
              if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
                  set(folder /etc/pam.d)
              endif()
              file(INSTALL \"${pam}\" DESTINATION \"\${folder}\" RENAME lodge)")
install(FILES packaging/sysusers.conf RENAME lodge.conf DESTINATION lib/sysusers.d)
install(FILES ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lodge)
set(CPACK_PACKAGE_CONTACT "The Lodge developers <lodge@localhost>")
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Lodge runs QEMU virtual machines and LXC containers from the machine's own
terminal or over SSH: a full screen without words, the same commands from a
shell with them. It needs no service of its own; a guest goes on when Lodge
is closed.")
# The libraries come from the program itself (dpkg-shlibdeps), those that it loads late from their
# list (depends.cmake, which CPack reads when it packs). passwd has useradd, for the user that
# virtual machines run as.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, qemu-system-x86, qemu-utils")
# Without these, Lodge runs; what needs one says which.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
    "ovmf, swtpm, swtpm-tools, genisoimage, busybox-static, systemd, dnsmasq-base, iproute2, passt, uidmap, liblxc-common")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, man-db, socat")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_CURRENT_SOURCE_DIR}/packaging/postinst;${CMAKE_CURRENT_SOURCE_DIR}/packaging/postrm;${CMAKE_CURRENT_SOURCE_DIR}/packaging/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_SOURCE_DIR}/packaging/depends.cmake)
set(CPACK_LODGE_LATE ${CMAKE_CURRENT_BINARY_DIR}/lodge.lazy/lazy_calls.packages)
include(CPack)
