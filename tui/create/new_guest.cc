#include "tui/create/new_guest.h"

#include <algorithm>
#include <vector>

#include "engine/storage/ovf.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr size_t longest_name = 24;

constexpr SystemKind kinds[] = {
    {"Linux", "q35, virtio disk, card and random numbers, serial console", "l26", "linux", "32G",
     "2048", false, true, ""},
    {"Linux container", "shares this machine's kernel: up at once, a fraction of the memory", "",
     "ct", "", "512", false, false, "", true},
    {"Windows 11, Server 2022 and later", "q35, UEFI with Secure Boot, TPM 2.0, SATA disk, e1000e",
     "win11", "windows", "64G", "4096", true, false, "win"},
    {"Windows 10, Server 2016 and 2019", "q35, SATA disk, e1000e card: no drivers are missing",
     "win10", "windows", "64G", "4096", false, false, "win"},
    {"Windows 8 and older", "i440FX, IDE disk, e1000 card", "win8", "windows", "32G", "2048", false,
     false, "win"},
    {"BSD and others", "i440FX, IDE disk, e1000 card: what every system knows", "other", "guest",
     "32G", "2048", false, true, "bsd"},
};

std::string lower(std::string_view text) {
    std::string made(text);
    for (char& c : made)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return made;
}

}  // namespace

std::span<const SystemKind> system_kinds() {
    return kinds;
}

bool iso_suits(const SystemKind& system, std::string_view name) {
    if (system.container) return false;
    const std::string small = lower(name);
    // Drivers for Windows are no system.
    if (small.find("virtio-win") != std::string::npos) return false;
    if (!system.iso.empty()) return small.find(system.iso) != std::string::npos;
    return std::none_of(std::begin(kinds), std::end(kinds), [&](const SystemKind& other) {
        return !other.iso.empty() && small.find(other.iso) != std::string::npos;
    });
}

std::string name_from_file(std::string_view file) {
    const size_t begin = file.find_last_of("/:");
    std::string_view stem = begin == std::string_view::npos ? file : file.substr(begin + 1);
    if (const size_t dot = stem.rfind('.'); dot != std::string_view::npos)
        stem = stem.substr(0, dot);
    std::string name;
    for (const char c : lower(stem)) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter)
            name += c;
        else if (!name.empty() && name.back() != '-')
            name += '-';
    }
    // What is the same of all of them says nothing.
    for (const std::string_view word : {"-amd64", "-x86-64", "-x64", "-netinst", "-genericcloud",
                                        "-generic", "-cloudimg", "-live", "-desktop", "-dvd"})
        if (const size_t at = name.find(word); at != std::string::npos) name.resize(at);
    name = name.substr(0, longest_name);
    while (!name.empty() && name.back() == '-')
        name.pop_back();
    return name;
}

std::string name_from_template(std::string_view source) {
    while (source.ends_with('/'))
        source.remove_suffix(1);
    constexpr std::string_view registry = "docker://";
    const bool image = source.starts_with(registry);
    const size_t colon = image ? std::string_view::npos : source.find(':');
    const bool path = source.starts_with('/') || source.starts_with('.');
    if (!path && colon != std::string_view::npos &&
        source.find("vztmpl/") == std::string_view::npos && !source.starts_with("oci")) {
        // A build is called by its distribution, a server's template by its own name.
        const std::string_view before = source.substr(0, colon), behind = source.substr(colon + 1);
        std::string name(before == "debian" || before == "ubuntu" || before == "devuan" ? before
                                                                                        : behind);
        std::replace(name.begin(), name.end(), '/', '-');
        std::replace(name.begin(), name.end(), '.', '-');
        return name_from_file(name);
    }
    std::string_view name = source.substr(source.find_last_of('/') + 1);
    for (const std::string_view end : {".tar", ".tgz", ".oci", "_", ":"})
        name = name.substr(0, name.find(end));
    // Without a dot for name_from_file() to end it at.
    std::string plain(name);
    std::replace(plain.begin(), plain.end(), '.', '-');
    return name_from_file(plain);
}

bool NewGuest::is_appliance() const {
    return from == From::image && is_ovf_name(file);
}

std::string NewGuest::command() const {
    return from == From::demo ? "demo make" : "guest create";
}

Values NewGuest::words() const {
    if (system->container) return container_words();
    Values words;
    const auto take = [&](std::string_view name) {
        if (const auto value = settings.get(name)) words.set({std::string(name), *value});
    };
    take("name");
    take("storage");
    if (from == From::demo) {
        if (!settings.flag("start")) words.set({"no-start", true});
        return words;
    }
    if (!is_appliance()) words.set({"ostype", system->ostype});
    take("memory");
    take("cores");
    take("uefi");
    take("start");
    if (settings.has("disk")) words.set({"disk", std::vector<std::string>{settings.text("disk")}});
    const std::string net = settings.text("net", "");
    if (net == "no")
        words.set({"net", std::vector<std::string>{"none"}});
    else if (!net.empty())
        words.set({"bridge", net});
    if (from == From::iso) words.set({"iso", file});
    if (from == From::cloud || from == From::image) words.set({"import", file});
    if (from == From::cloud) {
        take("user");
        take("password");
        take("ssh-key");
    }
    return words;
}

Values NewGuest::container_words() const {
    Values words;
    const auto take = [&](std::string_view name) {
        if (const auto value = settings.get(name)) words.set({std::string(name), *value});
    };
    take("name");
    take("storage");
    if (from == From::demo) {
        words.set({"container", true});
        if (!settings.flag("start")) words.set({"no-start", true});
        return words;
    }
    words.set({"template", file});
    for (const char* name : {"memory", "swap", "cores", "password", "ssh-key", "start"})
        take(name);
    if (settings.has("disk")) words.set({"disk", std::vector<std::string>{settings.text("disk")}});
    const std::string net = settings.text("net", "");
    std::string card = "none";
    if (net != "no") {
        card = "name=eth0";
        if (net != "none" && !net.empty()) card += ",bridge=" + net;
        if (settings.has("gw")) card += ",gw=" + settings.text("gw");
        card += ",ip=" + settings.text("ip", "dhcp");
    }
    words.set({"net", std::vector<std::string>{card}});
    if (settings.flag("nesting"))
        words.set({"values", std::vector<std::string>{"features=nesting=1"}});
    return words;
}

}  // namespace lodge
