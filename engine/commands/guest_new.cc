#include "engine/commands/common.h"
#include "engine/units.h"

// How guests come to be: the words of `lodge create` and `lodge import`.

namespace lodge {

int id_for(Engine& engine, const Values& words) {
    if (!words.has("id")) return engine.store.free_id();
    const int64_t id = words.integer("id");
    if (id < 100 || id > 999999999)
        fail(Exit::usage, "id {} is not allowed: a whole number, 100 to 999999999", id);
    return static_cast<int>(id);
}

namespace {

const GuestKind& kind_named(Engine& engine, std::string_view name) {
    std::vector<std::string> names;
    for (const GuestKind* kind : engine.kinds) {
        if (kind->name() == name) return *kind;
        names.emplace_back(kind->name());
    }
    fail(Exit::usage, "--kind {} is not allowed: {}", printable(name), join(names, " or "));
}

Plan plan_create(Engine& engine, const Values& words) {
    const GuestKind& kind =
        kind_named(engine, words.text("kind", words.has("template") ? "ct" : "vm"));
    return kind.create(engine, id_for(engine, words), words);
}

Plan plan_import(Engine& engine, const Values& words) {
    Values given = words;
    given.erase("file");
    given.set({"import", words.text("file")});
    return plan_create(engine, given);
}

const Operand keys_and_values{"values", WordKind::key_value,
                              "Keys of the configuration: lodge help keys.", true, true};

std::vector<Option> creation_options() {
    return {
        {.name = "name", .value = "NAME", .help = "What it is called."},
        {.name = "memory", .value = "MIB", .help = "Memory in MiB; 2048, of a container 512."},
        {.name = "cores", .value = "N", .help = "Processors; 2."},
        {.name = "disk",
         .value = "SIZE",
         .help = "A new disk, such as 32G or local:32G; 32G, of a container 8G.",
         .many = true},
        {.name = "ostype",
         .value = "OS",
         .help = "l26 (Linux), win11, win10, other …: which hardware suits it; l26."},
        {.name = "iso",
         .value = "ISO",
         .help = "What it is installed from: a file, or an ISO of a storage.",
         .kind = WordKind::path},
        {.name = "bridge", .value = "BRIDGE", .help = "The host's bridge its card joins."},
        {.name = "net",
         .value = "CARD",
         .help = "A network card, such as virtio,bridge=vmbr0; none for no network.",
         .many = true},
        {.name = "uefi", .help = "Boots by UEFI instead of a BIOS."},
        {.name = "tpm", .help = "Has a TPM 2.0."},
        {.name = "user", .value = "NAME", .help = "Cloud-init: who can log in."},
        {.name = "password",
         .value = "TEXT",
         .help = "The user's (cloud-init) or the container's root's."},
        {.name = "ssh-key",
         .value = "FILE",
         .help = "A file with public keys, for the same one.",
         .kind = WordKind::path,
         .many = true},
        {.name = "id", .value = "ID", .help = "Its number; the lowest free one from 100."},
        {.name = "kind", .value = "KIND", .help = "Its kind: vm or ct; ct with --template."},
        {.name = "template",
         .value = "SOURCE",
         .help = "A container of this: an archive, a folder, an OCI image, a template's volume, "
                 "SERVER:NAME, docker://HOST/NAME:TAG or debian:SUITE.",
         .kind = WordKind::path},
        {.name = "swap", .value = "MIB", .help = "A container's swap space in MiB; 512."},
        {.name = "privileged", .help = "A container whose root is root of this machine."},
        {.name = "storage",
         .value = "STORAGE",
         .help = "Where its disks go; the first one that can hold them.",
         .kind = WordKind::storage},
        {.name = "format",
         .value = "FORMAT",
         .help = "raw or qcow2; of a container raw or subvol (a folder)."},
        {.name = "start", .help = "Starts it when it is made."}};
}

}  // namespace

std::vector<Command> creation_command_table() {
    return {
        {.subject = "guest",
         .verb = "create",
         .short_form = "create",
         .label = "New",
         .help = "Makes a guest.",
         .key = "F7",
         .twin = "n",
         .risk = Risk::undoable,
         .operands = {keys_and_values},
         .options =
             [] {
                 auto options = creation_options();
                 options.push_back({.name = "import",
                                    .value = "FILE",
                                    .help = "A disk image or OVA to begin with.",
                                    .kind = WordKind::path});
                 return options;
             }(),
         .plan = plan_create,
         .more =
             "For example: lodge create --name web --memory 2048 --disk 16G --iso debian.iso "
             "--start. What is not said is chosen for the kind of system (--ostype). Any key of "
             "the configuration can be given as KEY=VALUE beside: cpu=host net0=virtio."},
        {.subject = "guest",
         .verb = "import",
         .short_form = "import",
         .label = "Import",
         .help = "Makes a guest from an OVA or a disk image.",
         .risk = Risk::undoable,
         .operands = {{"file", WordKind::path, "OVA, qcow2, raw, vmdk, vhdx or vdi."},
                      keys_and_values},
         .options = creation_options(),
         .plan = plan_import}};
}

}  // namespace lodge
