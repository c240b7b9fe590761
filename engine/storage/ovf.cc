#include "engine/storage/ovf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <pugixml.hpp>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

using pugi::xml_node;

constexpr size_t most_text = 16u << 20;
constexpr size_t most_items = 1000;

// Prefixes differ from maker to maker; the names behind them do not.
std::string_view local(const char* name) {
    const char* colon = std::strchr(name, ':');
    return colon ? colon + 1 : name;
}
bool is(const xml_node& node, std::string_view name) {
    return local(node.name()) == name;
}

xml_node child(const xml_node& node, std::string_view name) {
    for (const xml_node& one : node.children())
        if (is(one, name)) return one;
    return {};
}
std::string text(const xml_node& node, std::string_view name) {
    return std::string(trim(child(node, name).child_value()));
}
std::string attribute(const xml_node& node, std::string_view name) {
    for (const pugi::xml_attribute& one : node.attributes())
        if (local(one.name()) == name) return one.value();
    return {};
}

std::string lower(std::string_view word) {
    std::string small(word);
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return small;
}

int64_t whole(const std::string& word, int64_t otherwise) {
    return parse_integer(word).value_or(otherwise);
}

// "byte * 2^20" (DSP0004, programmatic units), and the older words for it.
std::optional<int64_t> unit_bytes(const std::string& unit) {
    std::string plain = lower(unit);
    std::erase(plain, ' ');
    if (plain.empty() || plain == "byte" || plain == "bytes") return 1;
    if (plain.rfind("byte*2^", 0) == 0) {
        const auto power = parse_integer(plain.substr(7));
        if (power && *power >= 0 && *power <= 50) return int64_t{1} << *power;
    }
    static const std::map<std::string, int64_t, std::less<>> words = {
        {"kilobytes", 1 << 10}, {"kb", 1 << 10},        {"megabytes", 1 << 20},
        {"mb", 1 << 20},        {"gigabytes", 1 << 30}, {"gb", 1 << 30}};
    const auto found = words.find(plain);
    if (found != words.end()) return found->second;
    return std::nullopt;
}

std::optional<int64_t> scaled(const std::string& count, const std::string& unit) {
    const auto number = parse_integer(count);
    const auto bytes = unit_bytes(unit);
    int64_t product = 0;
    if (!number || !bytes || *number < 0 || __builtin_mul_overflow(*number, *bytes, &product))
        return std::nullopt;
    return product;
}

// Reader takes one description apart.
class Reader {
  public:
    Reader(std::string_view content, std::string name) : name_(std::move(name)) {
        if (content.size() > most_text) refuse("it is longer than 16 MiB");
        const auto result = document_.load_buffer(content.data(), content.size(),
                                                  pugi::parse_default, pugi::encoding_auto);
        if (!result)
            refuse(fmt::format("it is no XML (byte {}: {})", result.offset, result.description()));
    }

    OvfMachine read() {
        envelope_ = child(document_, "Envelope");
        if (!envelope_) refuse("it has no Envelope");
        read_files();
        read_disks();
        read_configurations();
        const xml_node system = find_system();
        machine_.name = text(system, "Name");
        if (machine_.name.empty()) machine_.name = attribute(system, "id");
        read_system(child(system, "OperatingSystemSection"));
        const xml_node hardware = child(system, "VirtualHardwareSection");
        if (!hardware) refuse("its machine has no VirtualHardwareSection");
        read_controllers(hardware);
        for (const xml_node& item : items(hardware))
            take(item);
        for (const xml_node& one : hardware.children())
            if (is(one, "Config") || is(one, "ExtraConfig"))
                config(attribute(one, "key"), attribute(one, "value"));
        // VirtualBox writes its own machine beside.
        const xml_node box = child(child(system, "Machine"), "Hardware");
        if (lower(attribute(child(box, "Firmware"), "type")).rfind("efi", 0) == 0)
            machine_.uefi = true;
        for (const xml_node& one : system.children())
            if (is(one, "ProductSection") && child(one, "Property"))
                note("properties of its ProductSection, which it would read at its first start");
        std::stable_sort(machine_.disks.begin(), machine_.disks.end(),
                         [](const auto& a, const auto& b) {
                             return std::tie(a.unit, a.slot) < std::tie(b.unit, b.slot);
                         });
        return std::move(machine_);
    }

  private:
    struct Controller {
        std::string kind, model;
        int64_t number = 0;
    };
    struct DiskEntry {
        std::string file;
        int64_t capacity = 0;
    };

    [[noreturn]] void refuse(const std::string& why) const {
        fail(Exit::refused, "cannot read the appliance {}: {}", printable(name_), why);
    }
    void note(std::string words) {
        words = printable(words);
        auto& all = machine_.unmapped;
        if (std::find(all.begin(), all.end(), words) == all.end() && all.size() < most_items)
            all.push_back(std::move(words));
    }

