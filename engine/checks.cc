#include "engine/checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <functional>

#include "engine/config_parser.h"
#include "engine/units.h"

namespace lodge::checks {
namespace {

using Test = std::function<bool(std::string_view)>;

bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool hex(char c) {
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool word(char c) {
    return letter(c) || digit(c) || c == '_';
}

bool all(std::string_view text, bool (*test)(char)) {
    return !text.empty() && std::all_of(text.begin(), text.end(), test);
}

bool hex_of(std::string_view text, size_t least, size_t most) {
    return text.size() >= least && text.size() <= most && all(text, hex);
}

// Non-empty pieces between separators, all of which pass.
bool each(std::string_view text, char separator, const Test& test) {
    for (;;) {
        const size_t at = text.find(separator);
        if (!test(text.substr(0, at))) return false;
        if (at == std::string_view::npos) return true;
        text.remove_prefix(at + 1);
    }
}

bool number_in(std::string_view text, int64_t least, int64_t most) {
    if (!all(text, digit)) return false;
    const auto value = parse_integer(text);
    return value && *value >= least && *value <= most;
}

bool range_in(std::string_view text, int64_t least, int64_t most) {
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return number_in(text, least, most);
    const auto from = text.substr(0, dash);
    const auto to = text.substr(dash + 1);
    return number_in(from, least, most) && number_in(to, least, most) &&
           *parse_integer(from) <= *parse_integer(to);
}

bool is_address(int family, std::string_view text) {
    std::array<unsigned char, sizeof(in6_addr)> bytes = {};
    if (text.find('\0') != std::string_view::npos) return false;
    return inet_pton(family, std::string(text).c_str(), bytes.data()) == 1;
}

bool is_network(int family, std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return false;
    return is_address(family, text.substr(0, slash)) &&
           number_in(text.substr(slash + 1), 0, family == AF_INET ? 32 : 128);
}

bool is_device(std::string_view text, std::initializer_list<std::string_view> stems) {
    return std::any_of(stems.begin(), stems.end(), [&](std::string_view stem) {
        return text.starts_with(stem) && number_in(text.substr(stem.size()), 0, 255);
    });
}

std::string answer(bool right, std::string_view allowed) {
    return right ? std::string() : std::string(allowed);
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !hex(text[i])) return false;
    }
    return true;
}

// "9.0", "7.2.1"
bool is_version(std::string_view text) {
    return text.find('.') != std::string_view::npos &&
           each(text, '.', [](std::string_view one) { return all(one, digit); });
}

}  // namespace

std::string dns_name(std::string_view value) {
    const auto label = [](std::string_view one) {
        return one.size() <= 63 &&
               all(one, [](char c) { return letter(c) || digit(c) || c == '-'; }) &&
               one.front() != '-' && one.back() != '-';
    };
    return answer(value.size() <= 255 && each(value, '.', label),
                  "a name of letters, digits and '-', with dots between the parts");
}

std::string storage_id(std::string_view value) {
    const bool right = value.size() >= 2 && letter(value.front()) &&
                       all(value, [](char c) { return word(c) || c == '-' || c == '.'; }) &&
                       (letter(value.back()) || digit(value.back()));
    return answer(right, "the name of a storage: letters, digits, '-', '_' and '.'");
}

std::string identifier(std::string_view value) {
    const bool right = !value.empty() && (letter(value.front()) || digit(value.front())) &&
                       all(value, [](char c) { return word(c) || c == '-' || c == '.'; });
    return answer(right, "a name of letters, digits, '-', '_' and '.'");
}

std::string interface_name(std::string_view value) {
    // IFNAMSIZ is 16 with the final NUL (linux/if.h).
    const bool right = value.size() <= 15 && value != "." && value != ".." &&
                       all(value, [](char c) { return word(c) || c == '-' || c == '.'; });
    return answer(right, "the name of a network interface, 15 letters or fewer");
}

std::string snapshot_name(std::string_view value) {
    return answer(is_snapshot_name(value),
                  "the name of a snapshot: a letter, then letters, digits, '-' or '_'");
}

std::string tags(std::string_view value) {
    const auto tag = [](std::string_view one) {
        return one.empty() || (word(one.front()) && std::all_of(one.begin(), one.end(), [](char c) {
                                   return word(c) || c == '-' || c == '+' || c == '.';
                               }));
    };
    std::string list(value);
    std::replace_if(
        list.begin(), list.end(), [](char c) { return c == ',' || c == ' '; }, ';');
    return answer(each(list, ';', tag),
                  "tags of letters, digits, '_', '-', '+' and '.', with ';' between them");
}

