#include "power/record.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"

// A record comes from a stranger's machine: what is one comes back as it was printed, its paths are
// plain, and no link leaves the tree.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const auto entries = lodge::parse_record({reinterpret_cast<const char*>(data), size});
        const std::string text = lodge::print_record(entries);
        if (lodge::parse_record(text) != entries) std::abort();
        for (const lodge::RecordEntry& entry : lodge::without_identity(entries))
            if (entry.path.find("/../") != std::string::npos) std::abort();
    } catch (const lodge::Error&) {
        return 0;
    }
    return 0;
}
