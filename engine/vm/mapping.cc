#include "engine/vm/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/units.h"

namespace lodge {
namespace {

// The flags of each level beyond the level below, by the x86-64 psABI, in QEMU's names.
constexpr std::string_view kLevel2 = ",+cx16,+lahf-lm,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2";
constexpr std::string_view kAes = ",+aes";
constexpr std::string_view kLevel3 = ",+abm,+avx,+avx2,+bmi1,+bmi2,+f16c,+fma,+movbe,+xsave";
constexpr std::string_view kLevel4 = ",+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl";

bool is_offered(const std::vector<std::string>& offered, std::string_view name) {
    return std::find(offered.begin(), offered.end(), name) != offered.end();
}

// "9.0" as {9, 0}; anything else as zeros.
std::vector<int64_t> version_of(std::string_view text) {
    std::vector<int64_t> version;
    for (const std::string& part : split(text, '.'))
        version.push_back(parse_integer(part).value_or(0));
    return version;
}

struct Family {
    std::string_view stem;   // of a versioned name
    std::string_view alias;  // the newest
};
constexpr std::array<Family, 3> kFamilies = {
    {{"pc-q35-", "q35"}, {"pc-i440fx-", "pc"}, {"virt-", "virt"}}};

}  // namespace

std::string stock_machine(std::string_view pve_machine, const std::vector<std::string>& offered) {
    std::vector<std::string> notes;
    return stock_machine(pve_machine, offered, notes);
}

std::string stock_machine(std::string_view pve_machine, const std::vector<std::string>& offered,
                          std::vector<std::string>& notes) {
    if (pve_machine.empty()) return "pc";
    std::string name(pve_machine);
    if (name.ends_with(".pxe")) {
        name.resize(name.size() - 4);
        notes.push_back(fmt::format("{}: .pxe is dropped; only old guests needed it", pve_machine));
    }
    const size_t plus = name.find("+pve");
    if (plus != std::string::npos) {
        name.resize(plus);
        notes.push_back(fmt::format(
            "{} becomes {}: +pve is a variant that only Proxmox VE's QEMU has", pve_machine, name));
    }
    // QEMU named the boards of its first versions "pc-1.0"; all are long gone.
    if (offered.empty() || is_offered(offered, name)) return name;
    for (const Family& family : kFamilies) {
        if (!name.starts_with(family.stem)) continue;
        const auto wanted = version_of(std::string_view(name).substr(family.stem.size()));
        std::vector<int64_t> newest;
        for (const std::string& one : offered)
            if (one.starts_with(family.stem))
                newest =
                    std::max(newest, version_of(std::string_view(one).substr(family.stem.size())));
        notes.push_back(fmt::format(
            "{} becomes {}, the newest this machine has: its QEMU is {} that version; Windows may "
            "want to be activated again and snapshots with memory do not load",
            name, family.alias, wanted > newest ? "older than" : "without"));
        return std::string(family.alias);
    }
    if (name == "pc" || name == "q35" || name == "virt") return name;
    if (name.starts_with("pc-")) {
        notes.push_back(fmt::format("{} becomes pc: this machine's QEMU is without it", name));
        return "pc";
    }
    return name;
}

int cpu_level(std::string_view cputype) {
    if (cputype == "x86-64-v2" || cputype == "x86-64-v2-AES") return 2;
    if (cputype == "x86-64-v3") return 3;
    if (cputype == "x86-64-v4") return 4;
    return 0;
}

std::string stock_cpu(std::string_view cputype) {
    std::vector<std::string> notes;
    return stock_cpu(cputype, notes);
}

std::string stock_cpu(std::string_view cputype, std::vector<std::string>& notes) {
    const int level = cpu_level(cputype);
    if (level != 0) {
        std::string cpu = "qemu64" + std::string(kLevel2);
        if (cputype != "x86-64-v2") cpu += kAes;
        if (level >= 3) cpu += kLevel3;
        if (level >= 4) cpu += kLevel4;
        notes.push_back(
            fmt::format("{} is no model of QEMU: it becomes qemu64 with the flags of "
                        "that level",
                        cputype));
        return cpu;
    }
    if (cputype.starts_with("custom-")) {
        notes.push_back(
            fmt::format("{} is defined in a file of the Proxmox node that Lodge does "
                        "not read: it becomes kvm64",
                        cputype));
        return "kvm64";
    }
    return std::string(cputype);
}

}  // namespace lodge