    void read_files() {
        for (const xml_node& one : child(envelope_, "References").children()) {
            if (!is(one, "File")) continue;
            const std::string href = attribute(one, "href");
            if (!is_member_name(href))
                refuse(fmt::format("it names the file '{}', which leads out of the package",
                                   printable(href)));
            if (!attribute(one, "compression").empty() &&
                attribute(one, "compression") != "identity")
                refuse(fmt::format("its file {} is compressed by itself ({}): unpack it first",
                                   printable(href), printable(attribute(one, "compression"))));
            if (!attribute(one, "chunkSize").empty())
                refuse(fmt::format("its file {} is cut into pieces: join them first",
                                   printable(href)));
            files_[attribute(one, "id")] = href;
        }
    }

    void read_disks() {
        for (const xml_node& one : child(envelope_, "DiskSection").children()) {
            if (!is(one, "Disk")) continue;
            if (!attribute(one, "parentRef").empty())
                refuse("one of its disks is only the difference to another");
            DiskEntry disk;
            if (const std::string file = attribute(one, "fileRef"); !file.empty()) {
                if (!files_.contains(file))
                    refuse(fmt::format("a disk names the file '{}', which it does not list",
                                       printable(file)));
                disk.file = files_[file];
            }
            const auto size =
                scaled(attribute(one, "capacity"), attribute(one, "capacityAllocationUnits"));
            if (!size && disk.file.empty())
                refuse(fmt::format("it does not say how large the empty disk '{}' is",
                                   printable(attribute(one, "diskId"))));
            disk.capacity = size.value_or(0);
            disks_[attribute(one, "diskId")] = disk;
        }
    }

    // Of several ways to deploy, the one that is marked, else the first.
    void read_configurations() {
        for (const xml_node& one : child(envelope_, "DeploymentOptionSection").children()) {
            if (!is(one, "Configuration")) continue;
            const std::string id = attribute(one, "id");
            if (configuration_.empty() || parse_boolean(attribute(one, "default")).value_or(false))
                configuration_ = id;
        }
        if (!configuration_.empty())
            note(fmt::format("other sizes than '{}' to deploy it in", configuration_));
    }

    xml_node find_system() {
        if (const xml_node one = child(envelope_, "VirtualSystem")) return one;
        const xml_node all = child(envelope_, "VirtualSystemCollection");
        const xml_node first = child(all, "VirtualSystem");
        if (!first) refuse("it describes no machine");
        int others = -1;
        for (const xml_node& one : all.children())
            others += is(one, "VirtualSystem") ? 1 : 0;
        if (others > 0) note(fmt::format("{} more machines beside the first", others));
        return first;
    }

    void read_system(const xml_node& section) {
        machine_.system = attribute(section, "osType");
        if (machine_.system.empty()) machine_.system = text(section, "OSType");
        if (machine_.system.empty()) machine_.system = text(section, "Description");
        // CIM_OperatingSystem.OsType, where no word says more.
        const int64_t id = whole(attribute(section, "id"), 0);
        if (machine_.system.empty())
            machine_.system = id == 36 || (id >= 93 && id <= 101) ? "linux"
                              : id == 120 || id == 121            ? "windows 10"
                                                                  : "";
    }

    // OVF 2 has items of their own for storage and network cards, with the same names inside.
    std::vector<xml_node> items(const xml_node& hardware) {
        std::vector<xml_node> found;
        for (const xml_node& one : hardware.children()) {
            if (!is(one, "Item") && !is(one, "StorageItem") && !is(one, "EthernetPortItem"))
                continue;
            const std::string wanted = attribute(one, "configuration");
            const auto words = split(wanted, ' ');
            if (!wanted.empty() &&
                std::find(words.begin(), words.end(), configuration_) == words.end())
                continue;
            if (found.size() == most_items) refuse("it has more than 1000 pieces of hardware");
            found.push_back(one);
        }
        return found;
    }

    void read_controllers(const xml_node& hardware) {
        int64_t number = 0;
        for (const xml_node& item : items(hardware)) {
            const std::string model = lower(text(item, "ResourceSubType"));
            std::string kind;
            switch (whole(text(item, "ResourceType"), 0)) {
                case 5:
                    kind = "ide";
                    break;
                case 6:
                    kind = "scsi";
                    break;
                case 20:
                    kind = model.find("nvme") != std::string::npos ? "nvme" : "sata";
                    break;
                default:
                    continue;
            }
            controllers_[text(item, "InstanceID")] = {kind, model, number++};
        }
    }

