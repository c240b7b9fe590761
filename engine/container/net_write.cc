#include <algorithm>

#include "engine/container/net.h"
#include "engine/container/root_folder.h"
#include "engine/error.h"
#include "engine/units.h"

// What kind of system a root file system holds, and the writing of its network files. Nothing in
// it is trusted: whoever had root inside may have left links, pipes or devices in any place.

namespace lodge {
namespace {

// os-release(5)
std::string release_value(std::string_view text, std::string_view key) {
    for (const std::string& line : split(text, '\n')) {
        if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != '=')
            continue;
        std::string value(trim(std::string_view(line).substr(key.size() + 1)));
        std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
        return value;
    }
    return {};
}

std::string family_of(const RootFolder& root) {
    constexpr std::string_view known[] = {"ubuntu", "debian", "devuan", "alpine", "fedora",
                                          "rhel",   "centos", "suse",   "arch"};
    std::string text = root.read("/etc/os-release").value_or("");
    if (text.empty()) text = root.read("/usr/lib/os-release").value_or("");
    const std::string id = release_value(text, "ID");
    for (const std::string& word : split(id + " " + release_value(text, "ID_LIKE"), ' '))
        if (std::find(std::begin(known), std::end(known), word) != std::end(known))
            return word == "rhel" || word == "centos" ? "fedora" : word;
    return root.exists("/etc/alpine-release") ? "alpine" : id;
}

bool any_exists(const RootFolder& root, std::initializer_list<const char*> paths) {
    return std::any_of(paths.begin(), paths.end(),
                       [&](const char* path) { return root.exists(path); });
}

CtSystem::Manager manager_of(const RootFolder& root, const std::string& family) {
    using Manager = CtSystem::Manager;
    const bool networkd =
        any_exists(root, {"/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"});
    const bool manager = any_exists(root, {"/usr/sbin/NetworkManager", "/usr/bin/NetworkManager"});
    if (family == "fedora") {
        // Older ones have NetworkManager read ifcfg files; two files for one card would quarrel.
        if (any_exists(root, {"/etc/sysconfig/network-scripts/ifcfg-eth0"})) return Manager::ifcfg;
        if (manager) return Manager::networkmanager;
        if (networkd) return Manager::networkd;
        return any_exists(root, {"/etc/sysconfig/network-scripts"}) ? Manager::ifcfg
                                                                    : Manager::none;
    }
    if (any_exists(root, {"/usr/sbin/netplan"})) return Manager::netplan;
    if (any_exists(root, {"/sbin/ifup", "/usr/sbin/ifup"})) return Manager::ifupdown;
    if (networkd) return Manager::networkd;
    return manager ? Manager::networkmanager : Manager::none;
}

std::string ignore_mark(const std::string& path) {
    const size_t slash = path.rfind('/');
    return path.substr(0, slash + 1) + ".pve-ignore." + path.substr(slash + 1);
}

}  // namespace

CtSystem look_at_ct_system(const std::string& rootfs, std::string_view ostype) {
    return look_at_ct_system(RootFolder(rootfs), ostype);
}

CtSystem look_at_ct_system(const RootFolder& root, std::string_view ostype) {
    CtSystem system;
    system.has_etc = root.exists("/etc");
    system.family = ostype.empty() || ostype == "unmanaged" ? family_of(root) : ostype;
    if (system.family == "centos") system.family = "fedora";
    system.manager = manager_of(root, system.family);
    const auto resolv = root.find("/etc/resolv.conf");
    system.fixed_resolv = resolv == RootFolder::Found::nothing || resolv == RootFolder::Found::file;
    return system;
}

std::vector<std::string> write_ct_net_files(const Config& config, const CtNetFacts& facts,
                                            const std::string& rootfs, CtOwner owner) {
    return write_ct_net_files(config, facts, RootFolder(rootfs), owner);
}

std::vector<std::string> write_ct_net_files(const Config& config, const CtNetFacts& facts,
                                            const RootFolder& root, CtOwner owner) {
    std::vector<std::string> notes;
    const CtSystem system = look_at_ct_system(root, config.string_of("ostype"));
    for (const CtFile& file : ct_net_files(config, facts, system, notes)) {
        if (root.find(ignore_mark(file.path)) != RootFolder::Found::nothing) continue;
        const auto found = root.find(file.path);
        if (found != RootFolder::Found::nothing && found != RootFolder::Found::file) {
            notes.push_back(
                fmt::format("{} inside is no plain file: it is left as it is", file.path));
            continue;
        }
        const auto before = root.read(file.path);
        if (found == RootFolder::Found::file && !before) {
            notes.push_back(fmt::format("{} inside is too large: it is left as it is", file.path));
            continue;
        }
        const std::string after = merge_ct_file(file, before);
        if (before == after) continue;
        try {
            root.write(file.path, after, file.mode, owner, file.kind != CtFile::Kind::whole);
        } catch (const Error& error) {
            // What somebody left inside is no reason not to start.
            if (error.exit() != Exit::refused) throw;
            notes.emplace_back(error.what());
        }
    }
    return notes;
}

}  // namespace lodge
