#include "passthrough/wishes.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/inventory.h"

namespace lodge {
namespace {

std::vector<std::string> addresses_of(std::string_view text, std::string& problem) {
    std::vector<std::string> found;
    for (const std::string& one : split(text, ';')) {
        if (const auto address = full_address(trim(one)))
            found.push_back(*address);
        else
            problem = fmt::format("'{}' is no PCI address", printable(one));
    }
    return found;
}

std::vector<Mapped> mapped_as(const Host& host, std::string_view kind, std::string_view name) {
    auto all = read_mappings(
        host.read(fmt::format("{}/mapping/{}.cfg", host.config_folder(), kind)).value_or(""));
    std::erase_if(all, [&](const Mapped& one) { return one.name != name; });
    return all;
}

}  // namespace

std::vector<Mapped> read_mappings(std::string_view text) {
    std::vector<Mapped> all;
    std::string name;
    for (const std::string& line : split(text, '\n')) {
        const std::string_view words = trim(line);
        if (words.empty() || words[0] == '#') continue;
        if (line[0] != ' ' && line[0] != '\t') {
            name = std::string(words);
            continue;
        }
        if (!words.starts_with("map ")) continue;
        Mapped one{name, {}, {}, {}};
        for (const std::string& part : split(trim(words.substr(4)), ',')) {
            const size_t sign = part.find('=');
            if (sign == std::string::npos) continue;
            const std::string value = part.substr(sign + 1);
            if (part.starts_with("path=")) one.path = value;
            if (part.starts_with("id=")) one.ids = value;
            if (part.starts_with("subsystem-id=")) one.subsystem = value;
        }
        all.push_back(std::move(one));
    }
    return all;
}

std::vector<PciWish> pci_wishes(const Host& host, const Config& config) {
    std::vector<PciWish> wishes;
    for (const std::string& key : config.indexed("hostpci")) {
        const auto value = config.properties(key);
        if (!value) continue;
        PciWish wish;
        wish.key = key;
        wish.mediated = value->text("mdev");
        wish.keep_driver = value->text("driver") == "keep";
        wish.romfile = value->text("romfile");
        wish.mapping = value->text("mapping");
        if (value->has("host")) {
            wish.addresses = addresses_of(value->text("host"), wish.problem);
        } else if (!wish.mapping.empty()) {
            for (const Mapped& one : mapped_as(host, "pci", wish.mapping))
                wish.pool.push_back(addresses_of(one.path, wish.problem));
            if (wish.pool.empty())
                wish.problem = fmt::format("there is no mapping {} in {}/mapping/pci.cfg",
                                           printable(wish.mapping), host.config_folder());
            if (wish.pool.size() == 1) wish.addresses = wish.pool.front();
        } else {
            wish.problem = "it names no device: host= or mapping= is missing";
        }
        wishes.push_back(std::move(wish));
    }
    return wishes;
}

bool UsbWish::Way::fits(const UsbDevice& device) const {
    return (port.empty() || port == device.port) && (ids.empty() || ids == device.ids());
}

std::string UsbWish::Way::words() const {
    if (port.empty()) return ids;
    return ids.empty() ? "what is in port " + port : ids + " in port " + port;
}

bool UsbWish::fits(const UsbDevice& device) const {
    return std::any_of(ways.begin(), ways.end(), [&](const Way& way) { return way.fits(device); });
}

bool UsbWish::by_port() const {
    return std::all_of(ways.begin(), ways.end(), [](const Way& way) { return !way.port.empty(); });
}

std::string UsbWish::words() const {
    if (ways.size() == 1) return ways.front().words();
    return "any of the mapping " + printable(mapping);
}

namespace {

// "0x1A86:0x55D4" as the kernel's files have it; "" when it is no pair of ids.
std::string plain_ids(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    auto ids = split(text, ':');
    if (ids.size() != 2) return "";
    for (std::string& one : ids) {
        if (one.starts_with("0x")) one.erase(0, 2);
        if (one.size() != 4 || one.find_first_not_of("0123456789abcdef") != std::string::npos)
            return "";
    }
    return join(ids, ":");
}

bool is_port(std::string_view text) {
    return !text.empty() && text.find('-') != std::string_view::npos &&
           text.find_first_not_of("0123456789-.") == std::string_view::npos;
}

void take_usb_mapping(const Host& host, UsbWish& wish) {
    for (const Mapped& one : mapped_as(host, "usb", wish.mapping)) {
        const UsbWish::Way way{one.path, plain_ids(one.ids)};
        if (way.port.empty() ? way.ids.empty() : !is_port(way.port))
            wish.problem = fmt::format("the mapping {} names no USB device: '{}'",
                                       printable(wish.mapping), printable(one.path + one.ids));
        else
            wish.ways.push_back(way);
    }
    if (wish.ways.empty() && wish.problem.empty())
        wish.problem = fmt::format("there is no mapping {} in {}/mapping/usb.cfg",
                                   printable(wish.mapping), host.config_folder());
}

}  // namespace

std::vector<UsbWish> usb_wishes(const Host& host, const Config& config) {
    std::vector<UsbWish> wishes;
    for (const std::string& key : config.indexed("usb")) {
        const auto value = config.properties(key);
        if (!value) continue;
        UsbWish wish;
        wish.key = key;
        wish.mapping = value->text("mapping");
        const std::string named = value->text("host");
        if (named == "spice") continue;
        if (const std::string ids = plain_ids(named); !ids.empty())
            wish.ways.push_back({"", ids});
        else if (is_port(named))
            wish.ways.push_back({named, ""});
        else if (named.empty() && !wish.mapping.empty())
            take_usb_mapping(host, wish);
        else
            wish.problem = "it names no device: host= or mapping= is missing";
        wishes.push_back(std::move(wish));
    }
    return wishes;
}

}  // namespace lodge
