#pragma once

#include <cstddef>

namespace lodge {

// LazyLibrary is a shared library that is loaded when one of its functions is first called, so that
// the many words that need none of them do not wait for them (each costs 0.1 to 1 ms at start).
// The list of such libraries is in tui/CMakeLists.txt; sources call their functions as ever.
// tui/packaging/lazy_calls.cc says how it is done.
struct LazyLibrary {
    const char* file;     // as the linker calls it: libarchive.so.13
    const char* package;  // Debian's name for what has it: libarchive13; "" when not known
};

// Where a function is, its library loaded first. Throws Error(Exit::missing) that names library and
// package.
void* find_function(const LazyLibrary& library, const char* name);

}  // namespace lodge
