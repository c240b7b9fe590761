#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/vm/initramfs.h"

// A kernel module's ".modinfo", which may be any file under /lib/modules.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    for (const auto& name :
         lodge::module_needs(std::string_view(reinterpret_cast<const char*>(data), size)))
        if (name.empty()) __builtin_trap();
    return 0;
}
