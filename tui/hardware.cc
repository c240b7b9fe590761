#include "tui/hardware.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

// The groups in their order. What stands in `usual` is shown also when it holds nothing; a key that
// no group names is in the last one.
struct Group {
    std::string_view name, usual, more;
};
constexpr Group vm_groups[] = {
    {"Guest", "name ostype onboot tags description",
     "agent startup protection hotplug hookscript autostart template lock"},
    {"Processor", "cores sockets cpu", "vcpus cpulimit cpuunits affinity numa kvm arch smp"},
    {"Memory", "memory balloon", "shares hugepages keephugepages allow-ksm ivshmem"},
    {"Disks", "scsihw",
     "scsi virtio sata ide cdrom efidisk0 tpmstate0 unused virtiofs vmstatestorage"},
    {"Network", "", "net hostfwd"},
    {"Start", "boot bios machine", "bootdisk acpi reboot freeze startdate localtime tdf"},
    {"Screen", "vga", "keyboard tablet audio0 spice_enhancements serial parallel"},
    {"Cloud-init", "",
     "ciuser cipassword sshkeys ipconfig nameserver searchdomain ciupgrade citype cicustom"},
    {"Devices", "", "usb hostpci rng0 watchdog"},
    {"Other", "", ""},
};
constexpr Group container_groups[] = {
    {"Guest", "hostname ostype onboot tags description unprivileged features",
     "startup protection hookscript timezone template lock"},
    {"Processor", "cores cpulimit", "cpuunits arch"},
    {"Memory", "memory swap", ""},
    {"Disks", "", "rootfs mp unused"},
    {"Network", "", "net nameserver searchdomain hostfwd"},
    {"Devices", "", "dev"},
    {"Console", "", "console tty cmode entrypoint env debug"},
    {"Other", "", ""},
};

std::span<const Group> groups_of(const Schema& schema) {
    if (schema.kind == "qemu") return vm_groups;
    return container_groups;
}

bool lists(std::string_view names, std::string_view name) {
    for (const std::string& one : split(names, ' '))
        if (one == name) return true;
    return false;
}

// Place is where a field stands: its group, and its place in that.
struct Place {
    size_t group = 0, place = 0;
    bool usual = false;
};
Place place_of(std::span<const Group> groups, std::string_view stem) {
    for (size_t group = 0; group < groups.size(); ++group) {
        const std::string all = fmt::format("{} {}", groups[group].usual, groups[group].more);
        const auto names = split(all, ' ');
        const auto found = std::find(names.begin(), names.end(), stem);
        if (found != names.end() && !stem.empty())
            return {group, static_cast<size_t>(found - names.begin()),
                    lists(groups[group].usual, stem)};
    }
    return {groups.size() - 1, 0, false};
}

bool is_secret(std::string_view key) {
    return key == "cipassword";
}

constexpr std::string_view out_of_sight = "behind the password";

// Collector puts the rows of one configuration together.
class Collector {
  public:
    Collector(const Config& config, const HardwareEdits& edits, bool all)
        : config_(config), edits_(edits), all_(all), deletes_(config.pending_deletes()) {}

    std::vector<HardwareRow> rows() {
        const std::span<const Group> groups = groups_of(config_.schema());
        std::vector<std::pair<Place, const Field*>> fields;
        for (const Field& field : config_.schema().fields)
            if (!field.internal && field.alias.empty())
                fields.emplace_back(place_of(groups, field.key), &field);
        std::stable_sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) {
            return std::pair(a.first.group, a.first.place) <
                   std::pair(b.first.group, b.first.place);
        });
        for (const auto& [place, field] : fields) {
            group_ = groups[place.group].name;
            if (field->count == 0)
                add(std::string(field->key), *field, all_ || place.usual);
            else
                for (int number = 0; number < field->count; ++number)
                    add(fmt::format("{}{}", field->key, number), *field, false);
        }
        return std::move(rows_);
    }

  private:
    void add(const std::string& key, const Field& field, bool always) {
        HardwareRow row;
        row.key = key;
        row.field = &field;
        row.group = group_;
        row.now = config_.current.get(key);
        row.waiting = config_.pending.get(key);
        row.waits_to_go = std::find(deletes_.begin(), deletes_.end(), key) != deletes_.end();
        row.reverted = edits_.reverts.contains(key);
        if (const auto wish = edits_.wishes.find(key); wish != edits_.wishes.end()) {
            row.edited = true;
            row.wish = wish->second;
        }
        if (always || row.now || row.waits() || row.edited) rows_.push_back(std::move(row));
    }

    const Config& config_;
    const HardwareEdits& edits_;
    const bool all_;
    const std::vector<std::string> deletes_;
    std::string_view group_;
    std::vector<HardwareRow> rows_;
};

}  // namespace

