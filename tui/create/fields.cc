#include "tui/create/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/engine.h"
#include "engine/state.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

using Kind = FormField::Kind;

constexpr int64_t mib = 1 << 20;

}  // namespace

const std::vector<StorageView>& seen_storages(const Workshop& shop) {
    return shop.state.seen().storages;
}

bool storage_holds(const StorageView& storage, std::string_view content) {
    return storage.active() && std::find(storage.contents.begin(), storage.contents.end(),
                                         content) != storage.contents.end();
}

std::string free_name(const Workshop& shop, std::string name) {
    const auto taken = [&](const std::string& one) {
        const auto& guests = shop.state.guests();
        return std::any_of(guests.begin(), guests.end(),
                           [&](const GuestView& view) { return view.guest->name == one; });
    };
    std::string free = name;
    for (int number = 2; taken(free); ++number)
        free = fmt::format("{}-{}", name, number);
    return free;
}

void add_storage_field(const Workshop& shop, std::string_view content,
                       std::vector<FormField>& fields) {
    FormField field{
        .name = "storage", .label = "Storage", .help = "Where its disks go.", .kind = Kind::choice};
    for (const StorageView& one : seen_storages(shop)) {
        if (!storage_holds(one, content)) continue;
        field.choices.push_back(one.id);
        field.labels.push_back(
            one.space ? fmt::format("{}: {} free", one.id, short_size(one.space->available))
                      : one.id);
    }
    if (field.choices.empty()) return;
    field.value = field.choices.front();
    fields.push_back(std::move(field));
}

FormField disk_field(const Workshop& shop, ChosenStorage chosen, std::string value,
                     std::string help, std::string fallback) {
    const auto room = [&state = shop.state,
                       chosen = std::move(chosen)](const std::string& text) -> std::string {
        const auto bytes = parse_size(text);
        for (const StorageView& one : state.seen().storages)
            if (bytes && one.id == chosen() && one.space && *bytes > one.space->available)
                return fmt::format("more than the {} free", short_size(one.space->available));
        return "";
    };
    return {.name = "disk",
            .label = "Disk",
            .help = std::move(help),
            .keys = "+ and - step it.",
            .kind = Kind::size,
            .value = std::move(value),
            .fallback = std::move(fallback),
            .problem =
                [](const std::string& text) {
                    const auto bytes = parse_size(text);
                    return bytes && *bytes >= mib ? "" : "a size such as 32G";
                },
            .note = room};
}

FormField memory_field(const Workshop& shop, std::string value, std::string fallback) {
    const HostView& host = shop.state.host();
    const int64_t free = host.memory_total - host.memory_used;
    return {.name = "memory",
            .label = "Memory",
            .help = "MiB.",
            .keys = "+ and - step it.",
            .kind = Kind::number,
            .value = std::move(value),
            .fallback = std::move(fallback),
            .min = 16,
            .problem =
                [](const std::string& text) {
                    const auto number = parse_integer(text);
                    return number && *number >= 16 ? "" : "a whole number of MiB, 16 or more";
                },
            .note =
                [free, total = host.memory_total](const std::string& text) {
                    const auto wanted = parse_integer(text);
                    if (wanted && *wanted > free / mib)
                        return fmt::format("MiB; only {} of {} are free", short_size(free),
                                           short_size(total));
                    return fmt::format("MiB of {} free", short_size(free));
                }};
}

FormField cores_field(const Workshop& shop, std::string value, std::string fallback) {
    const int cpus = shop.state.host().cpus;
    return {.name = "cores",
            .label = "Cores",
            .help = "How many CPUs it sees.",
            .keys = "+ and - step it.",
            .kind = Kind::number,
            .value = std::move(value),
            .fallback = std::move(fallback),
            .min = 1,
            .max = 128,
            .problem =
                [](const std::string& text) {
                    const auto number = parse_integer(text);
                    return number && *number >= 1 && *number <= 128 ? "" : "1 to 128";
                },
            .note =
                [cpus](const std::string& text) {
                    const auto wanted = parse_integer(text);
                    return wanted && *wanted > cpus
                               ? fmt::format("more than the {} there are", cpus)
                               : fmt::format("of {}", cpus);
                }};
}

std::string usual_cores(const Workshop& shop) {
    return std::to_string(std::min(2, std::max(1, shop.state.host().cpus)));
}

FormField network_field(const Workshop& shop) {
    FormField field{.name = "net",
                    .label = "Network",
                    .help =
                        "On a bridge it is a machine of the bridge's network; a network of its "
                        "own leads out through this machine.",
                    .kind = Kind::choice,
                    .value = "none"};
    shop.state.look_at_links();
    for (const LinkView& link : shop.state.seen().links) {
        if (link.kind != "bridge") continue;
        field.choices.push_back(link.name);
        field.labels.push_back("bridge " + link.name);
        // The names that people give to the bridge of their guests.
        const bool meant = link.name == "vmbr0" || link.name == "br0";
        if (meant && field.value == "none" && shop.engine.host.is_root()) field.value = link.name;
    }
    field.choices.insert(field.choices.end(), {"none", "no"});
    field.labels.insert(field.labels.end(), {"its own, out through this machine", "no card"});
    return field;
}

std::string own_keys(const Workshop& shop) {
    const char* home = std::getenv("HOME");
    if (home == nullptr) return "";
    for (const std::string_view name : {"id_ed25519.pub", "id_rsa.pub", "authorized_keys"}) {
        const std::string file = shop.engine.host.system(fmt::format("{}/.ssh/{}", home, name));
        if (shop.engine.host.exists(file)) return file;
    }
    return "";
}

}  // namespace lodge
