#include "engine/trial.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"

// A record of a trial is read by the next start of Lodge after a power cut: whatever stands there,
// it is a record, which comes back as it was written, or an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        const lodge::TrialRecord record =
            lodge::parse_trial({reinterpret_cast<const char*>(data), size});
        const std::string text = lodge::print_trial(record);
        if (lodge::print_trial(lodge::parse_trial(text)) != text) std::abort();
    } catch (const lodge::Error&) {
        return 0;
    }
    return 0;
}
