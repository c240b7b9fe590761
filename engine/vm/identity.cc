#include "engine/vm/identity.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "engine/error.h"

namespace lodge {
namespace {

template <size_t N>
std::array<unsigned char, N> random_bytes() {
    std::array<unsigned char, N> bytes;
    // Up to 256 bytes come whole, and not before the kernel has collected enough (getrandom(2)).
    if (::getrandom(bytes.data(), N, 0) != static_cast<ssize_t>(N))
        fail_errno(errno, "cannot get random numbers from the kernel");
    return bytes;
}

}  // namespace

std::string random_mac() {
    const auto bytes = random_bytes<5>();
    std::string text = "02";
    for (const unsigned char byte : bytes)
        text += fmt::format(":{:02X}", byte);
    return text;
}

std::string random_uuid() {
    auto bytes = random_bytes<16>();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", bytes[i]);
    }
    return text;
}

}  // namespace lodge
