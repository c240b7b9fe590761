#include "passthrough/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/sriov.h"
#include "passthrough/usb_choice.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string json_words(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string claim_or_use(const PciFunction& function) {
    const std::string claim = claim_words(function), use = uses_words(function);
    if (claim.empty()) return use;
    return use.empty() ? claim : claim + "; " + use;
}

// In the order of groups, those without one last.
std::vector<const PciFunction*> by_group(const Inventory& inventory, bool bridges) {
    std::vector<const PciFunction*> all;
    for (const PciFunction& function : inventory.pci)
        if (bridges || !function.is_bridge) all.push_back(&function);
    std::stable_sort(all.begin(), all.end(), [](const PciFunction* one, const PciFunction* two) {
        return static_cast<unsigned>(one->group) < static_cast<unsigned>(two->group);
    });
    return all;
}

std::vector<std::string> usb_row(const UsbDevice& device) {
    const std::string claim = claim_words(device), use = uses_words(device);
    return {"",
            device.port,
            device.hub ? "USB hub" : "USB device",
            device.words(),
            join(device.drivers, ","),
            "",
            claim.empty() ? use : (use.empty() ? claim : claim + "; " + use)};
}

const PciFunction& need_function(const Inventory& inventory, const std::string& word) {
    const auto found = functions_at(inventory, word);
    if (found.empty())
        fail(Exit::not_found, "there is no device {} in this machine; lodge device list shows them",
             printable(word));
    return *found.front();
}

using Rows = std::vector<std::vector<std::string>>;

void add_rows(const PciFunction& function, const Inventory& inventory, Rows& rows) {
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) rows.push_back({key, printable(value)});
    };
    add("device", function.address);
    add("kind", function.class_name());
    add("name", fmt::format("{} [{}]", function.name(), function.ids()));
    add("driver", function.driver.empty() ? "none" : function.driver);
    std::vector<std::string> members;
    for (const PciFunction* one : inventory.companions(function))
        if (one != &function) members.push_back(short_address(one->address));
    add("IOMMU group", function.group < 0 ? "none"
                       : members.empty()
                           ? fmt::format("{}, alone", function.group)
                           : fmt::format("{}, with {}", function.group, join(members, ", ")));
    add("slot", function.slot);
    add("slot path", function.slot_path);
    add("link", link_words(function.link));
    if (function.reset_methods)
        add("reset",
            function.reset_methods->empty() ? "none" : join(*function.reset_methods, ", "));
    for (const PciBar& bar : function.bars)
        add(bar.number == 6 ? "ROM" : "BAR",
            fmt::format("{}: {} {}", bar.number, short_size(static_cast<int64_t>(bar.size)),
                        bar.io ? "ports" : (bar.prefetchable ? "memory, prefetchable" : "memory")));
    if (function.vfs_possible > 0)
        add("virtual functions", fmt::format("{} of {}", function.vfs_now, function.vfs_possible));
    add("part of", function.physical);
    for (const MdevType& type : function.mdevs)
        add("mediated", fmt::format("{} ({}), {} left", type.id, type.name, type.available));
    if (function.numa >= 0) add("NUMA node", std::to_string(function.numa));
    add("power", function.power_state +
                     (function.runtime_status.empty() ? "" : ", " + function.runtime_status));
    for (const Use& use : function.uses)
        add("used as", use.name + (use.what.empty() ? "" : ": " + join(use.what, ", ")) +
                           (use.needed.empty() ? "" : " (" + use.needed + ")"));
    add("guest", claim_words(function));
}

// What the card says of its virtual functions, and who has each.
json add_vfs(const Host& host, const PciFunction& card, const Inventory& inventory, Rows& rows) {
    json all = json::array();
    const auto settings = read_vfs(host, interface_of(host, card.address));
    for (size_t i = 0; i < card.virtuals.size(); ++i) {
        const PciFunction* one = inventory.find(card.virtuals[i]);
        std::string words = short_address(card.virtuals[i]);
        json value = {{"number", i}, {"address", card.virtuals[i]}};
        for (const VfSetting& setting : settings) {
            if (setting.number != static_cast<int>(i)) continue;
            const std::string line = setting.print();
            words += line.substr(std::min(line.find(' '), line.size()));
            value["mac"] = setting.mac ? json(*setting.mac) : json(nullptr);
            value["vlan"] = setting.vlan ? json(*setting.vlan) : json(nullptr);
            value["trust"] = setting.trust ? json(*setting.trust) : json(nullptr);
            value["spoofchk"] = setting.spoofcheck ? json(*setting.spoofcheck) : json(nullptr);
        }
        if (one && !claim_words(*one).empty()) words += ", " + claim_words(*one);
        rows.push_back({fmt::format("virtual {}", i), printable(words)});
        all.push_back(std::move(value));
    }
    return all;
}

