#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/values.h"

namespace lodge {

// SystemKind is a kind of operating system that a new guest is made for: what suits it.
struct SystemKind {
    std::string_view label;     // "Windows 11, Server 2022, 2025"
    std::string_view hardware;  // what `guest create` gives it, in words
    std::string_view ostype;
    std::string_view name;  // of the guest, when nothing tells another
    std::string_view disk;  // "32G"
    std::string_view memory;
    bool has_uefi;         // by itself
    bool has_cloud;        // there are cloud images of it
    std::string_view iso;  // an ISO of it has this in its name; "" any that no other has
};
std::span<const SystemKind> system_kinds();

// NewGuest is what a person chose in the wizard.
struct NewGuest {
    enum class From { nothing, demo, iso, cloud, image };
    const SystemKind* system = nullptr;
    From from = From::nothing;
    std::string file;  // path or volume
    // name disk storage memory cores net uefi user password ssh-key start, as the form has them.
    // net: a bridge, "none" for a network of its own, "no" for no card.
    Values settings;

    bool is_appliance() const;    // an OVA or OVF: what is not said stands in it
    std::string command() const;  // of the table
    Values words() const;         // of that command
};

// Whether an ISO of that name may be one of the system's.
bool iso_suits(const SystemKind& system, std::string_view name);
// A name for a guest from that of a file: "debian-12.5.0-amd64-netinst.iso" gives "debian-12-5-0";
// "" when nothing of it can be one.
std::string name_from_file(std::string_view file);

}  // namespace lodge
