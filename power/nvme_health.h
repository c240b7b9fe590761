#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace lodge {

class Host;

// NvmeHealth is what an NVMe controller says of itself (NVM Express base
// specification 2.0, 5.16.1.3, "SMART / Health Information", log page 02h).
struct NvmeHealth {
    uint8_t warning = 0;         // critical warnings, a bit each; 0 is well
    uint64_t media_errors = 0;   // data that it could not read back whole, since it was made
    uint64_t logged_errors = 0;  // entries of its error log, also of commands that it does not know
};

// Of the 512 bytes of that page; nullopt when they are fewer.
std::optional<NvmeHealth> parse_nvme_health(std::span<const uint8_t> page);

// Asks the controller ("nvme0") by an admin command, which wakes it when it sleeps. nullopt when
// there is none, it does not answer within 5 s, or we may not ask (only root may).
std::optional<NvmeHealth> nvme_health(const Host& host, const std::string& controller);

}  // namespace lodge
