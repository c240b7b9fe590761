#include "passthrough/sriov.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"
#include "passthrough/binding.h"

// What a card says of its virtual functions, and telling it.

namespace lodge {
namespace {

using nlohmann::json;

std::string folder_of(const Host& host, const std::string& address) {
    return host.system("/sys/bus/pci/devices/" + address);
}

bool is_mac(std::string_view text) {
    if (text.size() != 17) return false;
    for (size_t i = 0; i < text.size(); ++i)
        if (i % 3 == 2 ? text[i] != ':' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
            return false;
    return true;
}

bool on_or_off(std::string_view name, std::string_view text) {
    if (text != "on" && text != "off")
        fail(Exit::usage, "{} is on or off, not '{}'", name, printable(text));
    return text == "on";
}

std::string checked_mac(const std::string& text) {
    if (!is_mac(text)) fail(Exit::usage, "'{}' is no MAC address", printable(text));
    std::string mac = text;
    std::transform(mac.begin(), mac.end(), mac.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if ((std::strtoul(mac.substr(0, 2).c_str(), nullptr, 16) & 1) != 0)
        fail(Exit::usage, "{} is the address of a group, not of one card: its first byte is odd",
             mac);
    return mac;
}

Outcome ip(const Host& host, std::vector<std::string> words) {
    Program program;
    program.argv = {host.need_program("ip")};
    program.argv.insert(program.argv.end(), words.begin(), words.end());
    return run_program(program, std::chrono::seconds(20));
}

std::vector<std::string> ip_words(const std::string& interface, const VfSetting& vf) {
    std::vector<std::string> words = {"link",    "set", "dev",
                                      interface, "vf",  std::to_string(vf.number)};
    const auto add = [&](const char* name, const std::string& value) {
        words.insert(words.end(), {name, value});
    };
    if (vf.mac) add("mac", *vf.mac);
    if (vf.vlan) add("vlan", std::to_string(*vf.vlan));
    if (vf.trust) add("trust", *vf.trust ? "on" : "off");
    if (vf.spoofcheck) add("spoofchk", *vf.spoofcheck ? "on" : "off");
    return words;
}

void write_count(const Host& host, const std::string& address, int64_t count, int64_t limit) {
    write_kernel_within(
        host, folder_of(host, address) + "/sriov_numvfs", std::to_string(count),
        fmt::format("cannot make {} of {}", counted(count, "virtual function"), address), limit);
}

// udev names the interface a moment after the driver made it.
std::string wait_for_interface(const Host& host, const std::string& address) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string name = interface_of(host, address);
    while (name.empty() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        name = interface_of(host, address);
    }
    return name;
}

void run_set(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& address = on.text("address");
    const int64_t limit = on.integer("limit", 60);
    if (on.has("count")) {
        const int64_t count = on.integer("count");
        const std::string path = folder_of(host, address) + "/sriov_numvfs";
        const int64_t now = parse_integer(host.read_line(path)).value_or(0);
        // The kernel changes a number only from and to none (drivers/pci/pci-sysfs.c,
        // sriov_numvfs_store).
        if (now != count && now != 0) write_count(host, address, 0, limit);
        if (now != count && count != 0) write_count(host, address, count, limit);
    }
    const auto& settings = on.list("settings");
    if (settings.empty()) return;
    const std::string interface = wait_for_interface(host, address);
    if (interface.empty())
        fail(Exit::failed, "{} has no network interface by which its functions could be set",
             address);
    for (const std::string& line : settings) {
        const VfSetting vf = VfSetting::parse(line);
        if (vf.is_empty()) continue;
        const Outcome outcome = ip(host, ip_words(interface, vf));
        if (outcome.status != 0)
            fail(Exit::failed, "cannot set virtual function {} of {} ({}): {}", vf.number, address,
                 interface, printable(trim(outcome.trouble)));
        work.say(fmt::format("virtual function {} of {}: {}", vf.number, interface, line));
    }
}

std::string set_shell(const Values& on) {
    const std::string folder = "/sys/bus/pci/devices/" + on.text("address");
    std::vector<std::string> lines;
    if (on.has("count")) {
        lines.push_back(fmt::format("echo 0 > {}/sriov_numvfs", folder));
        if (on.integer("count") != 0)
            lines.push_back(fmt::format("echo {} > {}/sriov_numvfs", on.text("count"), folder));
    }
    for (const std::string& line : on.list("settings")) {
        std::string command = "ip";
        for (const std::string& word : ip_words("$(ls " + folder + "/net)", VfSetting::parse(line)))
            command += " " + word;
        lines.push_back(command);
    }
    return join(lines, "\n");
}

constexpr ActionKind kinds[] = {{"vf-set", run_set, set_shell}};

VfSetting from_json(const json& value) {
    VfSetting vf;
    vf.number = value.value("vf", 0);
    if (value.contains("address")) vf.mac = value["address"].get<std::string>();
    if (value.contains("mac")) vf.mac = value["mac"].get<std::string>();
    // iproute2 of Debian 12 has a list of VLANs, older ones a number.
    if (value.contains("vlan_list") && !value["vlan_list"].empty())
        vf.vlan = value["vlan_list"][0].value("vlan", 0);
    else
        vf.vlan = value.value("vlan", 0);
    if (value.contains("trust") && value["trust"].is_boolean()) vf.trust = value["trust"];
    if (value.contains("spoofchk") && value["spoofchk"].is_boolean())
        vf.spoofcheck = value["spoofchk"];
    return vf;
}

}  // namespace

std::string VfSetting::print() const {
    std::string text = std::to_string(number);
    if (mac) text += " mac=" + *mac;
    if (vlan) text += fmt::format(" vlan={}", *vlan);
    if (trust) text += *trust ? " trust=on" : " trust=off";
    if (spoofcheck) text += *spoofcheck ? " spoofchk=on" : " spoofchk=off";
    return text;
}

VfSetting VfSetting::parse(std::string_view line) {
    const auto words = split(trim(line), ' ');
    VfSetting vf;
    const auto number = parse_integer(words.front());
    if (!number || *number < 0 || *number > 255)
        fail(Exit::usage, "'{}' is no number of a virtual function", printable(words.front()));
    vf.number = static_cast<int>(*number);
    for (size_t i = 1; i < words.size(); ++i) {
        const size_t sign = words[i].find('=');
        const std::string name = words[i].substr(0, sign);
        const std::string value = sign == std::string::npos ? "" : words[i].substr(sign + 1);
        const auto whole = parse_integer(value);
        if (name == "mac")
            vf.mac = checked_mac(value);
        else if (name == "vlan" && whole && *whole >= 0 && *whole <= 4094)
            vf.vlan = static_cast<int>(*whole);
        else if (name == "trust")
            vf.trust = on_or_off(name, value);
        else if (name == "spoofchk")
            vf.spoofcheck = on_or_off(name, value);
        else
            fail(Exit::usage, "'{}' is no setting of a virtual function{}", printable(words[i]),
                 name == "vlan" ? ": a VLAN is a number from 0 (none) to 4094" : "");
    }
    return vf;
}

void VfSetting::take(const VfSetting& other) {
    if (other.mac) mac = other.mac;
    if (other.vlan) vlan = other.vlan;
    if (other.trust) trust = other.trust;
    if (other.spoofcheck) spoofcheck = other.spoofcheck;
}

std::string interface_of(const Host& host, const std::string& address) {
    const auto names = host.list(folder_of(host, address) + "/net");
    return names.empty() ? "" : names.front();
}

std::vector<VfSetting> read_vfs(const Host& host, const std::string& interface) {
    std::vector<VfSetting> all;
    if (interface.empty() || !host.program("ip")) return all;
    const Outcome outcome = ip(host, {"-j", "link", "show", "dev", interface});
    const json links = json::parse(outcome.output, nullptr, false);
    if (!links.is_array() || links.empty() || !links[0].contains("vfinfo_list")) return all;
    try {
        for (const json& value : links[0]["vfinfo_list"])
            all.push_back(from_json(value));
    } catch (const json::exception&) {
        fail(Exit::failed, "ip tells of the virtual functions of {} in words that are not known",
             printable(interface));
    }
    return all;
}

std::vector<std::string> vf_addresses(const Host& host, const PciFunction& physical, int count) {
    const std::string folder = folder_of(host, physical.address);
    const auto number = [&](const char* name) {
        const auto value = parse_integer(host.read_line(folder + name));
        if (!value) fail(Exit::failed, "{} says nothing: {}{}", physical.address, folder, name);
        return *value;
    };
    const int64_t offset = number("/sriov_offset"), stride = number("/sriov_stride");
    const auto part = [&](size_t from, size_t size) {
        return std::strtol(physical.address.substr(from, size).c_str(), nullptr, 16);
    };
    const int64_t own = part(5, 2) << 8 | part(8, 2) << 3 | part(11, 1);
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) {
        const int64_t id = own + offset + stride * i;
        all.push_back(fmt::format("{}:{:02x}:{:02x}.{:x}", physical.address.substr(0, 4), id >> 8,
                                  id >> 3 & 31, id & 7));
    }
    return all;
}

std::span<const ActionKind> sriov_actions() {
    return kinds;
}

}  // namespace lodge
