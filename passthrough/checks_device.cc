#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "engine/engine.h"
#include "engine/units.h"
#include "passthrough/findings.h"

// What is to be known of the device itself.

namespace lodge {
namespace {

std::string words_of(const PciFunction& function) {
    return fmt::format("{} ({})", short_address(function.address), function.class_name());
}

Finding warning(const PciFunction& function, std::string reason, std::string path,
                std::string value, std::string way_out) {
    return {"",
            Severity::warn,
            false,
            function.address,
            std::move(reason),
            std::move(path),
            std::move(value),
            std::move(way_out)};
}

bool is_graphics(const PciFunction& function) {
    return function.base_class() == 0x03;
}

// W1
void bad_reset(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted) {
        for (const Quirk* quirk : quirks_of(*function))
            findings.push_back(warning(*function, std::string(quirk->words),
                                       std::string(quirk->source), function->ids(), ""));
        if (!function->reset_methods) continue;
        const auto& methods = *function->reset_methods;
        const std::string path = function->folder + "/reset_method";
        if (methods.empty())
            findings.push_back(warning(
                *function, words_of(*function) + " cannot be reset by the kernel", path, "none",
                "after a guest that crashed it may work again only after a reboot"));
        else if (methods.size() == 1 && methods[0] == "bus")
            findings.push_back(warning(
                *function, words_of(*function) + " is reset only together with its whole bus", path,
                "bus", "all functions on that bus must go to the same guest"));
        else if (methods.size() == 1 && methods[0] == "pm")
            findings.push_back(warning(
                *function,
                words_of(*function) + " is reset only by putting it to sleep, which not every "
                                      "device takes for a reset",
                path, "pm", "when it fails at a second start, reboot this machine"));
    }
}

// W2
void has_twins(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted)
        for (const PciFunction& other : proposal.inventory.pci)
            if (other.vendor == function->vendor && other.device == function->device &&
                !proposal.goes(other) && !other.driver.empty() && other.driver != "vfio-pci") {
                findings.push_back(
                    warning(*function,
                            fmt::format("{} is the same model and stays with this machine",
                                        words_of(other)),
                            other.folder + "/device", other.ids(),
                            "never bind by vfio-pci.ids=, which would take both; Lodge does not"));
                break;
            }
}

bool same_device(const PciFunction& one, const PciFunction& two) {
    return one.address.substr(0, 10) == two.address.substr(0, 10) && one.address != two.address;
}

// W3
void goes_along(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.going)
        if (std::find(proposal.wanted.begin(), proposal.wanted.end(), function) ==
            proposal.wanted.end())
            findings.push_back(warning(
                *function,
                fmt::format("{} is in the same IOMMU group and leaves this machine as well, from "
                            "its driver {}",
                            words_of(*function), function->driver),
                function->folder + "/iommu_group", std::to_string(function->group),
                "another slot may have a group of its own"));
    for (const PciFunction* function : proposal.wanted)
        for (const PciFunction& other : proposal.inventory.pci) {
            if (!same_device(*function, other) || other.is_bridge || proposal.goes(other)) continue;
            // The board's own functions share a number without being one device.
            if (function->parent.empty() && other.class_code >> 16 == 0x06) continue;
            findings.push_back(warning(
                *function,
                fmt::format("{} is a part of the same device and stays here", words_of(other)),
                other.folder, other.driver.empty() ? "no driver" : other.driver,
                fmt::format("hand over {} for all its functions",
                            short_address(function->address.substr(0, 10)))));
        }
}

// W4
void is_in_the_processor(const Proposal& proposal, std::vector<Finding>& findings) {
    constexpr std::array classes = {uint16_t{0x0106}, uint16_t{0x0c03}, uint16_t{0x0300},
                                    uint16_t{0x0380}};
    for (const PciFunction* function : proposal.going) {
        const bool listed =
            std::find(classes.begin(), classes.end(), function->sub_class()) != classes.end();
        const bool intel = function->vendor == 0x8086 && function->parent.empty();
        const bool amd =
            function->vendor == 0x1022 ||
            (function->vendor == 0x1002 && function->boot_vga && function->slot.empty());
        if (!listed || (!intel && !amd)) continue;
        findings.push_back(warning(
            *function,
            words_of(*function) + " is part of the processor: on some machines sensors and boost "
                                  "go with it",
            function->folder, function->ids(),
            "Lodge compares sensors, clocks and thermal zones before and after, and takes it back "
            "when one is lost"));
    }
}

// W6
void firmware_draws_on_it(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.going)
        for (const PciBar& bar : function->bars)
            for (const Inventory::Range& range : proposal.inventory.boot_framebuffers) {
                if (bar.io || range.first < bar.start || range.first >= bar.start + bar.size)
                    continue;
                findings.push_back(warning(
                    *function, words_of(*function) + " still has the firmware's framebuffer on it",
                    "/proc/iomem", fmt::format("{:x}-{:x} {}", range.first, range.last, range.name),
                    "a kernel with a built-in simpledrm does not let go of it; where the guest's "
                    "picture stays black, boot with video=efifb:off"));
            }
}

