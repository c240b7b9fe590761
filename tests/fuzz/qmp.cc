#include "engine/vm/qmp.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/error.h"

// What QEMU or a guest's agent sends, in pieces of the sizes that the first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const size_t piece = 1 + data[0];
    std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    lodge::QmpStream stream;
    while (!bytes.empty()) {
        try {
            stream.add(bytes.substr(0, piece));
        } catch (const lodge::Error&) {
            // garbage is told; what follows may be good again
        }
        while (const auto value = stream.next())
            if (!value->is_object()) __builtin_trap();
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return 0;
}
