#include "engine/device.h"

namespace lodge {
namespace {

std::span<const DeviceKind* const> joined;

}  // namespace

std::span<const DeviceKind* const> joined_devices() {
    return joined;
}

void join_devices(std::span<const DeviceKind* const> kinds) {
    joined = kinds;
}

}  // namespace lodge
