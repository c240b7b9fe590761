// What the wizard for a new guest offers, out of what State sees of the machine.
#include "tui/create/choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/engine.h"
#include "engine/state.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/create/container.h"
#include "tui/create/fields.h"

namespace lodge {

const Schema& vm_schema();

namespace {

using Kind = FormField::Kind;
using From = NewGuest::From;

std::string file_name(const std::string& volume) {
    const size_t slash = volume.find_last_of("/:");
    return slash == std::string::npos ? volume : volume.substr(slash + 1);
}

FormField name_field(const Workshop& shop, const NewGuest& guest) {
    std::string name = guest.from == From::demo ? "demo" : name_from_file(guest.file);
    if (name.empty()) name = guest.system->name;
    return {.name = "name",
            .label = "Name",
            .help = "Letters, digits and -; what the guest is called here.",
            .value = free_name(shop, std::move(name)),
            .needed = true,
            .problem = [](const std::string& text) {
                return problem_with(*vm_schema().find("name"), text);
            }};
}

void add_login(const Workshop& shop, std::vector<FormField>& fields) {
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
                      .help = "A file with public keys, or a key.",
                      .keys = "Tab completes.",
                      .kind = Kind::path,
                      .value = own_keys(shop)});
}

void add_isos(const Workshop& shop, const SystemKind& system, std::vector<Medium>& media) {
    shop.state.look_at_storages();
    for (const bool suits : {true, false})
        for (const StorageView& storage : seen_storages(shop))
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

std::vector<Medium> media_for(const Workshop& shop, const SystemKind& system, size_t& best) {
    if (system.container) return container_media(shop, best);
    std::vector<Medium> media;
    add_isos(shop, system, media);
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

std::vector<FormField> file_fields(const Workshop& shop, const Medium& medium) {
    if (!medium.field.empty())
        return {{.name = "file",
                 .label = medium.field,
                 .help = medium.field_help,
                 .keys = medium.choices.empty() ? "Tab completes." : "F4 shows what there is.",
                 .kind = medium.choices.empty() ? Kind::path : Kind::text,
                 .value = medium.text,
                 .choices = medium.choices,
                 .needed = true}};
    FormField field{.name = "file",
                    .label = "File",
                    .help = "A path, or a volume of a storage.",
                    .keys = "Tab completes, F4 shows the volumes.",
                    .kind = Kind::path,
                    .needed = true};
    const bool iso = medium.from == From::iso;
    for (const StorageView& storage : seen_storages(shop))
        for (const VolumeView& volume : storage.volumes)
            if (iso ? volume.info.content == "iso" : volume.info.content == "import")
                field.choices.push_back(volume.info.id);
    return {field};
}

std::string file_problem(const std::string& text, bool folder) {
    if (text.find(':') != std::string::npos && text[0] != '/') return "";
    std::error_code unknown;
    if (folder && std::filesystem::is_directory(text, unknown)) return "";
    const bool there = std::filesystem::is_regular_file(text, unknown) ||
                       std::filesystem::is_block_file(text, unknown);
    return there ? "" : fmt::format("there is no file {}", printable(text));
}

std::vector<FormField> setting_fields(const Workshop& shop, const NewGuest& guest,
                                      ChosenStorage chosen) {
    shop.state.look_at_storages();
    if (guest.system->container) return container_fields(shop, guest, std::move(chosen));
    std::vector<FormField> fields;
    fields.push_back(name_field(shop, guest));
    if (guest.from != From::demo) {
        const std::string as_it_says = guest.is_appliance() ? "as it says" : "";
        const bool image = guest.from == From::image || guest.from == From::cloud;
        if (!guest.is_appliance())
            fields.push_back(
                disk_field(shop, std::move(chosen), image ? "" : std::string(guest.system->disk),
                           image ? "Its size at least; left empty it is as large as the image."
                                 : "The size of its disk, such as 32G; it takes room as it fills.",
                           image ? "as it is" : ""));
        add_storage_field(shop, "images", fields);
        fields.push_back(memory_field(
            shop, guest.is_appliance() ? "" : std::string(guest.system->memory), as_it_says));
        fields.push_back(
            cores_field(shop, guest.is_appliance() ? "" : usual_cores(shop), as_it_says));
        fields.push_back(network_field(shop));
        if (guest.from == From::cloud) add_login(shop, fields);
        if (!guest.system->has_uefi && !guest.is_appliance())
            fields.push_back({.name = "uefi",
                              .label = "UEFI",
                              .help = "Boots by UEFI instead of a BIOS.",
                              .kind = Kind::flag});
    } else {
        add_storage_field(shop, "images", fields);
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
    if (guest.system->container) return container_lines(guest);
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
