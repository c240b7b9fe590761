#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// LVM by its own programs: what lvs(8) prints, and the names it allows.

namespace lodge {

class Host;

// LogicalVolume is one line of lvs.
struct LogicalVolume {
    std::string group, name;
    std::string pool;             // of a thin volume
    std::string origin;           // what it was made of as a snapshot, "" for nothing or gone
    int64_t size = 0;             // bytes
    double data_percent = 0;      // of its size that is written (a pool: that is taken), 0…100
    double metadata_percent = 0;  // of a pool's metadata, 0…100
    char kind = '-';              // lvs(8), lv_attr: 'V' thin volume, 't' thin pool, '-' plain, …
    bool writable = true, active = false, open = false;
    bool zeroes = false;  // what was never written reads zero, also beside what was
    bool skips_activation = false;
    char health = '-';  // 'D' no room for data, 'M' metadata read-only, 'F' failed

    int64_t used() const;  // bytes
};

// Takes apart what `lvs --reportformat json --units b --nosuffix` printed with lvs_fields
// (lvmreport(7)). Throws Error for text that is none; lines without a name are passed over.
std::vector<LogicalVolume> parse_lvs(std::string_view json);
extern const char* const lvs_fields;

// The logical volumes of a volume group, hidden ones aside. Throws Error: Exit::missing without
// lvm2, LVM's own words when there is no such group.
std::vector<LogicalVolume> list_logical_volumes(const Host& host, const std::string& group);
const LogicalVolume* find_volume(const std::vector<LogicalVolume>& volumes, std::string_view name);

// Letters that LVM allows in the names of groups and volumes (lvm(8), VALID NAMES): a name that
// begins with '-' would be an option.
bool is_lvm_name(std::string_view name);
// The guest of "vm-101-disk-0" or "base-101-disk-0"; nullopt for other names.
std::optional<int> lvm_owner(std::string_view name);
// "snap_vm-101-disk-0_before", as Proxmox VE names it.
std::string lvm_snapshot_name(std::string_view volume, std::string_view snapshot);

// Runs a program of lvm2 to its end and returns its output. Throws Error "cannot <what>: …" with
// LVM's last words.
std::string run_lvm(const Host& host, std::vector<std::string> words, const std::string& what);

}  // namespace lodge
