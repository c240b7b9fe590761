#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/guest.h"
#include "passthrough/inventory.h"
#include "passthrough/wishes.h"

namespace lodge {

// UsbChoice is the device that a usb[n] of a guest means now.
struct UsbChoice {
    UsbWish wish;
    const UsbDevice* device = nullptr;  // nullptr: none
    // Why there is none; "" when there is.
    std::string problem;
    bool absent = false;  // it is only not plugged in
};

// By its port, or by its ids where there is one of them only; nullptr for none. Throws
// Error(Exit::usage) where there are several.
const UsbDevice* find_usb(const Inventory& inventory, const std::string& word);

// Why this machine cannot live without the device: the root file system lies on it. "" when it can.
// What it is reached by (a network card, a keyboard) is not meant.
std::string why_stays(const UsbDevice& device);

// One device goes to one key. First each key keeps what it has (`standing`: node by key, of a guest
// that runs), then ports are served, then ids and mappings, with devices that no other guest names
// by its port first: so several equal devices are told apart. What a running guest has is not free.
std::vector<UsbChoice> choose_usb(const Host& host, const Inventory& inventory, const Guest& guest,
                                  const std::map<std::string, std::string>& standing = {});

}  // namespace lodge
