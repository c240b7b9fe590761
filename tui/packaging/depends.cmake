# The packages of the libraries that Lodge loads late: dpkg-shlibdeps does not see them.
if(EXISTS ${CPACK_LODGE_LATE})
    file(STRINGS ${CPACK_LODGE_LATE} packages)
    list(JOIN packages ", " packages)
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", ${packages}")
endif()
