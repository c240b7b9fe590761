#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/error.h"
#include "engine/storage/all.h"
#include "engine/storage/device_storage.h"
#include "engine/storage/image.h"
#include "engine/storage/storage_cfg.h"
#include "engine/units.h"
#include "engine/vm/disks.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string warning_of(const Storage& storage) {
    const DeviceStorage* devices = device_storage(storage);
    return devices ? devices->warning() : "";
}

json facts_of(const Storage& storage, StorageSpace* space) {
    json value = {{"id", storage.id()}, {"type", storage.type()}, {"enabled", storage.enabled()}};
    json options = json::object();
    for (const auto& [key, list] : storage.options().items())
        options[key] = list.front();
    value["options"] = std::move(options);
    json content = json::array();
    for (const std::string_view one :
         {"images", "rootdir", "iso", "vztmpl", "backup", "snippets", "import"})
        if (storage.holds(one)) content.push_back(one);
    value["content"] = std::move(content);
    std::string why = storage.why_unusable();
    if (why.empty()) {
        try {
            *space = storage.space();
            value["total"] = space->total;
            value["used"] = space->used;
            value["available"] = space->available;
            if (const std::string words = warning_of(storage); !words.empty())
                value["warning"] = words;
        } catch (const Error& trouble) {
            why = trouble.what();
        }
    }
    value["usable"] = why.empty();
    value["trouble"] = why.empty() ? json(nullptr) : json(why);
    return value;
}

std::string content_words(const json& value) {
    std::vector<std::string> words;
    for (const json& one : value.at("content"))
        words.push_back(one.get<std::string>());
    return join(words, ",");
}

Report list_storages(Engine& engine, const Values&) {
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const auto& storage : engine.storages.all()) {
        StorageSpace space;
        const json value = facts_of(*storage, &space);
        const bool usable = value.at("usable").get<bool>();
        rows.push_back(
            {storage->id(), printable(storage->type()), usable ? short_size(space.total) : "-",
             usable ? short_size(space.used) : "-", usable ? short_size(space.available) : "-",
             content_words(value),
             usable ? warning_of(*storage) : printable(value.at("trouble").get<std::string>())});
        all.push_back(value);
    }
    std::string text =
        format_table({"STORAGE", "KIND", "-TOTAL", "-USED", "-FREE", "HOLDS", ""}, rows);
    for (const std::string& problem : engine.storages.problems())
        text += "warning: " + printable(problem) + "\n";
    return {text, json_text(all)};
}

Report show_storage(Engine& engine, const Values& words) {
    const Storage& storage = engine.storages.get(words.text("storage"));
    StorageSpace space;
    const json value = facts_of(storage, &space);
    std::vector<std::vector<std::string>> rows = {{"storage", storage.id()},
                                                  {"kind", printable(storage.type())},
                                                  {"holds", content_words(value)}};
    for (const auto& [key, list] : storage.options().items())
        if (key != "content")
            rows.push_back({printable(key), key.find("password") != std::string::npos
                                                ? "(hidden)"
                                                : printable(list.front())});
    if (value.at("usable").get<bool>()) {
        rows.push_back({"total", short_size(space.total)});
        rows.push_back({"used", short_size(space.used)});
        rows.push_back({"free", short_size(space.available)});
        if (const std::string warning = warning_of(storage); !warning.empty())
            rows.push_back({"warning", warning});
    } else {
        rows.push_back({"trouble", printable(value.at("trouble").get<std::string>())});
    }
    return {format_table({"KEY", "VALUE"}, rows), json_text(value)};
}

