#include <algorithm>
#include <array>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// Limits of a disk.
namespace lodge::argv {
namespace {

// The parts of a drive that set one limit of QEMU's (qapi/block-core.json, ThrottleLimits).
struct Limit {
    const char* plain;     // bytes or operations a second
    const char* megabyte;  // the same in MiB a second; nullptr: there is none
    const char* burst;     // operations a second during a burst
    const char* megabyte_burst;
    const char* length;  // of a burst, seconds
    const char* name;    // QEMU's
};
constexpr std::array kLimits = {
    Limit{"bps", "mbps", nullptr, "mbps_max", "bps_max_length", "bps-total"},
    Limit{"bps_rd", "mbps_rd", nullptr, "mbps_rd_max", "bps_rd_max_length", "bps-read"},
    Limit{"bps_wr", "mbps_wr", nullptr, "mbps_wr_max", "bps_wr_max_length", "bps-write"},
    Limit{"iops", nullptr, "iops_max", nullptr, "iops_max_length", "iops-total"},
    Limit{"iops_rd", nullptr, "iops_rd_max", nullptr, "iops_rd_max_length", "iops-read"},
    Limit{"iops_wr", nullptr, "iops_wr_max", nullptr, "iops_wr_max_length", "iops-write"},
};

int64_t value_of(const Properties& drive, const char* plain, const char* megabyte) {
    if (megabyte != nullptr && drive.has(megabyte))
        return static_cast<int64_t>(std::clamp(drive.number(megabyte), 0.0, 1e9) * 1024 * 1024);
    return plain != nullptr && drive.has(plain) ? drive.integer(plain) : 0;
}

}  // namespace

Json throttle_limits(Builder& builder, std::string_view key, const Properties& drive) {
    Json limits = Json::object();
    for (const Limit& limit : kLimits) {
        const std::string name = limit.name;
        const int64_t value = value_of(drive, limit.plain, limit.megabyte);
        const int64_t burst = value_of(drive, limit.burst, limit.megabyte_burst);
        if (value > 0) limits[name] = value;
        if (burst > 0) {
            // QEMU refuses a burst that is no more than the limit, or has none to exceed.
            if (value == 0 || burst < value) {
                builder.warn("{}: {} is left out: it must be above the limit it exceeds", key,
                             limit.burst != nullptr ? limit.burst : limit.megabyte_burst);
                continue;
            }
            limits[name + "-max"] = burst;
        }
        if (!drive.has(limit.length)) continue;
        if (burst > 0)
            limits[name + "-max-length"] = drive.integer(limit.length);
        else
            builder.warn("{}: {} is left out: no burst is allowed", key, limit.length);
    }
    if ((limits.contains("bps-total") &&
         (limits.contains("bps-read") || limits.contains("bps-write"))) ||
        (limits.contains("iops-total") &&
         (limits.contains("iops-read") || limits.contains("iops-write"))))
        fail(Exit::usage,
             "guest {}: {} limits reading or writing alone and both together; QEMU takes "
             "one or the other",
             builder.id, key);
    return limits;
}

}  // namespace lodge::argv
