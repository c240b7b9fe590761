#include "engine/lazy_library.h"

#include <dlfcn.h>

#include <string>

#include "engine/error.h"

namespace lodge {

void* find_function(const LazyLibrary& library, const char* name) {
    const std::string install =
        *library.package != '\0' ? fmt::format("apt install {}", library.package) : "install it";
    // Never closed: what it began (threads, handlers, tables) may go on to the end. A second call
    // finds it loaded.
    void* handle = ::dlopen(library.file, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr)
        fail(Exit::missing, "cannot load the library {}, which this needs ({}): {}", library.file,
             ::dlerror(), install);
    void* function = ::dlsym(handle, name);
    if (function == nullptr)
        fail(Exit::missing, "the library {} is older than the one Lodge was built with ({}): {}",
             library.file, ::dlerror(), install);
    return function;
}

}  // namespace lodge
