#include "power/sleep.h"

#include <fcntl.h>
#include <linux/hdreg.h>
#include <sys/ioctl.h>

#include <filesystem>

#include "engine/fd.h"
#include "engine/host.h"
#include "engine/state/figures.h"
#include "power/quiet.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

std::string real_path(const std::string& folder) {
    std::error_code none;
    const fs::path path = fs::canonical(folder, none);
    return none ? "" : path.string();
}

}  // namespace

bool is_suspended(const Host& host, const std::string& folder) {
    const std::string top = host.system("/sys/devices");
    for (fs::path at = real_path(folder); at.string().size() > top.size(); at = at.parent_path()) {
        if (at == at.parent_path()) break;
        std::error_code none;
        const std::string bus = fs::read_symlink(at / "subsystem", none).filename().string();
        // What is on I2C counts as suspended for good, and is read all the same; its controller
        // wakes for a moment and has nothing to lose.
        const bool pci = bus == "pci";
        if (!pci && bus != "usb" && bus != "scsi" && bus != "nvme") continue;
        if (pci && text_of(host, (at / "class").string()).starts_with("0x0c05")) continue;
        const std::string status = text_of(host, (at / "power/runtime_status").string());
        if (status == "suspended" || status == "suspending") return true;
        if (pci && text_of(host, (at / "power_state").string()).starts_with("D3")) return true;
    }
    return false;
}

std::string disk_of(const Host& host, const std::string& folder) {
    for (const std::string& name : host.list(folder + "/block"))
        return name;
    for (const std::string& name : host.list(folder))
        if (name.starts_with("nvme") && host.exists(host.system("/sys/block/") + name)) return name;
    return "";
}

std::optional<uint64_t> disk_uses(const Host& host, const std::string& disk) {
    const std::string stat = text_of(host, host.system("/sys/block/" + disk + "/stat"));
    std::string_view text = stat;
    constexpr int reads = 0, writes = 4;
    uint64_t uses = 0;
    for (int field = 0; field <= writes; ++field) {
        const std::string_view word = next_word(text);
        if (word.empty()) return std::nullopt;
        if (field == reads || field == writes) uses += number_of(word);
    }
    return uses;
}

std::optional<bool> stands_still(const Host& host, const std::string& disk) {
    constexpr unsigned char check_power_mode = 0xe5;
    const Fd fd(::open(host.system("/dev/" + disk).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return std::nullopt;
    unsigned char words[4] = {check_power_mode, 0, 0, 0};
    if (::ioctl(fd.get(), HDIO_DRIVE_CMD, words) != 0) return std::nullopt;
    // The answer is the count: 00h and 01h stand by, 40h turns down.
    return words[2] == 0x00 || words[2] == 0x01 || words[2] == 0x40;
}

}  // namespace lodge
