#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/error.h"
#include "power/blockers.h"
#include "power/power_config.h"
#include "power/residency.h"

// What the kernel, a person's file and a person's command say of power.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    lodge::parse_interrupts(text);
    lodge::parse_timers(text);
    if (const auto watts = lodge::parse_watts(text))
        if (!(*watts >= 0 && *watts <= 100000)) __builtin_trap();
    if (size < 64) lodge::kernel_cpu_list(text);
    const lodge::PowerConfig config = lodge::parse_power_config(text);
    if (config.heat && config.heat->below >= config.heat->above) __builtin_trap();
    try {
        const std::string changed = lodge::with_power_key(text, "tariff", "0.5");
        if (lodge::parse_power_config(changed).tariff != 0.5) __builtin_trap();
        if (lodge::with_power_key(changed, "tariff", "0.5") != changed) __builtin_trap();
    } catch (const lodge::Error&) {
        __builtin_trap();  // both are allowed
    }
    return 0;
}
