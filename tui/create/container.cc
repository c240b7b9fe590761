#include "tui/create/container.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/state.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/create/fields.h"

namespace lodge {

const Schema& container_schema();

namespace {

using Kind = FormField::Kind;
using From = NewGuest::From;

std::string file_name(const std::string& volume) {
    return volume.substr(volume.find_last_of("/:") + 1);
}

// Templates that are on a storage.
void add_templates(const Workshop& shop, std::vector<Medium>& media) {
    for (const StorageView& storage : seen_storages(shop))
        for (const VolumeView& volume : storage.volumes) {
            if (volume.info.content != "vztmpl") continue;
            // Its note says where it came from, "images:debian/12", or that there is a newer one.
            const bool known = volume.note.find(':') != std::string::npos &&
                               volume.note.find(' ') == std::string::npos;
            media.push_back(
                {.from = From::root,
                 .label = file_name(volume.info.id),
                 .note = fmt::format("{}, {} on {}", volume.note.empty() ? "template" : volume.note,
                                     short_size(volume.info.size), storage.id),
                 .help = "A template that is here: it is unpacked into a new root file "
                         "system.",
                 .file = volume.info.id,
                 .name = name_from_template(known ? volume.note : volume.info.id)});
        }
}

// What servers had when they were last asked; the same ones stand below each storage that takes
// templates.
std::vector<std::string> offers(const Workshop& shop) {
    std::vector<std::string> names;
    for (const StorageView& storage : seen_storages(shop))
        for (const VolumeView& volume : storage.volumes)
            if (volume.info.content == "available") names.push_back(volume.info.id);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

// The suite that this machine has itself is one that its apt can reach.
std::string own_suite(const Workshop& shop) {
    const Host& host = shop.engine.host;
    std::string system, suite;
    for (const std::string& line :
         split(host.read(host.system("/etc/os-release")).value_or(""), '\n')) {
        if (line.starts_with("ID=")) system = line.substr(3);
        if (line.starts_with("VERSION_CODENAME=")) suite = line.substr(17);
    }
    const bool known = system == "debian" || system == "ubuntu" || system == "devuan";
    return known && !suite.empty() ? system + ":" + suite : "debian:stable";
}

void add_login(const Workshop& shop, std::vector<FormField>& fields) {
    fields.push_back({.name = "password",
                      .label = "Password",
                      .help = "root's. Without one, and without a key, only this machine's Shell "
                              "comes in.",
                      .kind = Kind::secret});
    fields.push_back({.name = "ssh-key",
                      .label = "SSH key",
                      .help = "root's: a file with public keys, or a key.",
                      .keys = "Tab completes.",
                      .kind = Kind::path,
                      .value = own_keys(shop)});
}

FormField part_field(std::string name, std::string label, std::string_view part, std::string help,
                     std::string fallback) {
    const Field* field = container_schema().find("net0");
    const auto found = std::find_if(field->parts.begin(), field->parts.end(),
                                    [&](const Field& one) { return one.key == part; });
    return {.name = std::move(name),
            .label = std::move(label),
            .help = std::move(help),
            .fallback = std::move(fallback),
            .problem = [found](const std::string& text) { return problem_with(*found, text); }};
}

}  // namespace

std::vector<Medium> container_media(const Workshop& shop, size_t& best) {
    shop.state.look_at_storages();
    std::vector<Medium> media;
    add_templates(shop, media);
    best = 0;
    const std::vector<std::string> there = offers(shop);
    media.push_back(
        {.from = From::root,
         .label = "Catalogue",
         .note =
             there.empty() ? "servers not asked yet" : fmt::format("{} to download", there.size()),
         .help = there.empty() ? "Asks the servers of templates what they have."
                               : "A system that a server has: it is fetched, its "
                                 "checksum verified, and kept for the next one.",
         .asks_file = true,
         .field = "Template",
         .field_help = "As a server names it.",
         .text = std::find(there.begin(), there.end(), "images:debian/12") != there.end()
                     ? "images:debian/12"
                 : there.empty() ? ""
                                 : there.front(),
         .choices = there,
         .asks_servers = there.empty()});
    media.push_back({.from = From::root,
                     .label = "File or folder",
                     .note = "tar, OCI image, folder",
                     .help = "A tarball (plain, gz, xz, zst), an archive of vzdump, an OCI image, "
                             "or a folder with a root file system: it is copied.",
                     .asks_file = true,
                     .field = "Path",
                     .field_help = "An archive, an image's folder or archive, or a folder."});
    media.push_back({.from = From::root,
                     .label = "Image of a registry",
                     .note = "docker://…",
                     .help = "An application's image, by skopeo: it runs with its own program, "
                             "environment and user.",
                     .asks_file = true,
                     .field = "Image",
                     .field_help = "docker://HOST/NAME:TAG",
                     .text = "docker://docker.io/library/",
                     .choices = {"docker://docker.io/library/", "docker://ghcr.io/"}});
    const std::string suite = own_suite(shop);
    media.push_back({.from = From::root,
                     .label = "Build of packages",
                     .note = suite,
                     .help = "mmdebstrap makes it of the packages that this machine's apt can "
                             "reach; that takes a minute or more, once.",
                     .asks_file = true,
                     .field = "System",
                     .field_help = "debian:SUITE, ubuntu:SUITE or devuan:SUITE",
                     .text = suite,
                     .choices = {"debian:bookworm", "debian:trixie", "debian:stable",
                                 "ubuntu:noble", "devuan:daedalus"}});
    media.push_back({.from = From::demo,
                     .label = "Demo",
                     .note = "made here",
                     .help = "This machine's busybox alone, up at once: to try things with."});
    // With nothing here yet, what needs nothing.
    if (media.front().file.empty()) best = media.size() - 1;
    return media;
}

std::vector<FormField> container_fields(const Workshop& shop, const NewGuest& guest,
                                        ChosenStorage chosen) {
    std::vector<FormField> fields;
    std::string name = guest.from == From::demo ? "demo" : guest.named_after;
    if (name.empty()) name = name_from_template(guest.file);
    if (name.empty()) name = guest.system->name;
    fields.push_back({.name = "name",
                      .label = "Name",
                      .help = "Letters, digits and -; what it is called here and calls itself.",
                      .value = free_name(shop, std::move(name)),
                      .needed = true,
                      .problem = [](const std::string& text) {
                          return problem_with(*container_schema().find("hostname"), text);
                      }});
    const FormField start{.name = "start",
                          .label = "Start it",
                          .help = "As soon as it is made.",
                          .kind = Kind::flag,
                          .value = "1"};
    if (guest.from == From::demo) {
        add_storage_field(shop, "rootdir", fields);
        fields.push_back(start);
        return fields;
    }
    add_login(shop, fields);
    fields.push_back(memory_field(shop, std::string(guest.system->memory), ""));
    fields.back().help = "MiB that it may use at most; what it does not use others have.";
    fields.push_back({.name = "swap",
                      .label = "Swap",
                      .help = "MiB that it may swap beyond that; 0 for none.",
                      .kind = Kind::number,
                      .value = "512",
                      .min = 0,
                      .problem = [](const std::string& text) {
                          return problem_with(*container_schema().find("swap"), text);
                      }});
    fields.push_back(cores_field(shop, usual_cores(shop), "all"));
    fields.back().help = "How many CPUs it may use; empty: all.";
    fields.push_back(
        disk_field(shop, std::move(chosen), std::string(guest.system->disk),
                   "A size that holds, such as 8G. Left empty its root is a folder, as "
                   "large as its storage has room.",
                   "no limit"));
    add_storage_field(shop, "rootdir", fields);
    fields.push_back(network_field(shop));
    fields.push_back(part_field("ip", "Address", "ip",
                                "Of its card: dhcp, manual, or one such as 192.168.1.20/24.",
                                "dhcp"));
    fields.push_back(part_field("gw", "Gateway", "gw", "With an address of one's own only.", ""));
    fields.push_back({.name = "nesting",
                      .label = "Nesting",
                      .help = "Containers inside, such as Docker; newer systemd wants it too.",
                      .kind = Kind::flag});
    fields.push_back(start);
    return fields;
}

std::vector<std::pair<std::string, std::string>> container_lines(const NewGuest& guest) {
    const Values& set = guest.settings;
    std::vector<std::pair<std::string, std::string>> lines;
    lines.emplace_back("Name", set.text("name", ""));
    if (guest.from == From::demo) {
        lines.emplace_back("From", "this machine's busybox, a container");
    } else {
        lines.emplace_back("From", guest.file);
        lines.emplace_back("Login", set.has("password") && set.has("ssh-key") ? "password, SSH key"
                                    : set.has("password")                     ? "password"
                                    : set.has("ssh-key")                      ? "SSH key"
                                                         : "by Shell from here only");
        const auto cores = parse_integer(set.text("cores", ""));
        lines.emplace_back("Limits", fmt::format("{} MiB, swap {} MiB, {}",
                                                 set.text("memory", "512"), set.text("swap", "512"),
                                                 cores ? counted(*cores, "core") : "all cores"));
        lines.emplace_back("Disk", fmt::format("{} on {}", set.text("disk", "a folder"),
                                               set.text("storage", "?")));
        const std::string net = set.text("net", "");
        std::string words = net == "no"     ? "no card"
                            : net == "none" ? "its own, out through this machine"
                                            : "bridge " + net;
        if (net != "no") words += ", " + set.text("ip", "dhcp");
        lines.emplace_back("Network", words);
    }
    lines.emplace_back("Start", set.flag("start") ? "as soon as it is made" : "no");
    return lines;
}

}  // namespace lodge
