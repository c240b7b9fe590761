#include "engine/network/mac.h"

#include <fmt/format.h>

#include <cstdint>

namespace lodge {

std::string derived_mac(int id, int number) {
    uint32_t hash = 2166136261U;  // FNV-1a
    for (const int value : {id, number})
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (static_cast<uint32_t>(value) >> shift & 0xffU)) * 16777619U;
    return fmt::format("52:54:00:{:02X}:{:02X}:{:02X}", hash >> 16 & 0xff, hash >> 8 & 0xff,
                       hash & 0xff);
}

}  // namespace lodge
