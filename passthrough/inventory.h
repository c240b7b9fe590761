#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

class Host;
struct Engine;

// What a device does for this machine now.
enum class UseKind {
    disk,      // a disk, and what of the system lies on it
    network,   // a network interface
    display,   // a graphics card that drives a console or a desktop
    console,   // a serial line that is a console
    keyboard,  // where somebody types
    sensor,    // a hwmon chip or thermal zone
    sound,
    other
};

// Use is one thing for which this machine needs a device.
struct Use {
    UseKind kind = UseKind::other;
    std::string name;  // "sda", "eno1", "card0"
    std::vector<std::string>
        what;  // "/ (ext4) through vg0-root", "192.168.1.2/24", "part of vmbr0"
    // Why this machine cannot go on without it, in words; "" when it merely uses it.
    std::string needed;
    std::string path;  // the evidence, without the sysroot
};

// PciBar is one of the address ranges of a function.
struct PciBar {
    int number = 0;  // 0 to 5; 6 is the ROM
    uint64_t start = 0, size = 0;
    bool io = false, prefetchable = false;
};

// PciLink is a PCI Express link as the kernel words it ("8.0 GT/s PCIe", lanes; 0: not known).
struct PciLink {
    std::string speed, max_speed;
    int width = 0, max_width = 0;
};

// MdevType is a kind of mediated device that a function can be split into.
struct MdevType {
    std::string id, name, description;
    int available = 0;
};

// PciFunction is one function of a PCI device, as sysfs shows it (Documentation/ABI/testing/
// sysfs-bus-pci, sysfs-kernel-iommu_groups). Its configuration space is not read: that would wake a
// suspended device (drivers/pci/pci-sysfs.c, pci_read_config).
struct PciFunction {
    std::string address;  // "0000:01:00.0"
    std::string folder;   // real path below /sys/devices, without the sysroot
    std::string parent;   // the bridge above; "" on a root bus
    uint16_t vendor = 0, device = 0, subvendor = 0, subdevice = 0;
    uint32_t class_code = 0;  // 0xccsspp
    std::string driver;       // "" for none
    std::string driver_override;
    int group = -1;         // IOMMU group; -1: none
    std::string slot_path;  // bridges and place from the root on: "0000:00/1c.0/00.0"
    std::string slot;       // what the board calls the slot; "" when it says nothing
    PciLink link;
    std::optional<std::vector<std::string>> reset_methods;  // nullopt: this kernel does not say
    std::vector<PciBar> bars;
    bool has_rom = false, boot_vga = false, is_bridge = false;
    bool resizable = false;  // has resourceN_resize
    int vfs_possible = 0, vfs_now = 0;
    std::string physical;  // of a virtual function: the physical one
    std::vector<std::string> virtuals;
    int numa = -1;
    std::string power_state;     // "D0", "D3hot", "D3cold", "unknown"
    std::string runtime_status;  // "active", "suspended", "unsupported"
    bool d3cold_allowed = false;
    std::vector<MdevType> mdevs;
    std::vector<Use> uses;
    int holder = 0;                        // guest that has it now; 0: none
    std::vector<std::string> wanted_by;    // "101 hostpci0"
    std::vector<int> wanted_by_guests;     // the same as numbers
    std::string vendor_name, device_name;  // with names only; "" when not in the list of PCI ids

    std::string class_name() const;
    std::string name() const;  // "Intel Corporation Ethernet …", else "8086:15f3"
    std::string ids() const;   // "8086:15f3"
    bool is_virtual() const { return !physical.empty(); }
    uint8_t base_class() const { return static_cast<uint8_t>(class_code >> 16); }
    uint16_t sub_class() const { return static_cast<uint16_t>(class_code >> 8); }
};

