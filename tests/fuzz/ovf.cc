#include "engine/storage/ovf.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/error.h"
#include "engine/storage/image.h"
#include "engine/vm/appliance.h"

// All that comes with an appliance: its description, its manifest, the head of a disk.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto& sum : lodge::parse_manifest(text))
        if (!lodge::is_member_name(sum.file)) std::abort();
    (void)lodge::parse_qcow2_head(text);
    (void)lodge::format_of_bytes(text);
    try {
        const lodge::OvfMachine machine = lodge::parse_ovf(text, "fuzzed");
        for (const auto& disk : machine.disks)
            if (!disk.file.empty() && !lodge::is_member_name(disk.file)) std::abort();
        const lodge::Appliance appliance = lodge::map_appliance(machine, "");
        if (appliance.disks.size() != machine.disks.size()) std::abort();
    } catch (const lodge::Error&) {
        // Refused in words: that is an answer.
    }
    return 0;
}