Report show_usb(const UsbDevice& device) {
    Rows rows;
    const auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) rows.push_back({key, printable(value)});
    };
    add("device", "USB port " + device.port);
    add("name", fmt::format("{} [{}]", device.words(), device.ids()));
    add("serial", device.serial);
    add("speed", device.speed + " Mbit/s");
    add("driver", device.drivers.empty() ? "none" : join(device.drivers, ", "));
    add("controller", device.controller);
    for (const Use& use : device.uses)
        add("used as", use.name + (use.what.empty() ? "" : ": " + join(use.what, ", ")) +
                           (use.needed.empty() ? "" : " (" + use.needed + ")"));
    add("guest", claim_words(device));
    return {format_table({"KEY", "VALUE"}, rows), json_words(usb_json(device))};
}

}  // namespace

Report list_devices(Engine& engine, const Values& words) {
    const Inventory inventory = take_inventory(engine, look_around(engine.host), true);
    json pci = json::array(), usb = json::array();
    Rows rows;
    for (const PciFunction* function : by_group(inventory, words.flag("all"))) {
        json value = function_json(*function);
        std::string verdict;
        if (!function->is_bridge) {
            const Judgement judgement = judge(engine, inventory, {function});
            verdict = verdict_words(judgement.verdict);
            value["verdict"] = verdict;
        }
        pci.push_back(std::move(value));
        rows.push_back({function->group < 0 ? "-" : std::to_string(function->group),
                        short_address(function->address), function->class_name(),
                        fit_text(printable(function->name()), 40), function->driver, verdict,
                        fit_text(printable(claim_or_use(*function)), 60)});
    }
    for (const UsbDevice& device : inventory.usb) {
        usb.push_back(usb_json(device));
        auto row = usb_row(device);
        for (std::string& cell : row)
            cell = fit_text(printable(cell), 60);
        rows.push_back(std::move(row));
    }
    const json all = {{"pci", pci}, {"usb", usb}, {"iommu", !inventory.iommus.empty()}};
    if (rows.empty()) return {"no device that can be seen\n", json_words(all)};
    return {
        format_table({"-GROUP", "DEVICE", "KIND", "NAME", "DRIVER", "HANDED OVER", "USE"}, rows),
        json_words(all)};
}

Report show_device(Engine& engine, const Values& words) {
    const Inventory inventory = take_inventory(engine, look_around(engine.host), true);
    const std::string& word = words.text("device");
    if (const UsbDevice* device = find_usb(inventory, word)) return show_usb(*device);
    const PciFunction& function = need_function(inventory, word);
    Rows rows;
    add_rows(function, inventory, rows);
    json value = function_json(function);
    if (function.vfs_now > 0)
        value["virtual_functions"] = add_vfs(engine.host, function, inventory, rows);
    if (!function.is_bridge) {
        const Judgement judgement = judge(engine, inventory, {&function});
        rows.push_back({"handed over", judgement.line()});
        value["verdict"] = verdict_words(judgement.verdict);
    }
    return {format_table({"KEY", "VALUE"}, rows), json_words(value)};
}

Report check_device(Engine& engine, const Values& words) {
    const Inventory inventory = take_inventory(engine, look_around(engine.host), true);
    std::vector<const PciFunction*> wanted;
    for (const std::string& word : words.list("device")) {
        need_function(inventory, word);
        for (const PciFunction* one : functions_at(inventory, word)) {
            if (one->is_bridge)
                fail(Exit::refused, "{} is a bridge: only what is behind it can be handed over",
                     one->address);
            wanted.push_back(one);
        }
    }
    std::optional<Guest> guest;
    if (const auto name = words.get("for")) guest = find_guest(engine, *name);
    const Judgement judgement = judge(engine, inventory, wanted, guest ? &*guest : nullptr);
    return {judgement_text(judgement), json_words(judgement_json(judgement))};
}

}  // namespace lodge
