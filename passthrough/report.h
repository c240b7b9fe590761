#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/command.h"
#include "passthrough/findings.h"
#include "passthrough/inventory.h"

// How devices and findings are told, to people and to scripts.
namespace lodge {

std::string uses_words(const PciFunction& function);  // "eno1: 192.168.1.2/24; hwmon2"
std::string uses_words(const UsbDevice& device);
// Who has it or wants it: "with 101", "wanted by 101 hostpci0"; "" for nobody.
std::string claim_words(const PciFunction& function);
std::string claim_words(const UsbDevice& device);
std::string link_words(const PciLink& link);  // "8.0 GT/s x4 of 16.0 GT/s x4"

nlohmann::json function_json(const PciFunction& function);
nlohmann::json usb_json(const UsbDevice& device);
nlohmann::json judgement_json(const Judgement& judgement);

// "01:00.0 network card, Intel …: safe" and each finding with its evidence and way out.
std::string judgement_text(const Judgement& judgement);

Report list_devices(Engine& engine, const Values& words);
Report show_device(Engine& engine, const Values& words);
Report check_device(Engine& engine, const Values& words);
Report show_ways(Engine& engine, const Values& words);  // ways_words.cc

}  // namespace lodge
