#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"

// Files of the kernel that are looked at again and again: what cannot be read is nothing to see.
namespace lodge {

// The line in a file; "" when there is none or the kernel refuses it.
inline std::string text_of(const Host& host, const std::string& path) {
    try {
        return host.read_line(path);
    } catch (const Error&) {
        return "";
    }
}

// The whole number in it.
inline std::optional<int64_t> number_of_file(const Host& host, const std::string& path) {
    return parse_integer(text_of(host, path));
}

}  // namespace lodge