// UsbDevice is a device on USB, as sysfs shows it (Documentation/ABI/stable/sysfs-bus-usb).
struct UsbDevice {
    std::string port;  // "1-2.3": bus, and ports down the hubs
    int bus = 0, number = 0;
    uint16_t vendor = 0, product = 0;
    std::string maker, name, serial;
    std::string speed;  // Mbit/s
    bool hub = false;
    std::vector<std::string> drivers;  // of its interfaces
    std::string controller;            // address of the PCI function that it hangs on
    std::vector<Use> uses;
    int holder = 0;  // running guest whose QEMU has it open; 0: none
    std::vector<std::string> wanted_by;
    std::vector<int> wanted_by_guests;

    std::string ids() const;
    std::string words() const;  // maker and name, else the ids
    std::string node() const;   // "/dev/bus/usb/001/004"
};

// Surroundings is what of the machine is not in files below the Host's root.
struct Surroundings {
    std::map<std::string, std::vector<std::string>> addresses;  // by interface, with prefix
    std::string ssh_address;  // of this machine, that the SSH session came in by; "" for none
    std::string terminal;     // "/dev/tty1"
    bool ssh_serves = false;  // an SSH server listens
};
// Asks the kernel for addresses, and the environment for SSH_CONNECTION.
Surroundings look_around(const Host& host);

// Inventory is all that could be handed to a guest, and what the machine says about handing over.
struct Inventory {
    std::vector<PciFunction> pci;  // by address
    std::vector<UsbDevice> usb;    // by port
    std::vector<std::string> iommus;
    struct Group {
        std::vector<std::string> members;
        std::vector<std::string> direct_regions;  // lines of reserved_regions that are "direct"
        std::string type;                         // "DMA", "identity"
    };
    std::map<int, Group> groups;
    // Whether interrupts are remapped; nullopt when /proc/interrupts does not tell.
    std::optional<bool> interrupts_remapped;
    std::string command_line, lockdown, product;
    bool secure_boot = false, amd = false;
    int physical_bits = 0;
    int64_t memory_available = 0;  // bytes
    // Ranges of /proc/iomem that belong to a framebuffer of the firmware.
    struct Range {
        uint64_t first = 0, last = 0;
        std::string name;
    };
    std::vector<Range> boot_framebuffers;
    Surroundings around;

    const PciFunction* find(std::string_view address) const;
    // The functions of the device's group that are no bridges, the device included.
    std::vector<const PciFunction*> companions(const PciFunction& function) const;
    const UsbDevice* find_usb(std::string_view port) const;
};

// Looks at the machine through its files only; with `names` the list of PCI ids is read too. Of
// guests it tells who has and who wants what. Throws Error when /sys cannot be read.
Inventory take_inventory(Engine& engine, const Surroundings& around, bool names);

// "1:0.0", "01:00.0" and "0000:01:00.0" as "0000:01:00.0"; without a function ("01:00") as
// "0000:01:00". nullopt when it is no PCI address.
std::optional<std::string> full_address(std::string_view text);
// The functions that a configuration's address means: itself, or all functions of "0000:01:00".
std::vector<const PciFunction*> functions_at(const Inventory& inventory, std::string_view address);
// "0000:01:00.0" as people write it where there is one domain: "01:00.0".
std::string short_address(std::string_view address);

// The rooms of take_inventory():
void scan_pci(const Host& host, Inventory& inventory);        // pci.cc
void scan_usb(const Host& host, Inventory& inventory);        // usb.cc
void find_uses(const Host& host, Inventory& inventory);       // uses.cc
void find_disk_uses(const Host& host, Inventory& inventory);  // disks.cc
void find_claims(Engine& engine, Inventory& inventory);       // claims.cc
void name_devices(const Host& host, Inventory& inventory);    // names.cc: libpci
// The function that a path below /sys/devices lies under, nullptr for none; the deepest one.
PciFunction* function_above(Inventory& inventory, std::string_view path);
UsbDevice* usb_above(Inventory& inventory, std::string_view path);
// The real path of a link or folder, without the sysroot; "" when there is none.
std::string real_path(const Host& host, const std::string& path);

}  // namespace lodge
