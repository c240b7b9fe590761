#include "power/profile.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"

// A profile is a text of the person's: what is one comes back as it was printed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const lodge::Profile profile =
            lodge::parse_profile("mine", {reinterpret_cast<const char*>(data), size});
        const std::string text = lodge::print_profile(profile);
        const lodge::Profile again = lodge::parse_profile("mine", text);
        if (again.settings != profile.settings || again.description != profile.description)
            std::abort();
    } catch (const lodge::Error&) {
        return 0;
    }
    return 0;
}