    // CIM_ResourceAllocationSettingData.ResourceType
    void take(const xml_node& item) {
        const std::string title = text(item, "ElementName");
        switch (whole(text(item, "ResourceType"), 0)) {
            case 3:
                machine_.cpus =
                    std::clamp<int64_t>(whole(text(item, "VirtualQuantity"), 1), 1, 512);
                machine_.cores_per_socket =
                    std::clamp<int64_t>(whole(text(item, "CoresPerSocket"), 0), 0, 512);
                break;
            case 4:
                memory(item);
                break;
            case 5:
            case 6:
            case 20:
                break;  // with the disks on them
            case 10:
                card(item);
                break;
            case 15:
            case 16:
                ++machine_.cd_drives;
                break;
            case 17:
                disk(item);
                break;
            case 14:
                note("floppy drive '" + title + "'");
                break;
            case 23:
            case 24:
                break;  // every guest has USB and a display
            default:
                note(fmt::format("'{}' (type {})", title, text(item, "ResourceType")));
        }
    }

    void memory(const xml_node& item) {
        const std::string unit = text(item, "AllocationUnits");
        const auto bytes = scaled(text(item, "VirtualQuantity"), unit.empty() ? "byte*2^20" : unit);
        if (!bytes || *bytes < (16 << 20)) {
            note(fmt::format("memory of {} {}", text(item, "VirtualQuantity"), unit));
            return;
        }
        machine_.memory_mib = *bytes >> 20;
    }

    void card(const xml_node& item) {
        const auto models = split(lower(text(item, "ResourceSubType")), ' ');
        machine_.cards.push_back({models.front(), text(item, "Connection")});
    }

    void disk(const xml_node& item) {
        std::string host = text(item, "HostResource");
        if (host.rfind("ovf:", 0) == 0) host.erase(0, 4);
        OvfMachine::Disk disk;
        if (host.rfind("/disk/", 0) == 0 && disks_.contains(host.substr(6))) {
            disk.file = disks_[host.substr(6)].file;
            disk.capacity = disks_[host.substr(6)].capacity;
        } else if (host.rfind("/file/", 0) == 0 && files_.contains(host.substr(6))) {
            disk.file = files_[host.substr(6)];
        } else {
            refuse(fmt::format("a disk is '{}', which it does not describe", printable(host)));
        }
        if (const auto found = controllers_.find(text(item, "Parent"));
            found != controllers_.end()) {
            disk.controller = found->second.kind;
            disk.model = found->second.model;
            disk.unit = found->second.number;
        }
        disk.slot = whole(text(item, "AddressOnParent"), 0);
        machine_.disks.push_back(std::move(disk));
    }

    void config(const std::string& key, const std::string& value) {
        const std::string small = lower(value);
        if (key == "firmware")
            machine_.uefi = machine_.uefi || small == "efi";
        else if (key == "uefi.secureBoot.enabled" || key == "bootOptions.efiSecureBootEnabled")
            machine_.secure_boot = parse_boolean(small).value_or(false);
        else if (lower(key).find("vtpm") != std::string::npos)
            machine_.tpm = machine_.tpm || parse_boolean(small).value_or(false);
    }

    std::string name_;
    pugi::xml_document document_;
    xml_node envelope_;
    OvfMachine machine_;
    std::map<std::string, std::string> files_;
    std::map<std::string, DiskEntry> disks_;
    std::map<std::string, Controller> controllers_;
    std::string configuration_;
};

}  // namespace

OvfMachine parse_ovf(std::string_view content, const std::string& name) {
    return Reader(content, name).read();
}

std::string ostype_of_system(std::string_view system) {
    std::string plain = lower(system);
    std::erase_if(plain, [](char c) { return c == ' ' || c == '_' || c == '-' || c == '.'; });
    const auto has = [&](std::string_view word) { return plain.find(word) != std::string::npos; };
    if (has("windows") || plain.rfind("win", 0) == 0) {
        if (has("11") || has("2022") || has("2025") || has("windows12srv")) return "win11";
        // VMware calls Windows 10 and the servers of its time "windows9".
        if (has("10") || has("windows9") || has("2016") || has("2019")) return "win10";
        if (has("windows8") || has("win8") || has("2012")) return "win8";
        if (has("2008")) return "w2k8";
        if (has("windows7") || has("win7")) return "win7";
        if (has("xp")) return "wxp";
        return "win10";
    }
    if (has("solaris")) return "solaris";
    for (const std::string_view word :
         {"linux", "ubuntu", "debian", "rhel", "redhat", "centos", "fedora", "suse", "sles",
          "oracle", "arch", "gentoo", "alma", "rocky", "photon", "amazon", "coreos"})
        if (has(word)) return "l26";
    return "other";
}

}  // namespace lodge