Report list_volumes(Engine& engine, const Values& words) {
    const std::string content = words.text("content", "");
    json all = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const auto& storage : engine.storages.all()) {
        if (words.has("storage")) {
            if (storage->id() != engine.storages.get(words.text("storage")).id()) continue;
        } else if (!storage->why_unusable().empty()) {
            continue;
        }
        for (const VolumeInfo& volume : storage->list()) {
            if (!content.empty() && volume.content != content) continue;
            rows.push_back({printable(volume.id), volume.content, printable(volume.format),
                            short_size(volume.size), short_size(volume.used),
                            volume.owner == 0 ? "" : std::to_string(volume.owner)});
            all.push_back(
                {{"volume", volume.id},
                 {"path", volume.path},
                 {"content", volume.content},
                 {"format", volume.format},
                 {"size", volume.size},
                 {"used", volume.used},
                 {"guest", volume.owner == 0 ? json(nullptr) : json(volume.owner)},
                 {"backing", volume.backing.empty() ? json(nullptr) : json(volume.backing)}});
        }
    }
    if (rows.empty()) return {"no volumes\n", "[]\n"};
    return {format_table({"VOLUME", "CONTENT", "FORMAT", "-SIZE", "-USED", "-GUEST"}, rows),
            json_text(all)};
}

std::string content_of_file(const std::string& name) {
    const auto format = format_of_name(name);
    if (format == "iso" || name.ends_with(".img")) return "iso";
    if (name.find(".tar.") != std::string::npos) return "vztmpl";
    if (!format.empty()) return "import";
    return "snippets";
}

Plan plan_upload(Engine& engine, const Values& words) {
    std::error_code trouble;
    const std::filesystem::path file =
        std::filesystem::absolute(words.text("file"), trouble).lexically_normal();
    if (trouble) fail_errno(trouble.value(), "cannot find " + printable(words.text("file")));
    const std::string name = words.text("name", file.filename().string());
    const std::string content = words.text("content", content_of_file(name));
    const Storage& storage = words.has("storage") ? engine.storages.get(words.text("storage"))
                                                  : engine.storages.default_for(content);
    Plan plan;
    const std::string volume = storage.plan_put_file(plan, file.string(), content, name);
    plan.title = fmt::format("copy {} to {}", printable(file.string()), volume);
    plan.afterwards = volume + " is there";
    return plan;
}

// A thin pool is looked at now, so that a slip of the pen is not found at the first disk.
void check_thin_pool(Engine& engine, const StorageCfg::Entry& entry) {
    if (!entry.options.has("vgname") || !entry.options.has("thinpool"))
        fail(Exit::usage,
             "a thin pool needs its volume group and its name (lvs shows both): lodge storage add "
             "{} vgname=pve thinpool=data --type lvmthin",
             entry.id);
    for (const std::string& one : split(entry.options.text("content"), ','))
        if (trim(one) != "images" && trim(one) != "rootdir")
            fail(Exit::usage, "a thin pool holds images and rootdir, not {}", printable(one));
    const auto storage = make_storage(engine.host, entry.type, entry.id, entry.options);
    if (const std::string why = storage->why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    (void)storage->space();
}

Plan plan_add(Engine& engine, const Values& words) {
    const std::string& id = words.text("id");
    const std::string type = words.text("type", "dir");
    StorageCfg::Entry entry{type, id, {}};
    if (const auto path = words.get("path")) {
        if (path->empty() || path->front() != '/')
            fail(Exit::usage, "--path {} is not a full path", printable(*path));
        entry.options.set({"path", *path});
    } else if (type == "dir") {
        fail(Exit::usage, "a folder storage needs --path");
    }
    entry.options.set(
        {"content",
         words.text("content", type == "lvmthin" ? "images,rootdir"
                                                 : "images,rootdir,iso,vztmpl,snippets,import,"
                                                   "backup")});
    for (const std::string& pair : words.list("options")) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0)
            fail(Exit::usage, "'{}' is not KEY=VALUE", printable(pair));
        entry.options.set({pair.substr(0, equals), pair.substr(equals + 1)});
    }
    if (type == "lvmthin") check_thin_pool(engine, entry);
    // Throws now what would go wrong later.
    StorageCfg probe = StorageCfg::parse(
        engine.host.read(engine.host.config_folder() + "/storage.cfg").value_or(""));
    probe.add(entry);
    Values on = {{"type", type}, {"id", id}};
    for (const auto& [key, list] : entry.options.items())
        on.add("options", key + "=" + list.front());
    Plan plan;
    plan.title = "add the storage " + id;
    if (!is_storage_kind_supported(type))
        plan.warn(
            fmt::format("storages of kind {} are listed but cannot be used yet", printable(type)));
    plan.step("storage.cfg names it", {"storage-add", on}, Action{"storage-drop", on});
    return plan;
}

