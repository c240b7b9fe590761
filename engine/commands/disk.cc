#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/container/container.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/disks.h"

namespace lodge {

using nlohmann::json;

namespace {

template <Plan (*Make)(Engine&, const Guest&, const Values&)>
Plan plan_of(Engine& engine, const Values& words) {
    return Make(engine, guest_of(engine, words), words);
}

std::string full_path(const std::string& file) {
    if (file.empty() || file.front() == '/' || VolumeId::parse(file)) return file;
    std::error_code trouble;
    return std::filesystem::absolute(file, trouble).lexically_normal().string();
}

Plan plan_resize(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    return guest.kind->name() == "ct" ? ct_resize_plan(engine, guest, words)
                                      : disk_resize(engine, guest, words);
}

Plan plan_import(Engine& engine, const Values& words) {
    Values given = words;
    given.set({"file", full_path(words.text("file"))});
    return disk_import(engine, guest_of(engine, words), given);
}

// `disk delete 101 scsi1`, or `disk delete local:101/vm-101-disk-1.qcow2`.
Plan plan_delete(Engine& engine, const Values& words) {
    if (words.has("key")) {
        const Guest guest = guest_of(engine, words);
        return guest.kind->name() == "ct" ? ct_volume_delete_plan(engine, guest, words)
                                          : disk_delete(engine, guest, words);
    }
    if (VolumeId::parse(words.text("guest"))) return volume_delete(engine, words.text("guest"));
    fail(Exit::usage, "which disk of {}? lodge disk list {}", printable(words.text("guest")),
         printable(words.text("guest")));
}

std::string why_not(Engine& engine, const Values& words) {
    if (words.has("guest") && VolumeId::parse(words.text("guest"))) return "";
    return why_not_changed(engine, words, "change the disks of");
}

struct Row {
    std::string guest, key, volume, format, storage, backing, trouble;
    int64_t size = 0, used = 0;
    int id = 0;
};

void fill(Engine& engine, Row& row) {
    try {
        const VolumeInfo info = engine.storages.info(row.volume);
        row.format = info.format;
        row.size = info.size;
        row.used = info.used;
        row.backing = info.backing;
    } catch (const Error& error) {
        row.trouble = error.what();
    }
    if (const auto id = VolumeId::parse(row.volume)) row.storage = id->storage;
}

std::vector<Row> rows_of(Engine& engine, const Guest& guest) {
    std::vector<Row> rows;
    for (const auto& [key, value] : guest.config.current.entries()) {
        const bool unused = key.starts_with("unused");
        const bool mount = guest.kind->name() == "ct" && (key == "rootfs" || key.starts_with("mp"));
        if (!unused && !mount && !is_disk_key(key)) continue;
        Row row;
        row.id = guest.id;
        row.guest = guest.name;
        row.key = key;
        row.volume = unused || mount ? split(value, ',').front() : volume_of(value);
        if (row.volume.empty() || row.volume == "none" || row.volume == "cdrom") continue;
        fill(engine, row);
        rows.push_back(std::move(row));
    }
    return rows;
}

// Disk images that no guest names: what a broken-off job or a hand left.
void add_strays(Engine& engine, std::vector<Row>& rows) {
    std::map<std::string, bool> named;
    for (const Guest& guest : list_guests(engine)) {
        const auto look = [&](const Section& section) {
            for (const auto& [key, value] : section.entries()) {
                named[volume_of(value)] = true;
                named[split(value, ',').front()] = true;
            }
        };
        look(guest.config.current);
        look(guest.config.pending);
        for (const auto& [name, section] : guest.config.snapshots())
            look(section);
    }
    for (const auto& storage : engine.storages.all()) {
        if (!storage->why_unusable().empty()) continue;
        for (const VolumeInfo& info : storage->list()) {
            if (info.content != "images" || named.contains(info.id)) continue;
            Row row;
            row.id = info.owner;
            row.volume = info.id;
            row.format = info.format;
            row.storage = storage->id();
            row.backing = info.backing;
            row.size = info.size;
            row.used = info.used;
            rows.push_back(std::move(row));
        }
    }
}

Report list_disks(Engine& engine, const Values& words) {
    std::vector<Row> rows;
    if (words.has("guest")) {
        rows = rows_of(engine, guest_of(engine, words));
    } else {
        for (const Guest& guest : list_guests(engine))
            for (Row& row : rows_of(engine, guest))
                rows.push_back(std::move(row));
        add_strays(engine, rows);
    }
    json value = json::array();
    std::vector<std::vector<std::string>> table;
    for (const Row& row : rows) {
        table.push_back({std::to_string(row.id), printable(row.guest),
                         row.key.empty() ? "-" : row.key, short_size(row.size),
                         short_size(row.used), row.format, printable(row.volume),
                         printable(row.trouble)});
        value.push_back({{"id", row.id},
                         {"guest", row.guest.empty() ? json(nullptr) : json(row.guest)},
                         {"key", row.key.empty() ? json(nullptr) : json(row.key)},
                         {"volume", row.volume},
                         {"storage", row.storage},
                         {"format", row.format},
                         {"size", row.size},
                         {"used", row.used},
                         {"backing", row.backing.empty() ? json(nullptr) : json(row.backing)},
                         {"trouble", row.trouble.empty() ? json(nullptr) : json(row.trouble)}});
    }
    if (rows.empty()) return {"no disks\n", "[]\n"};
    return {format_table({"-ID", "GUEST", "KEY", "-SIZE", "-USED", "FORMAT", "VOLUME", ""}, table),
            json_text(value)};
}

const Operand guest_operand{"guest", WordKind::guest, "The guest's id or name."};
const Operand key_operand{"key", WordKind::text, "The disk: scsi0, virtio1, unused0, …"};
const Option storage_option{.name = "storage",
                            .value = "STORAGE",
                            .help = "Where it goes; the first that takes disks.",
                            .kind = WordKind::storage};
const Option format_option{.name = "format", .value = "FORMAT", .help = "raw or qcow2."};
const Option key_option{.name = "key", .value = "KEY", .help = "As which disk; the next free one."};

}  // namespace

std::span<const Command> disk_commands() {
    static const std::vector<Command> table = {
        {.subject = "disk",
         .verb = "list",
         .short_form = "disks",
         .label = "Disks",
         .help = "Lists the disks of a guest, or of all guests and those that none has.",
         .operands = {{"guest", WordKind::guest, "Only this guest's.", true}},
         .show = list_disks},
        {.subject = "disk",
         .verb = "create",
         .label = "New disk",
         .help = "Makes a disk and attaches it, to a running guest too.",
         .twin = "n",
         .risk = Risk::undoable,
         .operands = {guest_operand, {"size", WordKind::text, "64G, 512M, or a number of GiB."}},
         .options = {storage_option, format_option, key_option},
         .why_not = why_not,
         .plan = plan_of<disk_create>},
        {.subject = "disk",
         .verb = "attach",
         .label = "Attach",
         .help = "Attaches a volume to a guest, running or not.",
         .twin = "a",
         .risk = Risk::undoable,
         .operands = {guest_operand, {"volume", WordKind::volume, "A volume, or unused0, …"}},
         .options = {key_option},
         .why_not = why_not,
         .plan = plan_of<disk_attach>},
        {.subject = "disk",
         .verb = "detach",
         .label = "Detach",
         .help = "Takes a disk off a guest; its volume stays, as an unused one.",
         .twin = "x",
         .risk = Risk::interrupts,
         .operands = {guest_operand, key_operand},
         .why_not = why_not,
         .plan = plan_of<disk_detach>},
        {.subject = "disk",
         .verb = "resize",
         .short_form = "resize",
         .label = "Resize",
         .help = "Makes a disk larger, of a running guest too.",
         .twin = "+",
         .risk = Risk::undoable,
         .operands = {guest_operand,
                      key_operand,
                      {"size", WordKind::text, "64G, or +8G for so much more."}},
         .options = {{.name = "shrink",
                      .help = "Allows a smaller size: what is behind it is lost.",
                      .risk = Risk::destroys}},
         .why_not = why_not,
         .plan = plan_resize},
        {.subject = "disk",
         .verb = "move",
         .label = "Move",
         .help = "Moves a stopped guest's disk to another storage or format.",
         .twin = "v",
         .risk = Risk::undoable,
         .operands = {guest_operand, key_operand},
         .options = {storage_option,
                     format_option,
                     {.name = "keep", .help = "Leaves the old volume, as an unused one."}},
         .why_not = why_not,
         .plan = plan_of<disk_move>},
        {.subject = "disk",
         .verb = "import",
         .label = "Import disk",
         .help = "Copies a disk image into a new disk of a guest.",
         .twin = "i",
         .risk = Risk::undoable,
         .operands = {guest_operand,
                      {"file", WordKind::path, "qcow2, raw, vmdk, vhdx or vdi; path or volume."}},
         .options = {storage_option,
                     format_option,
                     key_option,
                     {.name = "source-format",
                      .value = "FORMAT",
                      .help = "What the image is; else it is looked at."}},
         .why_not = why_not,
         .plan = plan_import,
         .more = "An image that leads to other files (backing file, data file) is refused: join it "
                 "first with qemu-img convert where you trust all of them."},
        {.subject = "disk",
         .verb = "delete",
         .label = "Delete disk",
         .help = "Deletes a disk of a guest with what is on it, or a volume that none has.",
         .twin = "D",
         .risk = Risk::destroys,
         .operands = {{"guest", WordKind::guest, "The guest's id or name, or a volume."},
                      {"key", WordKind::text, "The disk: scsi1, unused0, …", true}},
         .why_not = why_not,
         .plan = plan_delete},
    };
    return table;
}

}  // namespace lodge
