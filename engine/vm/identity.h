#pragma once

#include <string>

namespace lodge {

// What tells one guest from another, made from the kernel's random numbers.
// A unicast, locally administered address (IEEE 802: second bit of the first byte): 02:….
std::string random_mac();
// A UUID of version 4 (RFC 4122), small letters.
std::string random_uuid();

}  // namespace lodge
