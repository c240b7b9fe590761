#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/vm/argv.h"

// The rooms of vm_command(): each turns some keys of the configuration into words for QEMU. Only
// engine/vm/argv*.cc, firmware.cc and cloudinit*.cc include this.
namespace lodge::argv {

using Json = nlohmann::ordered_json;

// Entry is one option of the command line with the key it comes from. A structured one can be
// written as text or sent over QMP.
struct Entry {
    std::string owner;   // "scsi0"; "" for what belongs to no key
    std::string option;  // "-device"
    Json value;          // null: the text counts
    std::string text;    // "" with a null value: an option without a word
};

// Place is where a device sits, so that it stays there whatever else the configuration gains.
struct Place {
    std::string bus, addr;
};

// Builder is the command line while it grows, and what all rooms ask about the guest.
class Builder {
  public:
    Builder(const Config& config_now, int guest_id, const MachineFacts& machine_facts);

    const Config& config;
    const int id;
    const MachineFacts& facts;
    VmCommand command;
    std::string machine;  // offered by this QEMU: "pc-q35-7.2"
    bool q35 = false;
    bool kvm = false;
    int windows = 0;  // 5 (2000, XP) … 11; 0: another system

    // Options from now on belong to this key.
    void begin(std::string_view key) { owner_ = std::string(key); }
    void flag(std::string option);
    void text(std::string option, std::string words);
    void object(Json object) { add("-object", std::move(object)); }
    void device(Json device) { add("-device", std::move(device)); }
    void blockdev(Json node) { add("-blockdev", std::move(node)); }
    void netdev(Json netdev) { add("-netdev", std::move(netdev)); }
    // A PCI device: `device` with the bus and slot that belong to `key`.
    void pci_device(std::string_view key, Json device);
    void pci_device_at(const Place& place, Json device);
    void chardev(std::string words) { text("-chardev", std::move(words)); }
    // A listening socket <run>/<name> as a chardev of that id; `more` is appended.
    void listening_chardev(const std::string& name, std::string_view more = {});

    template <class... A>
    void warn(fmt::format_string<A...> words, A&&... args) {
        command.warnings.push_back(fmt::format(words, std::forward<A>(args)...));
    }
    // The number (or, for an attachment, the getfd name) that stands for the descriptor.
    std::string hand_over(Handover handover);
    // "/dev/fdset/3": a path by which QEMU opens a file that it could not open by itself.
    std::string hand_over_file(const std::string& path, bool read_only);
    // The volume of a drive key. Throws Error(Exit::not_found) when facts has none.
    const MachineFacts::Volume& volume(std::string_view key, const std::string& name) const;

    // Boot place of a device, 100 and up; 0: not booted from.
    int boot_index(std::string_view key) const;
    bool is_cdrom(std::string_view key) const;
    bool shared_memory() const;  // another process maps the guest's memory
    std::string run_path(std::string_view name) const {
        return facts.run_folder + "/" + std::string(name);
    }

    // The folder that belongs to QEMU's user.
    std::string own_folder() const { return run_path("qemu"); }

    const std::vector<Entry>& entries() const { return entries_; }
    // Puts the bridges and ports that are in use where they were promised (once), and gives argv.
    void finish();
    void mark_bridges();

  private:
    friend VmAttachment attachment_of(const Builder& builder, std::string_view key);
    void add(std::string option, Json value);
    void load_boot_order();
    std::vector<Entry> bridges() const;

    std::string owner_;
    std::vector<Entry> entries_;
    size_t bridges_at_ = 0;
    std::set<std::string> buses_;  // those that a device was put on
    std::vector<std::pair<std::string, int>> boot_order_;
    std::vector<std::pair<std::string, Handover>> handovers_;  // by owner
    int next_number_ = 10;
    int next_fdset_ = 1;
};

// The bus of a q35 machine for passed devices that are to look like PCI instead of PCI Express.
constexpr std::string_view conventional_bus = "pci.hostpci";
// Where the device of a key sits (argv_slots.cc). Throws Error for a key that has no place.
Place place_of(std::string_view key, bool q35);
// The options for the buses in use and for those that wait for something to be plugged in.
std::vector<Entry> bridge_entries(const std::set<std::string>& used, const Config& config,
                                  bool q35);

// "key" and 12 of "key12"; the number is -1 when there is none.
std::pair<std::string, int> stem_and_number(std::string_view key);
// A value with its commas doubled, as QEMU's option syntax wants.
std::string comma_safe(std::string_view value);
// An option's value as keyval text, or as JSON when it is nested. Throws Error for invalid UTF-8.
std::string value_text(const Entry& entry);
std::string json_text(const Json& json);
// %XX back to bytes: `serial` and `model` of a drive are written so.
std::string percent_decoded(std::string_view text);
std::optional<std::string> base64_decoded(std::string_view text);  // nullopt: it is none

// The rooms. Their order is the order of the words.
void add_machine(Builder& builder);         // argv_machine.cc: accel, machine, clock, boot, smbios
void add_cpu(Builder& builder);             // argv_cpu.cc
void add_memory(Builder& builder);          // argv_memory.cc: memory, NUMA
void add_memory_devices(Builder& builder);  // argv_memory.cc: balloon, ivshmem
void add_firmware(Builder& builder);        // firmware.cc: UEFI
void add_tpm(Builder& builder);             // firmware.cc
void add_monitors(Builder& builder);        // argv_ports.cc: QMP
void add_ports(Builder& builder);           // argv_ports.cc: serial, parallel, agent
void add_display(Builder& builder);         // argv_display.cc: vga, VNC, tablet, keyboard, audio
void add_usb(Builder& builder);             // argv_usb.cc: controllers, tablet, host devices
void add_disks(Builder& builder);           // argv_disks.cc
void add_nets(Builder& builder);            // argv_net.cc
void add_devices(Builder& builder);    // argv_devices.cc: rng, watchdog, vmgenid, IOMMU, shares
void add_passed(Builder& builder);     // argv_passed.cc: devices of this machine, handed over
void add_arguments(Builder& builder);  // argv.cc: args
void add_unmet(Builder& builder);      // argv_unmet.cc: keys that stock QEMU cannot honour

// Limits of a disk as a throttle-group's `limits` (argv_throttle.cc).
Json throttle_limits(Builder& builder, std::string_view key, const Properties& drive);
// How flash and Secure Boot are set up (firmware.cc).
struct Firmware {
    bool ovmf = false;
    bool secure = false;         // enforces Secure Boot; needs SMM
    std::string code;            // path
    std::string variables;       // path of the template
    int64_t variables_size = 0;  // bytes
    bool keep = false;           // efidisk0 holds the variables
};
Firmware firmware_of(const Builder& builder);
// Whether a device of this machine is the guest's only screen (argv_passed.cc).
bool has_passed_screen(const Builder& builder);
// Whether the guest has a graphics card (argv_display.cc).
bool has_screen(const Builder& builder);
// How much memory (MiB), and whether it comes from objects of NUMA nodes.
int64_t memory_mib(const Config& config);
bool has_numa_nodes(const Config& config);
int max_cpus(const Config& config);
// A count of processors, kept within 1 … 100000 so that reckoning with it can't overflow.
int64_t bounded_count(int64_t count);

}  // namespace lodge::argv
