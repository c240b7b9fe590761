#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "passthrough/binding.h"

// Only the rooms of binding include this.
namespace lodge {

std::string handed_folder(const Host& host);  // <run>/device
void remember(const Host& host, const Handed& handed);
void forget(const Host& host, const std::string& address);  // content when there is nothing

nlohmann::json net_as_json(const HandedNet& net);
HandedNet net_from_json(const nlohmann::json& value);
// Puts an interface back as it was; says what it could not do through `say`.
void restore_net(Work& work, const HandedNet& net);

// compare.cc: what the machine has of sensors, clocks and thermal zones.
std::string before_path(const Host& host, int guest);
void run_device_look(Work& work, const Values& on);
void run_device_compare(Work& work, const Values& on);

}  // namespace lodge
