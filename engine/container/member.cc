#include "engine/container/member.h"

#include <algorithm>
#include <cstring>

namespace lodge {
namespace {

// Numbers in extended attributes are little-endian on every machine.
uint32_t get32(const std::string& bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

void put32(std::string& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i, value >>= 8)
        bytes[at + i] = static_cast<char>(value & 0xff);
}

constexpr uint32_t acl_version = 2;
constexpr size_t acl_head = 4, acl_entry = 8;
constexpr unsigned acl_user = 0x02, acl_group = 0x08;

constexpr uint32_t capability_version_mask = 0xff000000;
constexpr uint32_t capability_version_2 = 0x02000000, capability_version_3 = 0x03000000;
constexpr size_t capability_size_2 = 20, capability_size_3 = 24;

struct UsualDevice {
    std::string_view name;
    unsigned major, minor;
};
constexpr UsualDevice usual_devices[] = {
    {"null", 1, 3},    {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8},
    {"urandom", 1, 9}, {"tty", 5, 0},  {"ptmx", 5, 2}, {"console", 5, 1},
};

}  // namespace

bool split_member_path(std::string_view path, std::vector<std::string_view>& parts) {
    parts.clear();
    if (path.empty() || path.front() == '/') return false;
    while (!path.empty()) {
        const auto slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == ".." || part.find('\0') != std::string_view::npos) return false;
        parts.push_back(part);
    }
    return true;
}

bool shift_acl(std::string& value, const IdMap& map) {
    if (value.size() < acl_head || (value.size() - acl_head) % acl_entry != 0 ||
        get32(value, 0) != acl_version)
        return false;
    for (size_t at = acl_head; at < value.size(); at += acl_entry) {
        const unsigned tag = static_cast<unsigned char>(value[at]);
        if (tag != acl_user && tag != acl_group) continue;
        const uint32_t id = get32(value, at + 4);
        const auto outside = tag == acl_user ? map.outside_uid(id) : map.outside_gid(id);
        if (!outside) return false;
        put32(value, at + 4, *outside);
    }
    return true;
}

bool shift_capability(std::string& value, uint32_t root) {
    if (value.size() != capability_size_2 && value.size() != capability_size_3) return false;
    const uint32_t magic = get32(value, 0);
    const uint32_t version = magic & capability_version_mask;
    if (version == capability_version_3 && value.size() == capability_size_3) {
        // Made in another namespace: it counts for this one now.
        put32(value, capability_size_2, root);
        return true;
    }
    if (version != capability_version_2 || value.size() != capability_size_2) return false;
    value.resize(capability_size_3);
    put32(value, 0, (magic & ~capability_version_mask) | capability_version_3);
    put32(value, capability_size_2, root);
    return true;
}

DeviceNode judge_device(const Member& member) {
    std::vector<std::string_view> parts;
    if (!split_member_path(member.path, parts) || parts.empty()) return DeviceNode::other;
    if (parts.size() > 1 && parts.front() == "dev") return DeviceNode::below_dev;
    const auto* const found =
        std::find_if(std::begin(usual_devices), std::end(usual_devices), [&](const auto& one) {
            return one.name == parts.back() && one.major == member.major &&
                   one.minor == member.minor;
        });
    return found != std::end(usual_devices) ? DeviceNode::usual : DeviceNode::other;
}

}  // namespace lodge
