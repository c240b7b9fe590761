#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/host.h"
#include "engine/values.h"

// What a person says of a new guest, before anything is made of it.

namespace lodge {

// Taste is how a guest of an operating system is best built: newer Linux knows all virtio devices,
// an installer of Windows brings no drivers for them.
struct Taste {
    std::string_view machine, bus, card, scsi;
    bool virtio;
    bool serial;
};
Taste taste_of(std::string_view ostype);

// "key=value" pairs whose key is a word of VmKind::create(), such as "disk=64G", count as that
// word. Throws Error(Exit::usage) for what is no pair.
Values sort_create_words(const Values& given);
// A list of keys: given as text, or as a file that holds them. The configuration holds them
// percent-encoded, as one line. Throws Error(Exit::not_found).
std::string encode_ssh_keys(const Host& host, const std::vector<std::string>& given);

}  // namespace lodge
