#include "tui/pane/serial_advice.h"

#include <fmt/format.h>

#include "engine/text.h"

namespace lodge {
namespace {

// What has to be done inside, where the port is called `ttyS0`, `com1` and `ttya`.
std::vector<std::string> inside(const std::string& ostype, int port) {
    const std::string tty = fmt::format("ttyS{}", port);
    const std::string com = fmt::format("COM{}", port + 1);
    if (ostype.starts_with("w"))
        return {
            "Inside Windows, as administrator:",
            fmt::format("  bcdedit /emssettings EMSPORT:{} EMSBAUDRATE:115200", port + 1),
            "  bcdedit /ems {current} on",
            fmt::format("and start it anew: {} then has the special console (SAC), where", com),
            "\"cmd\" opens a prompt.",
        };
    if (ostype == "solaris")
        return {
            "Inside, as root:",
            fmt::format("  eeprom console=tty{}", static_cast<char>('a' + port)),
            "and start it anew.",
        };
    std::vector<std::string> lines = {
        "Inside Linux, as root, a login prompt from now on:",
        fmt::format("  systemctl enable --now serial-getty@{}", tty),
        "and the kernel's words from its next start on:",
        fmt::format("  add console=tty0 console={},115200 to GRUB_CMDLINE_LINUX in", tty),
        "  /etc/default/grub, then: update-grub",
    };
    if (ostype == "l24" || ostype == "l26") return lines;
    lines.insert(lines.end(),
                 {
                     "Without systemd: a line in /etc/inittab, then: init q",
                     fmt::format("  S{}:2345:respawn:/sbin/getty -L {} 115200 vt102", port, tty),
                     "Inside FreeBSD: console=\"comconsole\" in /boot/loader.conf",
                     fmt::format("Inside OpenBSD: set tty com{} in /etc/boot.conf", port),
                 });
    return lines;
}

}  // namespace

std::vector<std::string> port_advice(const Guest& guest, int port) {
    if (guest.kind && guest.kind->name() == "ct") {
        if (port == 0 && guest.config.flag("console")) return {};
        return {fmt::format("{} has no console. Give it one:", guest_words(guest)),
                fmt::format("  lodge set {} console=1", guest.id), "then stop and start it."};
    }
    const std::string key = "serial" + std::to_string(port);
    const auto value = guest.config.current.get(key);
    if (value == "socket") return {};
    std::vector<std::string> lines;
    if (value)
        lines = {fmt::format("{} of {} is a device of this machine:", key, guest_words(guest)),
                 "  " + printable(*value), "To see it here it has to be a socket:"};
    else
        lines = {fmt::format("{} has no serial port {}. Give it one:", guest_words(guest), port)};
    lines.push_back(fmt::format("  lodge set {} {}=socket", guest.id, key));
    lines.push_back("then stop and start it: a reboot from inside is not enough.");
    lines.emplace_back();
    const auto more = login_advice(guest, port);
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

std::vector<std::string> login_advice(const Guest& guest, int port) {
    if (guest.kind && guest.kind->name() == "ct")
        return {
            "A shell in it, whatever its console shows:", fmt::format("  lodge enter {}", guest.id),
            "Inside, a login prompt on the console: systemctl enable --now console-getty"};
    return inside(guest.config.string_of("ostype"), port);
}

}  // namespace lodge