// W7
void has_rom_or_large_bars(const Proposal& proposal, std::vector<Finding>& findings) {
    constexpr uint64_t large = uint64_t{256} << 20;
    for (const PciFunction* function : proposal.wanted) {
        if (!is_graphics(*function)) continue;
        if (function->boot_vga)
            findings.push_back(warning(
                *function,
                words_of(*function) + " was started by this machine's firmware, which changes its "
                                      "ROM",
                function->folder + "/boot_vga", "1",
                "when the guest's picture stays black, give romfile= (AMD: from the ACPI table "
                "VFCT)"));
        const auto widest = std::max_element(
            function->bars.begin(), function->bars.end(),
            [](const PciBar& one, const PciBar& two) { return one.size < two.size; });
        if (widest != function->bars.end() && widest->size > large)
            findings.push_back(warning(
                *function,
                fmt::format("{} wants {} of the guest's addresses in one piece",
                            words_of(*function), short_size(static_cast<int64_t>(widest->size))),
                function->folder + "/resource",
                fmt::format("BAR {}: {}", widest->number, widest->size),
                "use bios: ovmf and cpu: host in the guest"));
        if (function->resizable)
            findings.push_back(warning(*function,
                                       words_of(*function) + " has BARs whose size can be chosen",
                                       function->folder + "/resource0_resize", "there",
                                       "a size is chosen while no driver has the device"));
    }
}

// W8
void sleeps_deeply(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted) {
        if (function->power_state != "D3cold" &&
            !(function->d3cold_allowed && function->runtime_status == "suspended"))
            continue;
        findings.push_back(warning(
            *function,
            fmt::format("{} sleeps ({}) and may not wake in the guest", words_of(*function),
                        function->power_state.empty() ? "suspended" : function->power_state),
            function->folder + "/power_state", function->power_state,
            "vfio-pci.disable_idle_d3=1 keeps it awake while nobody has it"));
    }
}

// Processes that have a file of these devices open: "Xorg (812)".
std::vector<std::string> users_of(const Host& host, const std::vector<std::string>& nodes) {
    std::vector<std::string> users;
    for (const std::string& pid : host.list(host.system("/proc"))) {
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const std::string folder = host.system("/proc/" + pid);
        std::vector<std::string> fds;
        try {
            fds = host.list(folder + "/fd");
        } catch (const std::exception&) {
            continue;  // another user's
        }
        for (const std::string& fd : fds) {
            std::array<char, PATH_MAX> target{};
            const ssize_t size =
                ::readlink((folder + "/fd/" + fd).c_str(), target.data(), target.size());
            const std::string_view path(target.data(), size < 0 ? 0 : static_cast<size_t>(size));
            if (std::find(nodes.begin(), nodes.end(), path) == nodes.end()) continue;
            users.push_back(fmt::format("{} ({})", host.read_line(folder + "/comm"), pid));
            break;
        }
    }
    return users;
}

// W10
void is_open(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.going) {
        std::vector<std::string> nodes;
        const auto list = [&](const std::string& below, std::string_view prefix) {
            for (const std::string& name :
                 proposal.host().list(proposal.host().system(function->folder + below)))
                if (name.starts_with("card") || name.starts_with("render"))
                    nodes.push_back(std::string(prefix) + name);
        };
        list("/drm", "/dev/dri/");
        if (function->vendor == 0x10de && is_graphics(*function))
            nodes.insert(nodes.end(), {"/dev/nvidia0", "/dev/nvidiactl"});
        if (nodes.empty()) continue;
        const auto users = users_of(proposal.host(), nodes);
        if (users.empty()) continue;
        findings.push_back(warning(
            *function, fmt::format("{} is in use by {}", words_of(*function), join(users, ", ")),
            "/proc", join(nodes, " "), "end them first, or the driver may hang when it lets go"));
    }
}

// W13
void virtual_would_do(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted)
        if (function->vfs_possible > 0 && function->vfs_now == 0)
            findings.push_back(warning(
                *function,
                fmt::format("{} can be divided by its own hardware (SR-IOV), and this machine "
                            "would keep it",
                            words_of(*function)),
                function->folder + "/sriov_totalvfs", std::to_string(function->vfs_possible),
                fmt::format("lodge device vf {} 1, and give that",
                            short_address(function->address))));
}

// W14
void sharing_would_do(const Proposal& proposal, std::vector<Finding>& findings) {
    for (const PciFunction* function : proposal.wanted)
        for (const std::string& name :
             proposal.host().list(proposal.host().system(function->folder + "/drm")))
            if (name.starts_with("renderD"))
                findings.push_back(
                    warning(*function,
                            fmt::format("containers can share {}, and this machine keeps it",
                                        words_of(*function)),
                            function->folder + "/drm/" + name, "/dev/dri/" + name,
                            fmt::format("lodge device use {} for CONTAINER",
                                        short_address(function->address))));
}

}  // namespace

std::vector<Check> device_checks() {
    return {
        {"W1", "ways to reset it, and what is known of its kind", bad_reset},
        {"W2", "others of the same model", has_twins},
        {"W3", "what goes along, and what is left behind", goes_along},
        {"W4", "devices inside the processor", is_in_the_processor},
        {"W6", "the firmware's framebuffer", firmware_draws_on_it},
        {"W7", "its ROM and the size of its BARs", has_rom_or_large_bars},
        {"W8", "deep sleep", sleeps_deeply},
        {"W10", "programs that have it open", is_open},
        {"W13", "virtual functions that would do", virtual_would_do},
        {"W14", "sharing that would do", sharing_would_do},
    };
}

}  // namespace lodge
