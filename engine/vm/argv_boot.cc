#include <algorithm>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// The order in which devices are booted from.
namespace lodge::argv {
namespace {

// Disks in the order in which the format looks for the first one.
constexpr std::string_view kDiskStems[] = {"ide", "scsi", "virtio", "sata"};

std::vector<std::string> drives(const Builder& builder, bool cdroms) {
    std::vector<std::string> keys;
    for (const std::string_view stem : kDiskStems)
        for (std::string& key : builder.config.indexed(stem))
            if (builder.is_cdrom(key) == cdroms) keys.push_back(std::move(key));
    return keys;
}

// The old form: c is the boot disk, d the CD drives, n the cards.
std::vector<std::string> legacy_order(Builder& builder, std::string_view letters) {
    std::vector<std::string> order;
    for (const char letter : letters) {
        std::vector<std::string> keys;
        if (letter == 'c') {
            keys = drives(builder, false);
            const std::string disk = builder.config.string_of("bootdisk");
            if (!disk.empty()) keys = {disk};
            if (keys.size() > 1) keys.resize(1);
        } else if (letter == 'd') {
            keys = drives(builder, true);
        } else if (letter == 'n') {
            keys = builder.config.indexed("net");
        } else {
            builder.warn("boot: there is no floppy drive to boot from");
        }
        order.insert(order.end(), keys.begin(), keys.end());
    }
    return order;
}

}  // namespace

bool Builder::is_cdrom(std::string_view key) const {
    const auto drive = config.properties(key);
    return drive && drive->text("media") == "cdrom";
}

void Builder::load_boot_order() {
    std::vector<std::string> order;
    const auto boot = config.properties("boot");
    if (boot && boot->has("order")) {
        for (std::string& key : split(boot->text("order"), ';')) {
            if (key.empty()) continue;
            if (config.current.has(key))
                order.push_back(std::move(key));
            else
                warn("boot: {} is not there to boot from", in_quotes(key));
        }
    } else {
        const std::string letters = boot ? boot->text("legacy") : "cdn";
        order = legacy_order(*this, letters.empty() ? "cdn" : letters);
    }
    int place = 100;  // below it is room for what `args` may bring
    for (std::string& key : order)
        boot_order_.emplace_back(std::move(key), place++);
}

int Builder::boot_index(std::string_view key) const {
    for (const auto& [name, place] : boot_order_)
        if (name == key) return place;
    return 0;
}

}  // namespace lodge::argv
