#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"
#include "engine/storage/lvm.h"

// What LVM says of its volumes; whoever brings a disk names what is on it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)lodge::lvm_owner(text);
    try {
        for (const auto& volume : lodge::parse_lvs(text)) {
            if (!lodge::is_lvm_name(volume.name) || !lodge::is_lvm_name(volume.group)) std::abort();
            if (volume.used() < 0 || volume.used() > volume.size) std::abort();
        }
    } catch (const lodge::Error&) {
        // Refused in words: that is an answer.
    }
    return 0;
}