Plan plan_remove(Engine& engine, const Values& words) {
    const std::string id = engine.storages.get(words.text("storage")).id();
    const auto text = engine.host.read(engine.host.config_folder() + "/storage.cfg");
    if (!StorageCfg::parse(text.value_or("")).find(id))
        fail(Exit::refused, "cannot remove {}: it stands without an entry in storage.cfg", id);
    std::vector<std::string> users;
    for (const Guest& guest : list_guests(engine))
        for (const auto& [key, value] : guest.config.current.entries())
            if (value.find(id + ":") == 0 || value.find("=" + id + ":") != std::string::npos)
                users.push_back(fmt::format("{}: {}", guest_words(guest), key));
    if (!users.empty())
        fail(Exit::refused, "cannot remove {}: guests have volumes on it ({})", id,
             join(users, ", "));
    Plan plan;
    plan.title = "remove the storage " + id;
    plan.warn("its files stay where they are");
    plan.step("take it out of storage.cfg", {"storage-remove", {{"id", id}}});
    return plan;
}

const Operand storage_operand{"storage", WordKind::storage, "The storage's name."};
const Option content_option{.name = "content",
                            .value = "CONTENT",
                            .help = "images, iso, vztmpl, backup, snippets or import."};

}  // namespace

std::span<const Command> storage_commands() {
    static const std::vector<Command> table = {
        {.subject = "storage",
         .verb = "list",
         .label = "Storages",
         .help = "Lists the places where volumes are kept, with their space.",
         .show = list_storages},
        {.subject = "storage",
         .verb = "show",
         .label = "Show",
         .help = "Shows what storage.cfg says of a storage, and its space.",
         .operands = {storage_operand},
         .show = show_storage},
        {.subject = "storage",
         .verb = "volumes",
         .short_form = "volumes",
         .label = "Volumes",
         .help = "Lists disks, ISOs, templates and backups.",
         .operands = {{"storage", WordKind::storage, "Only on this storage.", true}},
         .options = {content_option},
         .show = list_volumes},
        {.subject = "storage",
         .verb = "upload",
         .label = "Bring in",
         .help = "Copies a file of this machine to a storage, such as an ISO.",
         .twin = "i",
         .risk = Risk::undoable,
         .operands = {{"file", WordKind::path, "The file."}},
         .options = {{.name = "storage",
                      .value = "STORAGE",
                      .help = "Where it goes; the first that takes it.",
                      .kind = WordKind::storage},
                     content_option,
                     {.name = "name", .value = "NAME", .help = "Another name for it."}},
         .plan = plan_upload},
        {.subject = "storage",
         .verb = "add",
         .label = "Add",
         .help = "Adds a storage to storage.cfg.",
         .twin = "a",
         .risk = Risk::undoable,
         .operands = {{"id", WordKind::text, "Its name."},
                      {"options", WordKind::key_value, "Further keys of storage.cfg.", true, true}},
         .options = {{.name = "type", .value = "KIND", .help = "Its kind.", .fallback = "dir"},
                     {.name = "path",
                      .value = "FOLDER",
                      .help = "The folder of a storage of kind dir.",
                      .kind = WordKind::path},
                     {.name = "content", .value = "LIST", .help = "What it may hold."}},
         .plan = plan_add},
        {.subject = "storage",
         .verb = "remove",
         .label = "Remove",
         .help = "Takes a storage out of storage.cfg; its files stay.",
         .twin = "D",
         .risk = Risk::interrupts,
         .operands = {storage_operand},
         .plan = plan_remove},
    };
    return table;
}

}  // namespace lodge
