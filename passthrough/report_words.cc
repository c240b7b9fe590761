#include <array>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/report.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr std::array kUseNames = {"disk",     "network", "display", "console",
                                  "keyboard", "sensor",  "sound",   "other"};

std::string words_of(const std::vector<Use>& uses) {
    std::vector<std::string> words;
    for (const Use& use : uses)
        words.push_back(use.name + (use.what.empty() ? "" : ": " + join(use.what, ", ")));
    return join(words, "; ");
}

json uses_json(const std::vector<Use>& uses) {
    json all = json::array();
    for (const Use& use : uses)
        all.push_back({{"kind", kUseNames.at(static_cast<size_t>(use.kind))},
                       {"name", use.name},
                       {"what", use.what},
                       {"needed", use.needed.empty() ? json(nullptr) : json(use.needed)},
                       {"path", use.path}});
    return all;
}

json or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

json bars_json(const PciFunction& function) {
    json all = json::array();
    for (const PciBar& bar : function.bars)
        all.push_back({{"number", bar.number},
                       {"start", bar.start},
                       {"size", bar.size},
                       {"io", bar.io},
                       {"prefetchable", bar.prefetchable}});
    return all;
}

json mdevs_json(const PciFunction& function) {
    json all = json::array();
    for (const MdevType& type : function.mdevs)
        all.push_back({{"type", type.id},
                       {"name", type.name},
                       {"description", type.description},
                       {"available", type.available}});
    return all;
}

}  // namespace

std::string uses_words(const PciFunction& function) {
    return words_of(function.uses);
}

std::string uses_words(const UsbDevice& device) {
    return words_of(device.uses);
}

std::string claim_words(const PciFunction& function) {
    if (function.holder != 0) return fmt::format("with {}", function.holder);
    return function.wanted_by.empty() ? "" : "wanted by " + join(function.wanted_by, ", ");
}

std::string claim_words(const UsbDevice& device) {
    if (device.holder != 0) return fmt::format("with {}", device.holder);
    return device.wanted_by.empty() ? "" : "wanted by " + join(device.wanted_by, ", ");
}

std::string link_words(const PciLink& link) {
    if (link.speed.empty()) return "";
    const auto half = [](const std::string& speed, int width) {
        const size_t pcie = speed.find(" PCIe");
        return fmt::format("{} x{}", speed.substr(0, pcie), width);
    };
    const std::string now = half(link.speed, link.width);
    const std::string most = half(link.max_speed, link.max_width);
    return now == most ? now : now + " of " + most;
}

json function_json(const PciFunction& function) {
    json value = {
        {"address", function.address},
        {"kind", function.class_name()},
        {"name", function.name()},
        {"vendor_device", function.ids()},
        {"subsystem", fmt::format("{:04x}:{:04x}", function.subvendor, function.subdevice)},
        {"class", fmt::format("{:06x}", function.class_code)},
        {"driver", or_null(function.driver)},
        {"iommu_group", function.group < 0 ? json(nullptr) : json(function.group)},
        {"bridge", function.is_bridge},
        {"parent", or_null(function.parent)},
        {"slot", or_null(function.slot)},
        {"slot_path", function.slot_path},
        {"rom", function.has_rom},
        {"boot_vga", function.boot_vga},
        {"numa", function.numa < 0 ? json(nullptr) : json(function.numa)},
        {"power_state", or_null(function.power_state)},
        {"runtime_status", or_null(function.runtime_status)}};
    value["reset_methods"] = function.reset_methods ? json(*function.reset_methods) : json(nullptr);
    value["link"] = function.link.speed.empty() ? json(nullptr)
                                                : json{{"speed", function.link.speed},
                                                       {"width", function.link.width},
                                                       {"max_speed", function.link.max_speed},
                                                       {"max_width", function.link.max_width}};
    value["virtual_functions"] = {{"possible", function.vfs_possible},
                                  {"now", function.vfs_now},
                                  {"addresses", function.virtuals}};
    value["physical"] = or_null(function.physical);
    value["bars"] = bars_json(function);
    value["mediated"] = mdevs_json(function);
    value["uses"] = uses_json(function.uses);
    value["guest"] = function.holder == 0 ? json(nullptr) : json(function.holder);
    value["wanted_by"] = function.wanted_by;
    return value;
}

json usb_json(const UsbDevice& device) {
    return {{"port", device.port},
            {"vendor_product", device.ids()},
            {"name", device.words()},
            {"serial", or_null(device.serial)},
            {"speed", device.speed},
            {"hub", device.hub},
            {"bus", device.bus},
            {"number", device.number},
            {"drivers", device.drivers},
            {"controller", or_null(device.controller)},
            {"uses", uses_json(device.uses)},
            {"guest", device.holder == 0 ? json(nullptr) : json(device.holder)},
            {"wanted_by", device.wanted_by}};
}

json judgement_json(const Judgement& judgement) {
    json findings = json::array(), wanted = json::array(), along = json::array();
    for (const Finding& one : judgement.findings)
        findings.push_back({{"code", one.code},
                            {"severity", one.severity == Severity::block ? "block" : "warn"},
                            {"cuts_off", one.cuts_off},
                            {"device", or_null(one.device)},
                            {"reason", one.reason},
                            {"path", one.path},
                            {"value", one.value},
                            {"way_out", or_null(one.way_out)}});
    for (const PciFunction* one : judgement.wanted)
        wanted.push_back(one->address);
    for (const PciFunction* one : judgement.along)
        along.push_back(one->address);
    return {{"devices", wanted},
            {"along", along},
            {"verdict", verdict_words(judgement.verdict)},
            {"findings", findings}};
}

std::string judgement_text(const Judgement& judgement) {
    std::string text;
    for (const PciFunction* one : judgement.wanted)
        text += fmt::format("{}  {}, {}\n", short_address(one->address), one->class_name(),
                            one->name());
    for (const PciFunction* one : judgement.along)
        text += fmt::format("{}  {}, {}: goes along\n", short_address(one->address),
                            one->class_name(), one->name());
    text += fmt::format("{}\n", verdict_words(judgement.verdict));
    for (const Finding& one : judgement.findings) {
        text += fmt::format("\n{:5} {:4} {}\n", one.severity == Severity::block ? "block" : "warn",
                            one.code, one.reason);
        text += fmt::format("           seen: {}: {}\n", one.path,
                            one.value.empty() ? "empty" : one.value);
        if (!one.way_out.empty()) text += fmt::format("           do: {}\n", one.way_out);
    }
    return text;
}

}  // namespace lodge
