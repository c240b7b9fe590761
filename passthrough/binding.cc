#include "passthrough/binding.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/units.h"
#include "engine/vm/vm.h"
#include "passthrough/handed.h"

// Taking a function from its driver and giving it back: driver_override and drivers_probe only
// (Documentation/ABI/testing/sysfs-bus-pci), so that no other device of the same kind is touched.

namespace lodge {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kVfio = "vfio-pci";
const std::string kProbe = "/sys/bus/pci/drivers_probe";

int64_t limit_of(const Values& on) {
    return on.integer("limit", 30);
}

std::string folder_of(const Host& host, const std::string& address) {
    return host.system("/sys/bus/pci/devices/" + address);
}

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::string driver_of(const Host& host, const std::string& address) {
    return last_part(real_path(host, "/sys/bus/pci/devices/" + address + "/driver"));
}

std::string ids_of(const Host& host, const std::string& folder) {
    const auto part = [&](const char* name) {
        return std::strtoul(host.read_line(folder + name).c_str(), nullptr, 16);
    };
    return fmt::format("{:04x}:{:04x}", part("/vendor"), part("/device"));
}

// "(null)" is the kernel's word for nothing.
std::string preferred_of(const Host& host, const std::string& address) {
    const std::string text = host.read_line(folder_of(host, address) + "/driver_override");
    return text == "(null)" ? "" : text;
}

// One after the other, whichever guest they are for.
FileLock lock_devices(const Host& host) {
    host.make_folder(handed_folder(host));
    return FileLock(handed_folder(host) + "/lock", "another Lodge is handing devices over",
                    std::chrono::seconds(60));
}

std::string owner_words(Work& work, int guest) {
    try {
        return guest_words(load_guest(work.engine(), guest));
    } catch (const Error&) {
        return std::to_string(guest);
    }
}

// Interfaces of the function as they are now.
std::vector<HandedNet> nets_of(const Host& host, const std::string& folder) {
    std::vector<HandedNet> nets;
    const Surroundings around = look_around(host);
    const std::string routes = host.read(host.system("/proc/net/route")).value_or("");
    for (const std::string& name : host.list(folder + "/net")) {
        HandedNet net;
        net.name = name;
        const std::string sys = "/sys/class/net/" + name;
        net.up = (std::strtoul(host.read_line(host.system(sys + "/flags")).c_str(), nullptr, 16) &
                  1) != 0;
        net.mtu = parse_integer(host.read_line(host.system(sys + "/mtu"))).value_or(0);
        net.master = last_part(real_path(host, sys + "/master"));
        if (const auto found = around.addresses.find(name); found != around.addresses.end())
            for (const std::string& address : found->second)
                if (!address.starts_with("fe80:")) net.addresses.push_back(address);
        for (const std::string& line : split(routes, '\n')) {
            const auto words = split(line, '\t');
            if (words.size() < 8 || words[0] != name || words[1] != "00000000") continue;
            const auto raw = static_cast<uint32_t>(std::strtoul(words[2].c_str(), nullptr, 16));
            if (raw == 0) continue;
            std::string gateway =
                fmt::format("{}.{}.{}.{}", raw & 255, raw >> 8 & 255, raw >> 16 & 255, raw >> 24);
            // Which of several ways out comes first is for the metric to say.
            if (words[6] != "0") gateway += " metric " + words[6];
            net.gateways.push_back(std::move(gateway));
        }
        nets.push_back(std::move(net));
    }
    return nets;
}

void check_identity(const Host& host, const std::string& folder, const Values& on) {
    const std::string& address = on.text("address");
    if (!host.exists(folder))
        fail(Exit::not_found, "cannot hand {} over: it is not there any more", address);
    const std::string ids = ids_of(host, folder);
    if (ids != on.text("ids"))
        fail(Exit::refused, "cannot hand {} over: it was {} and is {} now", address, on.text("ids"),
             ids);
    const std::string group =
        last_part(real_path(host, "/sys/bus/pci/devices/" + address + "/iommu_group"));
    if (group != on.text("group"))
        fail(Exit::refused, "cannot hand {} over: it was in IOMMU group {} and is in {} now",
             address, on.text("group"), group.empty() ? "none" : group);
}

void set_override(const Host& host, const std::string& address, std::string_view driver,
                  int64_t limit) {
    write_kernel_within(host, folder_of(host, address) + "/driver_override",
                        std::string(driver) + "\n", "cannot choose the driver of " + address,
                        limit);
}

void unbind(const Host& host, const std::string& address, int64_t limit) {
    const std::string driver = driver_of(host, address);
    if (driver.empty()) return;
    write_kernel_within(host, folder_of(host, address) + "/driver/unbind", address,
                        fmt::format("cannot take {} from its driver {}", address, driver), limit);
}

void probe(const Host& host, const std::string& address, int64_t limit) {
    write_kernel_within(host, host.system(kProbe), address,
                        "cannot have the kernel choose a driver for " + address, limit);
}

void run_bind(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& address = on.text("address");
    const int guest = static_cast<int>(on.integer("guest"));
    const int64_t limit = limit_of(on);
    const FileLock lock = lock_devices(host);
    const std::string folder = folder_of(host, address);
    check_identity(host, folder, on);
    const auto before = handed_device(host, address);
    if (before && before->guest != guest)
        fail(Exit::refused, "cannot hand {} over: {} has it", address,
             owner_words(work, before->guest));
    const std::string driver = driver_of(host, address);
    if (before && driver == kVfio) return;
    if (!before)
        remember(host, {address, guest, driver, preferred_of(host, address), on.text("ids"),
                        on.text("slot", ""), static_cast<int>(on.integer("group")),
                        nets_of(host, folder)});
    if (driver == kVfio) return;
    set_override(host, address, kVfio, limit);
    unbind(host, address, limit);
    probe(host, address, limit);
    if (const std::string now = driver_of(host, address); now != kVfio)
        fail(Exit::failed, "cannot hand {} over: the kernel gave it {} instead of to vfio-pci{}",
             address, now.empty() ? "to no driver" : "to " + now,
             host.exists(host.system("/sys/bus/pci/drivers/vfio-pci"))
                 ? ""
                 : ", which is not loaded: modprobe vfio-pci");
    work.say(fmt::format("{} left {}", address, driver.empty() ? "no driver" : driver));
}

// The driver it had takes it again by itself, or by its own bind file.
void return_to_driver(const Host& host, const Handed& handed, int64_t limit) {
    const std::string& address = handed.address;
    if (driver_of(host, address) != handed.driver) probe(host, address, limit);
    if (driver_of(host, address) == handed.driver) return;
    const std::string bind = host.system("/sys/bus/pci/drivers/" + handed.driver + "/bind");
    if (driver_of(host, address).empty() && host.exists(bind))
        write_kernel_within(host, bind, address,
                            fmt::format("{} does not come back to {}", address, handed.driver),
                            limit);
    if (driver_of(host, address) == handed.driver) return;
    fail(Exit::failed,
         "{} does not come back to its driver {}{}; try lodge device take-back {} again, else a "
         "reboot brings it back",
         address, handed.driver,
         host.exists(host.system("/sys/bus/pci/drivers/" + handed.driver))
             ? ""
             : ", which is not loaded",
         short_address(address));
}

// A node that stays, because other members of the group are with vfio-pci, is no guest's any more.
void close_group(const Host& host, const Handed& handed) {
    for (const Handed& other : handed_devices(host))
        if (other.group == handed.group) return;
    const std::string node = host.system("/dev/vfio/" + std::to_string(handed.group));
    if (host.is_root() && ::chown(node.c_str(), 0, 0) != 0 && errno != ENOENT)
        fail_errno(errno, "cannot take back " + node);
}

void return_one(Work& work, const std::string& address, int guest, int64_t limit) {
    const Host& host = work.engine().host;
    const auto handed = handed_device(host, address);
    if (!handed || handed->guest != guest) return;
    if (vm_process(host, guest))
        fail(Exit::refused, "cannot take {} back: {} runs with it", address,
             owner_words(work, guest));
    const std::string folder = folder_of(host, address);
    const std::string ids = host.exists(folder) ? ids_of(host, folder) : "";
    if (ids.empty() || (!handed->ids.empty() && ids != handed->ids)) {
        work.say(ids.empty() ? fmt::format("{} is not there any more: it was unplugged", address)
                             : fmt::format("{} was {} and is {} now: it is left alone", address,
                                           handed->ids, ids));
        return forget(host, address);
    }
    if (handed->driver != kVfio) {
        set_override(host, address, handed->preferred, limit);
        if (driver_of(host, address) == kVfio) unbind(host, address, limit);
        if (!handed->driver.empty()) return_to_driver(host, *handed, limit);
    }
    for (const HandedNet& net : handed->nets)
        restore_net(work, net);
    forget(host, address);
    close_group(host, *handed);
    work.say(fmt::format("{} is back with {}", address,
                         handed->driver.empty() ? "no driver" : handed->driver));
}

// One that does not come back keeps no other from doing so.
void run_return(Work& work, const Values& on) {
    const FileLock lock = lock_devices(work.engine().host);
    std::vector<std::string> troubles;
    Exit exit = Exit::failed;
    for (const std::string& address : on.list("address")) {
        try {
            return_one(work, address, static_cast<int>(on.integer("guest")), limit_of(on));
        } catch (const Error& error) {
            troubles.emplace_back(error.what());
            // Nobody is to try for ever with a driver that hangs.
            exit = error.exit() == Exit::busy ? Exit::failed : error.exit();
        }
    }
    if (!troubles.empty()) throw Error(exit, join(troubles, "; "));
}

std::string node_of(const Host& host, const Values& on) {
    return host.system("/dev/vfio/" + on.text("group"));
}

// The kernel makes the node when the first member of the group comes to vfio-pci.
void run_open(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string node = node_of(host, on);
    const auto end = steady_clock::now() + std::chrono::seconds(5);
    while (!host.exists(node) && steady_clock::now() < end)
        std::this_thread::sleep_for(milliseconds(20));
    if (!host.exists(node))
        fail(Exit::missing, "the kernel made no {}: is this kernel without VFIO?", node);
    if (on.has("user")) give_to(guest_user(host), node);
}

void run_close(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string node = node_of(host, on);
    if (host.is_root() && ::chown(node.c_str(), 0, 0) != 0 && errno != ENOENT)
        fail_errno(errno, "cannot take back " + node);
}

std::string bind_shell(const Values& on) {
    const std::string folder = "/sys/bus/pci/devices/" + on.text("address");
    std::string text = fmt::format("echo vfio-pci > {}/driver_override\n", folder);
    if (!on.text("driver", "").empty())
        text += fmt::format("echo {} > {}/driver/unbind\n", on.text("address"), folder);
    return text + fmt::format("echo {} > {}", on.text("address"), kProbe);
}

std::string return_shell(const Values& on) {
    std::vector<std::string> lines;
    for (const std::string& address : on.list("address"))
        lines.push_back(
            fmt::format("echo > {0}/driver_override\necho {1} > {0}/driver/unbind\n"
                        "echo {1} > {2}",
                        "/sys/bus/pci/devices/" + address, address, kProbe));
    return join(lines, "\n");
}

std::string open_shell(const Values& on) {
    const std::string user = on.text("user", "");
    if (user.empty()) return "# /dev/vfio/" + on.text("group") + " is there";
    return fmt::format("chown {0}:{0} /dev/vfio/{1}", user, on.text("group"));
}

std::string close_shell(const Values& on) {
    return fmt::format("chown root:root /dev/vfio/{}", on.text("group"));
}

std::string look_shell(const Values&) {
    return "# keep what this machine has of sensors, clocks and thermal zones";
}

std::string compare_shell(const Values&) {
    return "# look whether sensors, clocks and thermal zones are still there, else take all back";
}

constexpr ActionKind kinds[] = {
    {"device-bind", run_bind, bind_shell},
    {"device-return", run_return, return_shell},
    {"device-open", run_open, open_shell},
    {"device-close", run_close, close_shell},
    {"device-look", run_device_look, look_shell},
    {"device-compare", run_device_compare, compare_shell},
};

}  // namespace

std::span<const ActionKind> binding_actions() {
    return kinds;
}

}  // namespace lodge
