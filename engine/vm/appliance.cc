#include "engine/vm/appliance.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

// A guest's name is that of a host: letters, digits, '-' and '.'.
std::string name_of(const std::string& given) {
    std::string name;
    for (const char c : given) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain)
            name += c;
        else if (!name.empty() && name.back() != '-')
            name += '-';
        if (name.size() == 60) break;
    }
    while (!name.empty() && name.back() == '-')
        name.pop_back();
    return name;
}

std::string card_of(const std::string& model) {
    static constexpr std::pair<std::string_view, std::string_view> models[] = {
        {"e1000e", "e1000e"},  {"e1000", "e1000"},    {"vmxnet3", "vmxnet3"}, {"pcnet32", "pcnet"},
        {"virtio", "virtio"},  {"82540em", "e1000"},  {"82545em", "e1000"},   {"82543gc", "e1000"},
        {"am79c973", "pcnet"}, {"am79c970a", "pcnet"}};
    for (const auto& [theirs, ours] : models)
        if (model == theirs) return std::string(ours);
    return {};
}

class Mapper {
  public:
    Mapper(const OvfMachine& machine, const std::string& bridge)
        : machine_(machine), bridge_(bridge) {}

    Appliance map() {
        if (const std::string name = name_of(machine_.name); !name.empty()) key("name", name);
        if (machine_.memory_mib > 0) key("memory", std::to_string(machine_.memory_mib));
        const int64_t cores = machine_.cores_per_socket;
        if (cores > 0 && machine_.cpus % cores == 0 && machine_.cpus > cores) {
            key("sockets", std::to_string(machine_.cpus / cores));
            key("cores", std::to_string(cores));
        } else {
            key("cores", std::to_string(machine_.cpus));
        }
        const std::string ostype = ostype_of_system(machine_.system);
        key("ostype", ostype);
        if (ostype == "other")
            note(fmt::format("what runs in it is not known here ('{}'): ostype is other",
                             machine_.system));
        if (machine_.uefi) {
            key("bios", "ovmf");
            key("machine", "q35");
        }
        // The agent that it may hold is another hypervisor's.
        key("agent", "0");
        for (const auto& disk : machine_.disks)
            appliance_.disks.push_back(key_of(disk));
        if (pvscsi_) key("scsihw", "pvscsi");
        if (machine_.cd_drives > 0) key("ide2", "none,media=cdrom");
        cards();
        for (const std::string& words : machine_.unmapped)
            note("not taken over: " + words);
        return std::move(appliance_);
    }

  private:
    void key(std::string name, std::string value) {
        appliance_.keys.emplace_back(std::move(name), std::move(value));
    }
    void note(const std::string& words) {
        const std::string line = printable(words);
        auto& notes = appliance_.notes;
        if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
    }

    // The nearest controller that QEMU has and that needs no driver the guest may lack.
    std::string key_of(const OvfMachine::Disk& disk) {
        if (disk.controller == "ide" && ide_ < 3) {
            static constexpr int places[] = {0, 1, 3};  // ide2 is the CD drive
            return fmt::format("ide{}", places[ide_++]);
        }
        if (disk.controller == "scsi" && disk.model == "virtualscsi" && scsi_ < 31) {
            pvscsi_ = true;
            return fmt::format("scsi{}", scsi_++);
        }
        if (sata_ < 6) {
            if (disk.controller == "scsi" || disk.controller == "nvme")
                note(fmt::format("the controller {} does not exist here: its disks are SATA disks",
                                 disk.model.empty() ? disk.controller : disk.model));
            return fmt::format("sata{}", sata_++);
        }
        if (scsi_ >= 31)
            throw Error(Exit::refused, "the appliance has more disks than a guest can");
        note("it has more disks than SATA has places: the last are SCSI disks");
        return fmt::format("scsi{}", scsi_++);
    }

    void cards() {
        int number = 0;
        for (const auto& card : machine_.cards) {
            if (number == 32) {
                note("more than 32 network cards: the rest is left out");
                return;
            }
            std::string model = card_of(card.model);
            if (model.empty()) {
                model = "e1000";
                note(fmt::format("the network card '{}' does not exist here: it is an e1000",
                                 card.model));
            }
            if (!card.network.empty())
                note(fmt::format("its network '{}' is {} here", card.network,
                                 bridge_.empty() ? "user mode" : bridge_));
            key(fmt::format("net{}", number++),
                bridge_.empty() ? model : model + ",bridge=" + bridge_);
        }
    }

    const OvfMachine& machine_;
    const std::string& bridge_;
    Appliance appliance_;
    int ide_ = 0, scsi_ = 0, sata_ = 0;
    bool pvscsi_ = false;
};

}  // namespace

Appliance map_appliance(const OvfMachine& machine, const std::string& bridge) {
    return Mapper(machine, bridge).map();
}

}  // namespace lodge