Values HardwareEdits::words(int guest) const {
    std::vector<std::string> values, gone;
    for (const auto& [key, wish] : wishes)
        if (wish)
            values.push_back(key + "=" + *wish);
        else
            gone.push_back(key);
    Values words{{"guest", guest}};
    if (!values.empty()) words.set({"values", values});
    if (!gone.empty()) words.set({"delete", gone});
    if (!reverts.empty())
        words.set({"revert", std::vector<std::string>(reverts.begin(), reverts.end())});
    if (!digest.empty()) words.set({"digest", digest});
    return words;
}

std::string HardwareRow::value() const {
    if (edited) return wish.value_or("");
    if (reverted || !waits()) return now.value_or("");
    return waiting.value_or("");
}

std::vector<HardwareRow> hardware_rows(const Config& config, const HardwareEdits& edits, bool all) {
    return Collector(config, edits, all).rows();
}

bool may_hold_secret(std::string_view key) {
    static constexpr std::string_view keys[] = {"args", "entrypoint", "env"};
    return is_secret(key) || std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

std::string value_words(std::string_view key, const std::string& value) {
    if (is_secret(key)) return value.empty() ? "" : "********";
    if (key == "sshkeys") {
        const auto keys = split(trim(decode_keys(value)), '\n');
        return counted(keys.size(), "key");
    }
    if (key == "description") return value.substr(0, value.find('\n'));
    return value;
}

std::string value_words(const HardwareRow& row, const std::string& value) {
    if (row.hidden && !value.empty()) return std::string(out_of_sight);
    return value_words(row.key, value);
}

std::string edit_words(const HardwareRow& row) {
    if (!row.edited) return row.reverted ? "what waits is dropped" : "";
    std::string before = row.now ? value_words(row, *row.now) : "";
    if (!row.now && !row.field->fallback.empty())
        before = fmt::format("(usual {})", row.field->fallback);
    const std::string after =
        row.wish ? value_words(row, *row.wish)
                 : std::string(row.field->fallback.empty()
                                   ? "removed"
                                   : fmt::format("(usual {})", row.field->fallback));
    return before.empty() ? after : before + " -> " + after;
}

std::string waiting_words(const HardwareRow& row) {
    if (!row.waits()) return "";
    if (row.hidden && row.waiting) return "-> another at the next start";
    return fmt::format("-> {} at the next start",
                       row.waiting ? value_words(row, *row.waiting) : "removed");
}

std::string edits_words(const Config& config, const HardwareEdits& edits) {
    std::string words;
    for (const HardwareRow& row : hardware_rows(config, edits, true))
        if (row.edited || row.reverted) words += fmt::format("{}: {}\n", row.key, edit_words(row));
    return words;
}

std::string free_key(const Config& config, const HardwareEdits& edits, std::string_view stem) {
    for (int number = 0;; ++number) {
        std::string key = fmt::format("{}{}", stem, number);
        if (config.schema().find(key) == nullptr) return "";
        const auto wish = edits.wishes.find(key);
        const bool wished = wish != edits.wishes.end() && wish->second;
        if (!wished && !config.current.has(key) && !config.pending.has(key)) return key;
    }
}

std::string decode_keys(std::string_view text) {
    std::string lines;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto digit = [&](size_t at) {
            const char c = text[at];
            if (c >= '0' && c <= '9') return c - '0';
            if (c >= 'a' && c <= 'f') return c - 'a' + 10;
            if (c >= 'A' && c <= 'F') return c - 'A' + 10;
            return -1;
        };
        if (text[i] == '%' && i + 2 < text.size() && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
            lines += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
            i += 2;
        } else {
            lines += text[i];
        }
    }
    return lines;
}

std::string encode_keys(std::string_view lines) {
    std::string encoded;
    for (const char c : std::string(trim(lines)) + "\n") {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        encoded +=
            plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

}  // namespace lodge
