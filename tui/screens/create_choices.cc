// What the wizard for a new guest offers, out of what State sees of the machine.
#include "tui/screens/create_choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"

namespace lodge {

const Schema& vm_schema();

namespace {

using Kind = FormField::Kind;
using From = NewGuest::From;

constexpr int64_t mib = 1 << 20;

const std::vector<StorageView>& storages(App& app) {
    return app.state().seen().storages;
}

bool holds(const StorageView& storage, std::string_view content) {
    return storage.active() && std::find(storage.contents.begin(), storage.contents.end(),
                                         content) != storage.contents.end();
}

std::string file_name(const std::string& volume) {
    const size_t slash = volume.find_last_of("/:");
    return slash == std::string::npos ? volume : volume.substr(slash + 1);
}

// A name that no guest has yet.
std::string free_name(App& app, std::string name) {
    const auto taken = [&](const std::string& one) {
        const auto& guests = app.state().guests();
        return std::any_of(guests.begin(), guests.end(),
                           [&](const GuestView& view) { return view.guest->name == one; });
    };
    std::string free = name;
    for (int number = 2; taken(free); ++number)
        free = fmt::format("{}-{}", name, number);
    return free;
}

FormField name_field(App& app, const NewGuest& guest) {
    std::string name = guest.from == From::demo ? "demo" : name_from_file(guest.file);
    if (name.empty()) name = guest.system->name;
    return {.name = "name",
            .label = "Name",
            .help = "Letters, digits and -; what the guest is called here.",
            .value = free_name(app, std::move(name)),
            .needed = true,
            .problem = [](const std::string& text) {
                return problem_with(*vm_schema().find("name"), text);
            }};
}

void add_storage(App& app, std::vector<FormField>& fields) {
    FormField field{
        .name = "storage", .label = "Storage", .help = "Where its disks go.", .kind = Kind::choice};
    for (const StorageView& one : storages(app)) {
        if (!holds(one, "images")) continue;
        field.choices.push_back(one.id);
        field.labels.push_back(
            one.space ? fmt::format("{}: {} free", one.id, short_size(one.space->available))
                      : one.id);
    }
    if (field.choices.empty()) return;
    field.value = field.choices.front();
    fields.push_back(std::move(field));
}

FormField disk_field(App& app, const NewGuest& guest, const Form& form) {
    const bool image = guest.from == From::image || guest.from == From::cloud;
    const auto room = [&app, &form](const std::string& text) -> std::string {
        const auto bytes = parse_size(text);
        for (const StorageView& one : storages(app))
            if (bytes && one.id == form.value("storage") && one.space &&
                *bytes > one.space->available)
                return fmt::format("more than the {} free", short_size(one.space->available));
        return "";
    };
    return {.name = "disk",
            .label = "Disk",
            .help = image ? "Its size at least; left empty it is as large as the image. + and - "
                            "step it."
                          : "The size of its disk, such as 32G; it takes room as it fills. + and "
                            "- step it.",
            .kind = Kind::size,
            .value = image ? "" : std::string(guest.system->disk),
            .fallback = image ? "as it is" : "",
            .problem =
                [](const std::string& text) {
                    const auto bytes = parse_size(text);
                    return bytes && *bytes >= mib ? "" : "a size such as 32G";
                },
            .note = room};
}

FormField memory_field(App& app, const NewGuest& guest) {
    const HostView& host = app.state().host();
    const int64_t free = host.memory_total - host.memory_used;
    std::string value(guest.system->memory);
    if (guest.is_appliance()) value.clear();
    return {.name = "memory",
            .label = "Memory",
            .help = "MiB. + and - step it.",
            .kind = Kind::number,
            .value = value,
            .fallback = value.empty() ? "as it says" : "",
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

FormField cores_field(App& app, const NewGuest& guest) {
    const int cpus = app.state().host().cpus;
    return {.name = "cores",
            .label = "Cores",
            .help = "How many CPUs it sees. + and - step it.",
            .kind = Kind::number,
            .value = guest.is_appliance() ? "" : std::to_string(std::min(2, std::max(1, cpus))),
            .fallback = guest.is_appliance() ? "as it says" : "",
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

FormField network_field(App& app) {
    FormField field{.name = "net",
                    .label = "Network",
                    .help =
                        "On a bridge it is a machine of the bridge's network; a network of its "
                        "own leads out through this machine.",
                    .kind = Kind::choice,
                    .value = "none"};
    app.state().look_at_links();
    for (const LinkView& link : app.state().seen().links) {
        if (link.kind != "bridge") continue;
        field.choices.push_back(link.name);
        field.labels.push_back("bridge " + link.name);
        // The names that people give to the bridge of their guests.
        const bool meant = link.name == "vmbr0" || link.name == "br0";
        if (meant && field.value == "none" && app.engine().host.is_root()) field.value = link.name;
    }
    field.choices.insert(field.choices.end(), {"none", "no"});
    field.labels.insert(field.labels.end(), {"its own, out through this machine", "no card"});
    return field;
}

// Keys of the person who sits here.
std::string own_keys(App& app) {
    const char* home = std::getenv("HOME");
    if (home == nullptr) return "";
    for (const std::string_view name : {"id_ed25519.pub", "id_rsa.pub", "authorized_keys"}) {
        const std::string file = app.engine().host.system(fmt::format("{}/.ssh/{}", home, name));
        if (app.engine().host.exists(file)) return file;
    }
    return "";
}

void add_login(App& app, std::vector<FormField>& fields) {
    fields.push_back({.name = "user",
                      .label = "User",
                      .help = "Who can log in; cloud-init makes this user at the first start.",
                      .value = "admin",
                      .needed = true});
    fields.push_back({.name = "password",
                      .label = "Password",
                      .help = "The user's; an SSH key can stand for it.",
                      .kind = Kind::secret});
    fields.push_back({.name = "ssh-key",
                      .label = "SSH key",
                      .help = "A file with public keys, or a key. Tab completes.",
                      .kind = Kind::path,
                      .value = own_keys(app)});
}

void add_isos(App& app, const SystemKind& system, std::vector<Medium>& media) {
    app.state().look_at_storages();
    for (const bool suits : {true, false})
        for (const StorageView& storage : storages(app))
            for (const VolumeView& volume : storage.volumes) {
                const std::string name = file_name(volume.info.id);
                if (volume.info.content != "iso" || iso_suits(system, name) != suits) continue;
                media.push_back(
                    {.from = From::iso,
                     .label = name,
                     .note = fmt::format("ISO, {} on {}", short_size(volume.info.size), storage.id),
                     .help = "It is put into the CD drive, to install from.",
                     .file = volume.info.id});
            }
}

}  // namespace

std::vector<Medium> media_for(App& app, const SystemKind& system, size_t& best) {
    std::vector<Medium> media;
    add_isos(app, system, media);
    const bool suits = !media.empty() && iso_suits(system, media.front().label);
    best = suits ? 0 : media.size();
    if (system.ostype == "l26")
        media.push_back({.from = From::demo,
                         .label = "Demo",
                         .note = "made here",
                         .help = "A small Linux made on the spot, at its login prompt in seconds: "
                                 "to try things with."});
    media.push_back({.from = From::iso,
                     .label = "Another ISO",
                     .note = "a file",
                     .help = "An installer's image that is no storage's yet.",
                     .asks_file = true});
    if (system.has_cloud)
        media.push_back({.from = From::cloud,
                         .label = "Cloud image",
                         .note = "installed already",
                         .help = "A disk image made for clouds (qcow2, raw): cloud-init sets up "
                                 "who can log in.",
                         .asks_file = true});
    media.push_back({.from = From::image,
                     .label = "Disk image or OVA",
                     .note = "a copy of it",
                     .help = "qcow2, raw, vmdk, vhdx or vdi, or an appliance with its description.",
                     .asks_file = true});
    media.push_back({.from = From::nothing,
                     .label = "Nothing",
                     .note = "an empty disk",
                     .help = "It starts from the network, or from what is put in later."});
    return media;
}

std::vector<FormField> file_fields(App& app, const Medium& medium) {
    FormField field{
        .name = "file",
        .label = "File",
        .help = "A path, or a volume of a storage. Tab completes, F4 shows the volumes.",
        .kind = Kind::path,
        .needed = true};
    const bool iso = medium.from == From::iso;
    for (const StorageView& storage : storages(app))
        for (const VolumeView& volume : storage.volumes)
            if (iso ? volume.info.content == "iso" : volume.info.content == "import")
                field.choices.push_back(volume.info.id);
    return {field};
}

std::string file_problem(const std::string& text) {
    if (text.find(':') != std::string::npos && text[0] != '/') return "";
    std::error_code unknown;
    const bool there = std::filesystem::is_regular_file(text, unknown) ||
                       std::filesystem::is_block_file(text, unknown);
    return there ? "" : fmt::format("there is no file {}", printable(text));
}

std::vector<FormField> setting_fields(App& app, const NewGuest& guest, const Form& form) {
    app.state().look_at_storages();
    std::vector<FormField> fields;
    fields.push_back(name_field(app, guest));
    if (guest.from != From::demo) {
        if (!guest.is_appliance()) fields.push_back(disk_field(app, guest, form));
        add_storage(app, fields);
        fields.push_back(memory_field(app, guest));
        fields.push_back(cores_field(app, guest));
        fields.push_back(network_field(app));
        if (guest.from == From::cloud) add_login(app, fields);
        if (!guest.system->has_uefi && !guest.is_appliance())
            fields.push_back({.name = "uefi",
                              .label = "UEFI",
                              .help = "Boots by UEFI instead of a BIOS.",
                              .kind = Kind::flag});
    } else {
        add_storage(app, fields);
    }
    fields.push_back({.name = "start",
                      .label = "Start it",
                      .help = "As soon as it is made.",
                      .kind = Kind::flag,
                      .value = "1"});
    return fields;
}

std::string settings_problem(const NewGuest& guest) {
    if (guest.from == From::cloud && !guest.settings.has("password") &&
        !guest.settings.has("ssh-key"))
        return "nobody could log in: a password or an SSH key is needed";
    return "";
}

namespace {

std::string memory_words(const Values& set) {
    return set.has("memory") ? set.text("memory") + " MiB" : "as it says";
}

std::string cores_words(const Values& set) {
    const auto cores = parse_integer(set.text("cores", ""));
    return cores ? counted(*cores, "core") : "cores as it says";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> guest_lines(const NewGuest& guest) {
    const Values& set = guest.settings;
    std::vector<std::pair<std::string, std::string>> lines;
    lines.emplace_back("Name", set.text("name", ""));
    if (guest.from == From::demo) {
        lines.emplace_back("From", "a small Linux made here");
    } else {
        lines.emplace_back("System", guest.system->label);
        lines.emplace_back("", guest.system->hardware);
        lines.emplace_back("From", guest.file.empty() ? "nothing: an empty disk" : guest.file);
        if (!guest.is_appliance())
            lines.emplace_back("Disk", set.has("disk") ? fmt::format("{} on {}", set.text("disk"),
                                                                     set.text("storage", "?"))
                                                       : "as large as the image");
        lines.emplace_back("Memory", memory_words(set) + ", " + cores_words(set));
        const std::string net = set.text("net", "");
        lines.emplace_back("Network", net == "no"     ? "no card"
                                      : net == "none" ? "its own, out through this machine"
                                                      : "bridge " + net);
        if (guest.from == From::cloud) lines.emplace_back("User", set.text("user", ""));
        if (set.flag("uefi")) lines.emplace_back("Firmware", "UEFI");
    }
    lines.emplace_back("Start", set.flag("start") ? "as soon as it is made" : "no");
    return lines;
}

}  // namespace lodge
