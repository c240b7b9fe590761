# lodge_lazy(TARGET OURS <static libraries> LATE <shared libraries, by path>): TARGET loads the LATE when
# OURS first call one of their functions, not when it starts (lazy_calls.cc says how). OURS link them as
# usual; the linker then finds nothing that TARGET needs of them.
function(lodge_lazy target)
    cmake_parse_arguments(LAZY "" "" "OURS;LATE" ${ARGN})
    if(LODGE_SANITIZE OR NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        return()
    endif()
    set(script ${CMAKE_SOURCE_DIR}/tui/packaging/lazy_calls)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}.lazy)
    set(archives "")
    foreach(library ${LAZY_OURS})
        get_target_property(type ${library} TYPE)
        if(type STREQUAL "STATIC_LIBRARY")
            list(APPEND archives $<TARGET_FILE:${library}>)
        endif()
    endforeach()
    add_custom_command(
        OUTPUT ${folder}/lazy_calls.inc ${folder}/lazy_calls.packages
        COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
        COMMAND ${script} ${folder}/lazy_calls ${LAZY_LATE} -- ${archives}
        DEPENDS ${script} ${archives} ${LAZY_LATE} VERBATIM)
    # A library of its own, because each target has another list.
    add_library(${target}_lazy OBJECT ${CMAKE_SOURCE_DIR}/tui/packaging/lazy_calls.cc
                                      ${folder}/lazy_calls.inc)
    target_include_directories(${target}_lazy PRIVATE ${folder})
    target_compile_options(${target}_lazy PRIVATE -fno-lto)
    target_link_libraries(${target}_lazy PRIVATE fmt::fmt)
    target_link_libraries(${target} ${target}_lazy)
endfunction()
