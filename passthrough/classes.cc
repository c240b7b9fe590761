#include <array>

#include "engine/error.h"
#include "passthrough/inventory.h"

// What kinds of PCI functions are called, by base and sub-class (PCI Code and ID Assignment
// Specification 1.16, 1).

namespace lodge {
namespace {

struct Class {
    uint16_t code;  // 0xccss; ss of 0xff: any other of the base class
    std::string_view name;
};
constexpr std::array kClasses = {
    Class{0x0100, "SCSI controller"},
    Class{0x0101, "IDE controller"},
    Class{0x0104, "RAID controller"},
    Class{0x0106, "SATA controller"},
    Class{0x0107, "SAS controller"},
    Class{0x0108, "NVMe disk"},
    Class{0x01ff, "disk controller"},
    Class{0x0200, "network card"},
    Class{0x0280, "Wi-Fi card"},
    Class{0x02ff, "network card"},
    Class{0x0300, "graphics card"},
    Class{0x0302, "3D controller"},
    Class{0x03ff, "display controller"},
    Class{0x0401, "sound card"},
    Class{0x0403, "sound card"},
    Class{0x0480, "multimedia device"},
    Class{0x04ff, "multimedia device"},
    Class{0x0500, "memory"},
    Class{0x05ff, "memory"},
    Class{0x0600, "host bridge"},
    Class{0x0601, "ISA bridge"},
    Class{0x0604, "PCI bridge"},
    Class{0x0609, "PCI bridge"},
    Class{0x06ff, "bridge"},
    Class{0x0700, "serial port"},
    Class{0x0780, "management engine"},
    Class{0x07ff, "communication port"},
    Class{0x0800, "interrupt controller"},
    Class{0x0805, "SD card reader"},
    Class{0x0806, "IOMMU"},
    Class{0x0880, "system device"},
    Class{0x08ff, "system device"},
    Class{0x09ff, "input device"},
    Class{0x0bff, "processor"},
    Class{0x0c03, "USB controller"},
    Class{0x0c05, "SMBus"},
    Class{0x0cff, "serial bus"},
    Class{0x0d11, "Bluetooth"},
    Class{0x0dff, "wireless device"},
    Class{0x1080, "encryption device"},
    Class{0x10ff, "encryption device"},
    Class{0x1180, "signal processor"},
    Class{0x11ff, "signal processor"},
    Class{0x1200, "accelerator"},
    Class{0x12ff, "accelerator"},
    Class{0x00ff, "device"},
    Class{0xffff, "device"},
};

}  // namespace

std::string PciFunction::class_name() const {
    for (const Class& one : kClasses)
        if (one.code == sub_class() || one.code == (base_class() << 8 | 0xff))
            return std::string(one.name);
    return fmt::format("class {:04x}", sub_class());
}

}  // namespace lodge
