#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lodge {

class Host;

// Whether the device of that folder below /sys, or one above it, is suspended, so that reading its
// sensors would wake it (Documentation/power/runtime_pm.rst). Reads power/runtime_status and
// power_state only, which wake nothing, and of devices on PCI, USB and SCSI. The folder may be a
// link.
bool is_suspended(const Host& host, const std::string& folder);

// The block device of a sensor's device ("sda", "nvme0n1"), or "".
std::string disk_of(const Host& host, const std::string& folder);
// Reads and writes that a disk has completed (Documentation/block/stat.rst); those of a sensor are
// not among them.
std::optional<uint64_t> disk_uses(const Host& host, const std::string& disk);

// What an ATA disk answers to CHECK POWER MODE, which does not wake it (ATA8-ACS, 7.8): whether it
// stands still. nullopt when it cannot be asked.
std::optional<bool> stands_still(const Host& host, const std::string& disk);

}  // namespace lodge
