#include <algorithm>

#include "engine/boot_unit.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/identity.h"
#include "passthrough/pool.h"
#include "passthrough/sriov.h"

// The plans that divide a card and make it again at each start of the machine.

namespace lodge {
namespace {

constexpr std::string_view unit_name = "lodge-devices.service";
constexpr std::string_view no_mac = "00:00:00:00:00:00";

const PciFunction& need_physical(const Inventory& inventory, const std::string& word) {
    const auto found = functions_at(inventory, word);
    if (found.empty())
        fail(Exit::not_found, "there is no device {} in this machine; lodge device list shows them",
             printable(word));
    for (const PciFunction* one : found)
        if (one->vfs_possible > 0) return *one;
    const PciFunction& function = *found.front();
    if (function.is_virtual())
        fail(Exit::refused, "{} is itself a virtual function, of {}", word,
             short_address(function.physical));
    fail(Exit::refused,
         "{} ({}) has no virtual functions: it does not offer SR-IOV, or the machine's firmware "
         "has it switched off",
         word, function.name());
}

std::vector<std::string> printed(const std::vector<VfSetting>& settings) {
    std::vector<std::string> lines;
    for (const VfSetting& one : settings)
        if (!one.is_empty()) lines.push_back(one.print());
    return lines;
}

// The card as it is now, so that a plan can bring it back.
Action as_now(const Host& host, const PciFunction& card, bool count) {
    Values on{{"address", card.address}};
    if (count) on.set({"count", card.vfs_now});
    std::vector<VfSetting> settings = read_vfs(host, interface_of(host, card.address));
    if (const auto lines = printed(settings); !lines.empty()) on.set({"settings", lines});
    return {"vf-set", std::move(on)};
}

// All virtual functions go when their number changes.
void refuse_while_used(const Inventory& inventory, const PciFunction& card, Plan& plan) {
    for (const std::string& address : card.virtuals) {
        const PciFunction* one = inventory.find(address);
        if (!one) continue;
        if (one->holder != 0)
            fail(Exit::refused,
                 "cannot change the number of virtual functions of {}: guest {} runs with {}, and "
                 "all of them go for a moment; lodge stop {} first",
                 short_address(card.address), one->holder, short_address(address), one->holder);
        for (const Use& use : one->uses) {
            if (!use.needed.empty())
                fail(Exit::refused,
                     "cannot change the number of virtual functions of {}: this machine needs {} "
                     "({}): {}",
                     short_address(card.address), short_address(address), use.name, use.needed);
            if (!use.what.empty())
                plan.warn(fmt::format("{} ({}) goes for a moment: {}", short_address(address),
                                      use.name, join(use.what, ", ")));
        }
    }
}

void check_count(const Inventory& inventory, const PciFunction& card, int64_t count, Plan& plan) {
    if (count < 0 || count > card.vfs_possible)
        fail(Exit::usage, "{} has 0 to {} virtual functions, not {}", short_address(card.address),
             card.vfs_possible, count);
    if (card.driver.empty() || card.driver == "vfio-pci")
        fail(Exit::refused,
             "{} has {}: virtual functions are made by the card's own driver; lodge device "
             "take-back {} brings it back",
             short_address(card.address), card.driver.empty() ? "no driver" : "the driver vfio-pci",
             short_address(card.address));
    if (count != card.vfs_now) refuse_while_used(inventory, card, plan);
    if (count > 0 && inventory.iommus.empty())
        plan.warn(
            "the IOMMU is off or missing: virtual functions can be made, but no guest can "
            "have them");
}

VfSetting wished_setting(const PciFunction& card, int64_t count, const Values& words) {
    const int64_t number = words.integer("vf");
    if (number < 0 || number >= count)
        fail(Exit::usage, "{} has the virtual functions {}, not {}", short_address(card.address),
             count == 0 ? "none" : fmt::format("0 to {}", count - 1), number);
    std::string line = words.text("vf");
    for (const char* name : {"mac", "vlan", "trust", "spoofchk"})
        if (const auto value = words.get(name)) line += fmt::format(" {}={}", name, *value);
    const VfSetting setting = VfSetting::parse(line);
    if (setting.is_empty())
        fail(Exit::usage, "--vf {} wants --mac, --vlan, --trust or --spoofchk beside it", number);
    return setting;
}

std::string unit_text(const Host& host) {
    const std::string lodge = host.program("lodge").value_or("/usr/bin/lodge");
    return "[Unit]\n"
           "Description=Makes the virtual functions again that Lodge keeps\n"
           "Documentation=man:lodge(1)\n"
           "# The cards have their drivers by then; guests get theirs after.\n"
           "Wants=systemd-udev-settle.service\n"
           "After=systemd-udev-settle.service lodge-trials.service\n"
           "Before=network-pre.target lodge-guests.service\n"
           "Wants=network-pre.target\n"
           "\n"
           "[Service]\n"
           "Type=oneshot\n"
           "RemainAfterExit=yes\n"
           "ExecStart=" +
           lodge +
           " device restore --yes\n"
           "\n"
           "[Install]\n"
           "WantedBy=multi-user.target\n";
}

// What lasts of this card, with the new wishes; none of it: it lasts no more.
void plan_keep(const Host& host, const PciFunction& card, int64_t count,
               const std::optional<VfSetting>& wish, Plan& plan) {
    auto all = parse_kept_vfs(host.read(kept_vfs_path(host)).value_or(""));
    auto own = std::find_if(all.begin(), all.end(), [&](const KeptVfs& one) {
        return one.address == card.address && one.ids == card.ids();
    });
    if (own == all.end()) own = all.insert(all.end(), KeptVfs{});
    const Identity now = identity_of(card);
    own->address = now.address, own->ids = now.ids, own->slot_path = now.slot_path;
    own->count = static_cast<int>(count);
    if (wish) {
        auto same = std::find_if(own->settings.begin(), own->settings.end(),
                                 [&](const VfSetting& one) { return one.number == wish->number; });
        if (same == own->settings.end())
            own->settings.push_back(*wish);
        else
            same->take(*wish);
    }
    std::erase_if(own->settings, [&](const VfSetting& one) { return one.number >= count; });
    if (count == 0) all.erase(own);
    if (all.empty()) {
        plan_no_boot_unit(plan, host, unit_name, "no virtual functions are made at a start");
        return plan_remove(plan, host, kept_vfs_path(host), "nothing is kept");
    }
    plan_write(plan, host, kept_vfs_path(host), print_kept_vfs(all), "it is to last");
    plan_boot_unit(plan, host, unit_name, unit_text(host), "a unit makes them at each start");
}

std::string afterwards_of(const Host& host, const PciFunction& card, int64_t count) {
    if (count == 0) return fmt::format("{} has no virtual functions", short_address(card.address));
    std::vector<std::string> addresses;
    for (const std::string& one : vf_addresses(host, card, static_cast<int>(count)))
        addresses.push_back(short_address(one));
    return fmt::format("{} has {}: {}", short_address(card.address),
                       counted(count, "virtual function"), join(addresses, ", "));
}

}  // namespace

namespace {

int64_t wished_count(const Values& words) {
    const auto count = parse_integer(words.text("count"));
    if (!count)
        fail(Exit::usage, "'{}' is no number of virtual functions", printable(words.text("count")));
    return *count;
}

}  // namespace

Plan plan_vfs(Engine& engine, const Values& words) {
    const Host& host = engine.host;
    const Inventory inventory = take_inventory(engine, look_around(host), true);
    const PciFunction& card = need_physical(inventory, words.text("device"));
    Plan plan;
    plan.title = "virtual functions of " + short_address(card.address);
    const int64_t count = wished_count(words);
    check_count(inventory, card, count, plan);
    std::optional<VfSetting> wish;
    if (words.has("vf")) wish = wished_setting(card, count, words);
    Values on{{"address", card.address}};
    if (count != card.vfs_now) on.set({"count", count});
    if (wish) on.set({"settings", std::vector<std::string>{wish->print()}});
    if (on.has("count") || on.has("settings"))
        plan.step(on.has("count") ? fmt::format("{} in place of {}",
                                                counted(count, "virtual function"), card.vfs_now)
                                  : "tell the card what its virtual function may do",
                  {"vf-set", on}, as_now(host, card, on.has("count")));
    if (words.flag("keep") || count == 0)
        plan_keep(host, card, count, wish, plan);
    else if (on.has("count"))
        plan.warn("they last until this machine's next start; --keep makes them again then");
    if (const auto pool = words.get("pool")) plan_pool(host, card, *pool, count, plan);
    plan.afterwards = plan.steps.empty()
                          ? fmt::format("{} is so already", short_address(card.address))
                          : afterwards_of(host, card, count);
    return plan;
}

Plan plan_vfs_again(Engine& engine) {
    const Host& host = engine.host;
    Plan plan;
    plan.title = "make the virtual functions that are kept";
    const auto kept = parse_kept_vfs(host.read(kept_vfs_path(host)).value_or(""));
    if (kept.empty()) {
        plan.afterwards = "no virtual functions are kept";
        return plan;
    }
    const Inventory inventory = take_inventory(engine, {}, false);
    for (const KeptVfs& one : kept) {
        const PciFunction* card = inventory.find(one.address);
        // Addresses move when cards come and go; the slot does not.
        if (!card || card->ids() != one.ids) {
            const auto found =
                std::find_if(inventory.pci.begin(), inventory.pci.end(), [&](const auto& other) {
                    return other.ids() == one.ids && other.slot_path == one.slot_path;
                });
            card = found == inventory.pci.end() ? nullptr : &*found;
        }
        if (!card || card->vfs_possible < one.count) {
            plan.warn(
                fmt::format("{} ({}) is not there as it was: its virtual functions are not "
                            "made",
                            short_address(one.address), one.ids));
            continue;
        }
        Values on{{"address", card->address}};
        if (card->vfs_now != one.count) on.set({"count", one.count});
        if (const auto lines = printed(one.settings); !lines.empty()) on.set({"settings", lines});
        if (on.has("count") || on.has("settings"))
            plan.step(fmt::format("{} of {}", counted(one.count, "virtual function"),
                                  short_address(card->address)),
                      {"vf-set", std::move(on)});
    }
    plan.afterwards = "virtual functions are as they are kept";
    return plan;
}

void plan_vf_mac(Engine& engine, const Inventory& inventory, const PciFunction& function, int guest,
                 std::string_view key, Plan& plan) {
    if (!function.is_virtual() || function.base_class() != 2) return;
    const PciFunction* card = inventory.find(function.physical);
    if (!card) return;
    const auto place = std::find(card->virtuals.begin(), card->virtuals.end(), function.address);
    const int number = static_cast<int>(place - card->virtuals.begin());
    const Host& host = engine.host;
    for (const VfSetting& one : read_vfs(host, interface_of(host, card->address))) {
        if (one.number != number || (one.mac && *one.mac != no_mac)) continue;
        VfSetting setting;
        setting.number = number;
        const std::string interface = interface_of(host, function.address);
        setting.mac = interface.empty()
                          ? ""
                          : host.read_line(host.system("/sys/class/net/" + interface + "/address"));
        if (setting.mac->size() != 17 || *setting.mac == no_mac)
            // Locally administered, as of a card that nobody made.
            setting.mac = fmt::format("02:4c:{:02x}:{:02x}:{:02x}:{:02x}", guest >> 16 & 255,
                                      guest >> 8 & 255, guest & 255,
                                      parse_integer(key.substr(7)).value_or(0) & 255);
        plan.step(fmt::format("let {} keep the address {}", short_address(function.address),
                              *setting.mac),
                  {"vf-set",
                   {{"address", card->address},
                    {"settings", std::vector<std::string>{setting.print()}}}});
    }
}

std::string kept_vfs_path(const Host& host) {
    return host.config_folder() + "/device/vf";
}

std::vector<KeptVfs> parse_kept_vfs(std::string_view text) {
    std::vector<KeptVfs> all;
    bool good = false;
    for (const std::string& line : split(text, '\n')) {
        if (trim(line).empty() || trim(line)[0] == '#') continue;
        if (line[0] == ' ' || line[0] == '\t') {
            if (!good || !trim(line).starts_with("vf ")) continue;
            try {
                all.back().settings.push_back(VfSetting::parse(trim(line).substr(3)));
            } catch (const Error&) {
                continue;
            }
            continue;
        }
        const auto words = split(trim(line), ' ');
        const auto count = words.size() == 4 && words[3].starts_with("count=")
                               ? parse_integer(words[3].substr(6))
                               : std::nullopt;
        good = count && *count >= 0 && *count <= 65535 && full_address(words[0]) == words[0];
        if (good) all.push_back({words[0], words[1], words[2], static_cast<int>(*count), {}});
    }
    return all;
}

std::string print_kept_vfs(const std::vector<KeptVfs>& all) {
    std::string text = "# Virtual functions that Lodge makes at each start (lodge device vf).\n";
    for (const KeptVfs& one : all) {
        text += fmt::format("{} {} {} count={}\n", one.address, one.ids, one.slot_path, one.count);
        for (const std::string& line : printed(one.settings))
            text += "  vf " + line + "\n";
    }
    return text;
}

}  // namespace lodge
