#include "passthrough/handed.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/host.h"

// The notes of what was taken from its driver.

namespace lodge {
namespace {

using nlohmann::json;

Handed from_json(const std::string& address, const json& value) {
    Handed handed;
    handed.address = address;
    handed.guest = value.value("guest", 0);
    handed.driver = value.value("driver", "");
    handed.preferred = value.value("preferred", "");
    handed.ids = value.value("ids", "");
    handed.slot_path = value.value("slot", "");
    handed.group = value.value("group", -1);
    for (const json& net : value.value("nets", json::array()))
        handed.nets.push_back(net_from_json(net));
    return handed;
}

}  // namespace

std::string handed_folder(const Host& host) {
    return host.run_folder() + "/device";
}

json net_as_json(const HandedNet& net) {
    return {{"name", net.name},
            {"up", net.up},
            {"mtu", net.mtu},
            {"master", net.master},
            {"addresses", net.addresses},
            {"gateways", net.gateways}};
}

HandedNet net_from_json(const json& value) {
    HandedNet net;
    net.name = value.value("name", "");
    net.up = value.value("up", false);
    net.mtu = value.value("mtu", int64_t{0});
    net.master = value.value("master", "");
    net.addresses = value.value("addresses", std::vector<std::string>());
    net.gateways = value.value("gateways", std::vector<std::string>());
    return net;
}

void remember(const Host& host, const Handed& handed) {
    json nets = json::array();
    for (const HandedNet& net : handed.nets)
        nets.push_back(net_as_json(net));
    const json value = {
        {"guest", handed.guest}, {"driver", handed.driver},  {"preferred", handed.preferred},
        {"ids", handed.ids},     {"slot", handed.slot_path}, {"group", handed.group},
        {"nets", nets}};
    host.write_volatile(handed_folder(host) + "/" + handed.address, value.dump(2) + "\n");
}

void forget(const Host& host, const std::string& address) {
    host.remove(handed_folder(host) + "/" + address);
}

std::optional<Handed> handed_device(const Host& host, const std::string& address) {
    const auto text = host.read(handed_folder(host) + "/" + address);
    const json value = json::parse(text.value_or(""), nullptr, false);
    if (!value.is_object()) return std::nullopt;
    return from_json(address, value);
}

std::vector<Handed> handed_devices(const Host& host) {
    std::vector<Handed> all;
    for (const std::string& name : host.list(handed_folder(host)))
        if (full_address(name) == name)
            if (auto handed = handed_device(host, name)) all.push_back(std::move(*handed));
    return all;
}

}  // namespace lodge
