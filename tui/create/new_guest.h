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
    bool has_uefi;           // by itself
    bool has_cloud;          // there are cloud images of it
    std::string_view iso;    // an ISO of it has this in its name; "" any that no other has
    bool container = false;  // shares this machine's kernel
};
std::span<const SystemKind> system_kinds();

// NewGuest is what a person chose in the wizard.
struct NewGuest {
    enum class From { nothing, demo, iso, cloud, image, root };
    const SystemKind* system = nullptr;
    From from = From::nothing;
    std::string file;  // path or volume; of a container's root also what brings one
    // name disk storage memory cores net uefi user password ssh-key start, as the form has them;
    // of a container also swap ip gw nesting. net: a bridge, "none" for a network of its own, "no"
    // for no card.
    Values settings;
    std::string named_after = {};  // what it is called after, when not after its file

    bool is_appliance() const;    // an OVA or OVF: what is not said stands in it
    std::string command() const;  // of the table
    Values words() const;         // of that command

  private:
    Values container_words() const;
};

// Whether an ISO of that name may be one of the system's.
bool iso_suits(const SystemKind& system, std::string_view name);
// A name for a guest from that of a file: "debian-12.5.0-amd64-netinst.iso" gives "debian-12-5-0";
// "" when nothing of it can be one.
std::string name_from_file(std::string_view file);
// The same of what a container is made of: "images:debian/12" gives "debian-12",
// "docker://docker.io/library/nginx:1.25" gives "nginx",
// "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst" gives "debian-12-standard".
std::string name_from_template(std::string_view source);

}  // namespace lodge