std::string absolute_path(std::string_view value) {
    return answer(value.starts_with('/'), "a path that begins with '/'");
}

std::string octal_mode(std::string_view value) {
    const bool right = (value.size() == 4 && value.front() == '0') || value.size() == 3;
    return answer(right && all(value, [](char c) { return c >= '0' && c <= '7'; }),
                  "an octal mode such as 0660");
}

std::string hex_id(std::string_view value) {
    return answer(value.starts_with("0x") && hex_of(value.substr(2), 4, 4),
                  "a number such as 0x8086");
}

std::string wwn(std::string_view value) {
    return answer(value.starts_with("0x") && hex_of(value.substr(2), 16, 16),
                  "0x and 16 hex digits");
}

std::string cpu_list(std::string_view value) {
    return answer(each(value, ',', [](auto one) { return range_in(one, 0, 8191); }),
                  "CPU numbers such as 0,5,8-11");
}

std::string range_list(std::string_view value) {
    return answer(each(value, ';', [](auto one) { return range_in(one, 0, 8191); }),
                  "numbers such as 0-3;8");
}

std::string vlan_list(std::string_view value) {
    return answer(each(value, ';', [](auto one) { return range_in(one, 1, 4094); }),
                  "VLAN numbers from 1 to 4094 such as 10;20-30");
}

std::string ipv4(std::string_view value) {
    return answer(is_address(AF_INET, value), "an IPv4 address such as 192.0.2.1");
}

std::string ipv6(std::string_view value) {
    return answer(is_address(AF_INET6, value), "an IPv6 address such as 2001:db8::1");
}

std::string ip_list(std::string_view value) {
    std::string list(value);
    std::replace_if(
        list.begin(), list.end(), [](char c) { return c == ',' || c == ';'; }, ' ');
    const auto address = [](std::string_view one) {
        return one.empty() || is_address(AF_INET, one) || is_address(AF_INET6, one);
    };
    return answer(value == "host" || each(list, ' ', address), "IP addresses with spaces between");
}

std::string cloud_ip(std::string_view value) {
    return answer(value == "dhcp" || is_network(AF_INET, value), "192.0.2.10/24 or dhcp");
}

std::string cloud_ip6(std::string_view value) {
    return answer(value == "dhcp" || value == "auto" || is_network(AF_INET6, value),
                  "2001:db8::10/64, auto or dhcp");
}

std::string container_ip(std::string_view value) {
    return answer(value == "manual" || cloud_ip(value).empty(), "192.0.2.10/24, dhcp or manual");
}

std::string container_ip6(std::string_view value) {
    return answer(value == "manual" || cloud_ip6(value).empty(),
                  "2001:db8::10/64, auto, dhcp or manual");
}

std::string net_name(std::string_view value) {
    return answer(value.starts_with("net") && number_in(value.substr(3), 0, 31),
                  "one of net0 to net31");
}

std::string machine_type(std::string_view value) {
    constexpr std::string_view allowed = "pc, q35 or a version such as pc-q35-7.2";
    if (value == "pc" || value == "q35" || value == "virt") return {};
    std::string_view rest;
    for (const std::string_view stem : {"pc-i440fx-", "pc-q35-", "virt-", "pc-"})
        if (rest.empty() && value.starts_with(stem)) rest = value.substr(stem.size());
    if (rest.ends_with(".pxe")) rest.remove_suffix(4);
    const size_t plus = rest.find("+pve");
    if (plus != std::string_view::npos && !all(rest.substr(plus + 4), digit))
        return std::string(allowed);
    return answer(is_version(rest.substr(0, plus)), allowed);
}

std::string boot_legacy(std::string_view value) {
    const auto right = value.size() <= 4 && all(value, [](char c) {
                           return c == 'a' || c == 'c' || c == 'd' || c == 'n';
                       });
    return answer(right, "up to four of the letters a (floppy), c (disk), d (CD), n (network)");
}

std::string boot_order(std::string_view value) {
    const auto device = [](std::string_view one) {
        return is_device(one, {"ide", "sata", "scsi", "virtio", "net", "usb", "hostpci"});
    };
    return answer(value.empty() || each(value, ';', device), "devices such as scsi0;ide2;net0");
}

std::string boot_disk(std::string_view value) {
    return answer(is_device(value, {"ide", "sata", "scsi", "virtio"}), "a disk such as scsi0");
}

