#include "passthrough/console.h"

#include <fcntl.h>
#include <linux/input.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/binding.h"
#include "passthrough/handed.h"

namespace lodge {
namespace {

using nlohmann::json;

constexpr const char* kConsoles = "/sys/class/vtconsole";
constexpr const char* kPlatform = "/sys/bus/platform/drivers";
// Drivers of the firmware's framebuffer (drivers/video/fbdev/efifb.c, vesafb.c, simplefb.c;
// drivers/gpu/drm/tiny/simpledrm.c has simplefb's name).
constexpr const char* kFramebuffers[] = {"efi-framebuffer", "vesa-framebuffer",
                                         "simple-framebuffer"};
constexpr int64_t kLimit = 30;

// What the console was drawn by, from before it lets go until it has it again.
struct ConsoleNote {
    int guest = 0;
    std::vector<std::string> consoles;                                   // "vtcon1"
    std::vector<std::pair<std::string, std::string>> framebuffers = {};  // driver, device
};

std::string note_path(const Host& host) {
    return handed_folder(host) + "/console";
}

std::optional<ConsoleNote> load_note(const Host& host) {
    const json value = json::parse(host.read(note_path(host)).value_or(""), nullptr, false);
    if (!value.is_object()) return std::nullopt;
    ConsoleNote note;
    note.guest = value.value("guest", 0);
    note.consoles = value.value("consoles", std::vector<std::string>());
    note.framebuffers =
        value.value("framebuffers", std::vector<std::pair<std::string, std::string>>());
    return note;
}

// "(M) frame buffer device" draws on a card, "(S) dummy device" on none.
std::vector<std::string> drawn_consoles(const Host& host) {
    std::vector<std::string> names;
    for (const std::string& name : host.list(host.system(kConsoles))) {
        const std::string folder = host.system(std::string(kConsoles) + "/" + name);
        if (host.read_line(folder + "/name").find("dummy") == std::string::npos &&
            host.read_line(folder + "/bind") == "1")
            names.push_back(name);
    }
    return names;
}

std::vector<std::pair<std::string, std::string>> firmware_framebuffers(const Host& host) {
    std::vector<std::pair<std::string, std::string>> found;
    for (const std::string driver : kFramebuffers)
        for (const std::string& device :
             host.list(host.system(std::string(kPlatform) + "/" + driver)))
            if (device.starts_with(driver + ".")) found.emplace_back(driver, device);
    return found;
}

void run_release(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int guest = static_cast<int>(on.integer("guest"));
    if (const auto before = load_note(host); before && before->guest != guest)
        fail(Exit::refused, "the console's picture is with guest {} already", before->guest);
    if (!load_note(host)) {
        const ConsoleNote note{guest, drawn_consoles(host), firmware_framebuffers(host)};
        const json value = {
            {"guest", guest}, {"consoles", note.consoles}, {"framebuffers", note.framebuffers}};
        host.make_folder(handed_folder(host));
        host.write_volatile(note_path(host), value.dump(2) + "\n");
    }
    const auto note = load_note(host);
    for (const std::string& name : note->consoles)
        write_kernel_within(host, host.system(fmt::format("{}/{}/bind", kConsoles, name)), "0\n",
                            "the console does not let go of its picture", kLimit);
    for (const auto& [driver, device] : note->framebuffers) {
        const std::string folder = host.system(fmt::format("{}/{}", kPlatform, driver));
        if (host.exists(folder + "/" + device))
            write_kernel_within(host, folder + "/unbind", device,
                                "the firmware's framebuffer does not let go", kLimit);
    }
}

// What cannot be had again is said and stops nothing: the rest of the way back matters more.
void write_or_say(Work& work, const std::string& path, std::string_view text,
                  const std::string& what) {
    try {
        write_kernel_within(work.engine().host, path, text, what, kLimit);
    } catch (const Error& trouble) {
        work.say(fmt::format("warning: {}", trouble.what()));
    }
}

void run_return(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const auto note = load_note(host);
    if (!note || note->guest != on.integer("guest")) return;
    // Where the card's own driver draws again, the firmware's picture is not there any more.
    const bool drawn = !host.list(host.system("/sys/class/graphics")).empty() &&
                       host.exists(host.system("/sys/class/graphics/fb0"));
    for (const auto& [driver, device] : note->framebuffers) {
        const std::string folder = host.system(fmt::format("{}/{}", kPlatform, driver));
        if (!drawn && host.exists(folder) && !host.exists(folder + "/" + device))
            write_or_say(work, folder + "/bind", device,
                         "the firmware's framebuffer does not come back");
    }
    // Bound again, the console draws what stands on it, also the screen of a Lodge there.
    for (const std::string& name : note->consoles) {
        const std::string path = host.system(fmt::format("{}/{}/bind", kConsoles, name));
        if (host.exists(path)) write_or_say(work, path, "1\n", "the console does not come back");
    }
    host.remove(note_path(host));
}

std::string release_shell(const Values&) {
    return fmt::format(
        "for console in {}/*; do grep -q dummy $console/name || echo 0 > "
        "$console/bind; done\n"
        "for device in {}/{{efi,vesa,simple}}-framebuffer/*-framebuffer.*; do\n"
        "    [ -e $device ] && basename $device > $(dirname $device)/unbind\ndone",
        kConsoles, kPlatform);
}

std::string return_shell(const Values&) {
    return fmt::format(
        "for console in {}/*; do grep -q dummy $console/name || echo 1 > "
        "$console/bind; done",
        kConsoles);
}

constexpr ActionKind kinds[] = {
    {"device-console-release", run_release, release_shell},
    {"device-console-return", run_return, return_shell},
};

bool goes_away(const Inventory& inventory, const std::vector<const PciFunction*>& going,
               const std::string& link) {
    (void)inventory;
    for (const PciFunction* one : going)
        for (const Use& use : one->uses)
            if (use.kind == UseKind::network &&
                (use.name == link ||
                 std::find(use.what.begin(), use.what.end(), "part of " + link) != use.what.end()))
                return true;
    return false;
}

}  // namespace

bool drives_console(const PciFunction& function) {
    if (function.base_class() != 0x03) return false;
    return function.boot_vga ||
           std::any_of(function.uses.begin(), function.uses.end(), [](const Use& use) {
               return use.kind == UseKind::display && !use.needed.empty();
           });
}

std::string OtherWays::words() const {
    std::vector<std::string> all;
    for (const std::string& address : addresses)
        all.push_back("ssh " + (port == 22 ? "" : fmt::format("-p {} ", port)) + address);
    for (const std::string& line : serial)
        all.push_back("the serial line " + line);
    return join(all, ", or ");
}

OtherWays other_ways(const Host& host, const Inventory& inventory,
                     const std::vector<const PciFunction*>& going) {
    OtherWays ways;
    const auto listens = ssh_listens(host);
    const bool everywhere = std::any_of(listens.begin(), listens.end(), [](const TcpEnd& end) {
        return end.address == "0.0.0.0" || end.address == "::";
    });
    if (!listens.empty()) ways.port = listens.front().port;
    for (const auto& [link, addresses] : inventory.around.addresses) {
        if (goes_away(inventory, going, link)) continue;
        for (const std::string& with_prefix : addresses) {
            const std::string address = with_prefix.substr(0, with_prefix.find('/'));
            if (address.starts_with("fe80:")) continue;  // of one link only
            const bool served =
                everywhere || std::any_of(listens.begin(), listens.end(), [&](const TcpEnd& end) {
                    return end.address == address;
                });
            if (served && !listens.empty()) ways.addresses.push_back(address);
        }
    }
    // IPv4 first: it is what people type.
    std::stable_sort(ways.addresses.begin(), ways.addresses.end(),
                     [](const std::string& a, const std::string& b) {
                         return (a.find(':') != std::string::npos) <
                                (b.find(':') != std::string::npos);
                     });
    for (const std::string& line : serial_logins(host)) {
        const std::string path = real_path(host, "/sys/class/tty/" + line);
        const bool leaves = std::any_of(going.begin(), going.end(), [&](const PciFunction* one) {
            return path.starts_with(one->folder + "/");
        });
        if (!leaves) ways.serial.push_back(line);
    }
    return ways;
}

void plan_console_release(Engine& engine, const Inventory& inventory, int guest,
                          const std::vector<const PciFunction*>& going, Plan& plan) {
    const auto card = std::find_if(going.begin(), going.end(),
                                   [](const PciFunction* one) { return drives_console(*one); });
    if (card == going.end()) return;
    const OtherWays ways = other_ways(engine.host, inventory, going);
    if (!ways.any())
        fail(
            Exit::refused,
            "cannot hand {} over: this machine's screen goes dark with it, and no other way in can "
            "be proven: an SSH server that listens, with an address on a card that stays, or a "
            "login on a serial line (apt install openssh-server; systemctl enable --now "
            "serial-getty@ttyS0)",
            short_address((*card)->address));
    plan.warn(
        fmt::format("this machine's screen goes dark. It is reached by {}; lodge device ways "
                    "shows that with a QR code. The screen comes back when the guest ends, and "
                    "when the power button is pressed",
                    ways.words()));
    plan.step("the console lets go of its picture", {"device-console-release", {{"guest", guest}}},
              Action{"device-console-return", {{"guest", guest}}});
}

void plan_console_return(const Host& host, int guest, Plan& plan) {
    if (console_holder(host) != guest) return;
    plan.step("the console has its picture again", {"device-console-return", {{"guest", guest}}});
}

int console_holder(const Host& host) {
    const auto note = load_note(host);
    return note ? note->guest : 0;
}

std::span<const ActionKind> console_actions() {
    return kinds;
}

PowerButton::PowerButton(const Host& host) {
    const std::string folder = host.system("/sys/class/input");
    for (const std::string& name : host.list(folder)) {
        if (!name.starts_with("event")) continue;
        if (host.read_line(folder + "/" + name + "/device/name").find("Power Button") ==
            std::string::npos)
            continue;
        Fd fd(::open(host.system("/dev/input/" + name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        if (fd) fds_.push_back(std::move(fd));
    }
}

bool PowerButton::pressed() {
    bool pressed = false;
    for (const Fd& fd : fds_) {
        input_event event{};
        while (::read(fd.get(), &event, sizeof event) == static_cast<ssize_t>(sizeof event))
            pressed =
                pressed || (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1);
    }
    return pressed;
}

}  // namespace lodge
