#include "power/nvme_health.h"

#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <limits>

#include "engine/fd.h"
#include "engine/host.h"

namespace lodge {
namespace {

constexpr size_t page_size = 512;
constexpr uint8_t get_log_page = 0x02, health_page = 0x02;
constexpr uint32_t every_namespace = 0xffffffff;

// 16 bytes, the lowest first; more than 64 bits hold is the most that they do.
uint64_t wide_number(std::span<const uint8_t> bytes) {
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    const bool more =
        std::any_of(bytes.begin() + 8, bytes.begin() + 16, [](uint8_t byte) { return byte != 0; });
    return more ? std::numeric_limits<uint64_t>::max() : value;
}

}  // namespace

std::optional<NvmeHealth> parse_nvme_health(std::span<const uint8_t> page) {
    if (page.size() < page_size) return std::nullopt;
    return NvmeHealth{page[0], wide_number(page.subspan(160, 16)),
                      wide_number(page.subspan(176, 16))};
}

std::optional<NvmeHealth> nvme_health(const Host& host, const std::string& controller) {
    const Fd fd(::open(host.system("/dev/" + controller).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::array<uint8_t, page_size> page{};
    nvme_admin_cmd command{};  // K: include/uapi/linux/nvme_ioctl.h
    command.opcode = get_log_page;
    command.nsid = every_namespace;
    command.addr = reinterpret_cast<uint64_t>(page.data());
    command.data_len = page.size();
    command.cdw10 = (page_size / 4 - 1) << 16 | health_page;  // how many words, less one
    command.timeout_ms = 5000;
    if (::ioctl(fd.get(), NVME_IOCTL_ADMIN_CMD, &command) != 0) return std::nullopt;
    return parse_nvme_health(page);
}

}  // namespace lodge