std::string cpu_flags(std::string_view value) {
    const auto flag = [](std::string_view one) {
        return one.size() > 1 && (one.front() == '+' || one.front() == '-') &&
               all(one.substr(1), [](char c) { return word(c) || c == '-' || c == '.'; });
    };
    return answer(each(value, ';', flag), "flags such as +aes;-pcid");
}

std::string phys_bits(std::string_view value) {
    return answer(value == "host" || number_in(value, 8, 64), "a number from 8 to 64, or host");
}

std::string hyperv_vendor(std::string_view value) {
    const auto right =
        value.size() <= 12 && all(value, [](char c) { return letter(c) || digit(c); });
    return answer(right, "up to 12 letters and digits");
}

std::string pci_addresses(std::string_view value) {
    // [domain:]bus:device[.function], all of them hex.
    const auto address = [](std::string_view one) {
        const auto fields = split(one, ':');
        if (fields.size() != 2 && fields.size() != 3) return false;
        if (fields.size() == 3 && !hex_of(fields[0], 4, 8)) return false;
        const auto device = split(fields.back(), '.');
        if (device.size() == 2 && !hex_of(device[1], 1, 1)) return false;
        return device.size() <= 2 && hex_of(fields[fields.size() - 2], 2, 2) &&
               hex_of(device[0], 2, 2);
    };
    return answer(each(value, ';', address), "PCI addresses such as 0000:01:00.0;0000:01:00.1");
}

std::string usb_device(std::string_view value) {
    const auto ids = split(value, ':');
    const auto vendor_product = [](std::string_view one) {
        return hex_of(one.starts_with("0x") ? one.substr(2) : one, 4, 4);
    };
    bool right = value == "spice";
    right = right || (ids.size() == 2 && vendor_product(ids[0]) && vendor_product(ids[1]));
    const size_t dash = value.find('-');
    right = right || (dash != std::string_view::npos && all(value.substr(0, dash), digit) &&
                      each(value.substr(dash + 1), '.', [](auto one) { return all(one, digit); }));
    return answer(right, "a device by vendor and product (1234:abcd) or by port (1-2.3), or spice");
}

std::string serial_port(std::string_view value) {
    return answer(value == "socket" || (value.starts_with("/dev/") && value.size() > 5),
                  "socket, or a device of this machine such as /dev/ttyS0");
}

std::string parallel_port(std::string_view value) {
    return answer(is_device(value, {"/dev/parport", "/dev/usb/lp"}),
                  "a device of this machine such as /dev/parport0");
}

std::string start_date(std::string_view value) {
    const auto like = [&](std::string_view form) {
        return value.size() == form.size() &&
               std::equal(value.begin(), value.end(), form.begin(),
                          [](char c, char want) { return want == '0' ? digit(c) : c == want; });
    };
    return answer(value == "now" || like("0000-00-00") || like("0000-00-00T00:00:00"),
                  "now, 2026-11-20 or 2026-11-20T18:30:00");
}

std::string generation_id(std::string_view value) {
    return answer(value == "0" || value == "1" || is_uuid(value),
                  "a UUID, 1 (a new one is made) or 0 (none)");
}

std::string hotplug(std::string_view value) {
    constexpr std::array<std::string_view, 6> kinds = {"network", "disk", "cpu",
                                                       "memory",  "usb",  "cloudinit"};
    std::string list(value);
    std::replace_if(
        list.begin(), list.end(), [](char c) { return c == ' ' || c == ';'; }, ',');
    const auto kind = [&](std::string_view one) {
        return std::find(kinds.begin(), kinds.end(), one) != kinds.end();
    };
    return answer(parse_boolean(value) || each(list, ',', kind),
                  "0, 1, or some of network,disk,usb,cpu,memory,cloudinit");
}

std::string environment(std::string_view value) {
    const auto pair = [](std::string_view one) {
        const size_t equals = one.find('=');
        return equals != std::string_view::npos && all(one.substr(0, equals), word);
    };
    return answer(each(value, '\0', pair), "NAME=value");
}

std::string mount_kinds(std::string_view value) {
    const auto kind = [](std::string_view one) {
        return all(one, [](char c) { return word(c) || c == '-' || c == '.'; });
    };
    return answer(each(value, ';', kind), "file system types such as nfs;cifs");
}

std::string device_path(std::string_view value) {
    return answer(value.starts_with("/dev/") && value.size() > 5 &&
                      value.find("/../") == std::string_view::npos,
                  "a device of this machine such as /dev/dri/renderD128");
}

}  // namespace lodge::checks
