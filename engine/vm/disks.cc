#include "engine/vm/disks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/creation.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

constexpr double gib = 1024.0 * 1024 * 1024;

void require_vm(const Guest& guest) {
    if (guest.kind->name() != "vm")
        fail(Exit::refused, "cannot do that to {}: it is no virtual machine", guest_words(guest));
}

bool is_running(Engine& engine, const Guest& guest) {
    return vm_process(engine.host, guest.id).has_value();
}

bool is_unused_key(std::string_view key) {
    return key.starts_with("unused") && vm_schema().find(key);
}

std::string bus_of(std::string_view key) {
    return std::string(key.substr(0, key.find_first_of("0123456789")));
}

// A key of the current section with a volume: its value.
std::string value_of(const Guest& guest, const std::string& key) {
    if (!is_disk_key(key) && !is_unused_key(key))
        fail(Exit::usage, "'{}' is no disk: scsi0, virtio1, sata0, unused0, …", printable(key));
    const auto value = guest.config.current.get(key);
    if (!value) fail(Exit::not_found, "{} has no {}", guest_words(guest), key);
    return *value;
}

std::string disk_volume(const Guest& guest, const std::string& key) {
    const std::string value = value_of(guest, key);
    const std::string volume = volume_of(value);
    if (is_cdrom_value(key, value))
        fail(Exit::refused, "{} of {} is a CD drive, no disk", key, guest_words(guest));
    if (!VolumeId::parse(volume))
        fail(Exit::refused, "{} of {} is {}, no volume of a storage", key, guest_words(guest),
             printable(value));
    return volume;
}

// The bus of the guest's first disk, so that a new one is of the same sort.
std::string free_key(const Guest& guest, const Values& words) {
    if (const auto key = words.get("key")) {
        if (!is_disk_key(*key)) fail(Exit::usage, "'{}' is no disk", printable(*key));
        if (guest.config.current.has(*key) || guest.config.pending.has(*key))
            fail(Exit::refused, "{} has a {} already", guest_words(guest), *key);
        return *key;
    }
    std::string bus = "scsi";
    for (const auto& [key, value] : guest.config.current.entries())
        if (is_disk_key(key) && !is_cdrom_value(key, value) && key != "efidisk0" &&
            key != "tpmstate0") {
            bus = bus_of(key);
            break;
        }
    for (int i = 0; vm_schema().find(fmt::format("{}{}", bus, i)); ++i) {
        const std::string key = fmt::format("{}{}", bus, i);
        if (!guest.config.current.has(key) && !guest.config.pending.has(key)) return key;
    }
    fail(Exit::refused, "{} has no room for one more disk on {}", guest_words(guest), bus);
}

std::string usual_options(std::string_view key) {
    if (key.starts_with("scsi")) return ",discard=on,iothread=1,ssd=1";
    if (key.starts_with("virtio")) return ",discard=on,iothread=1";
    return ",discard=on,ssd=1";
}

std::string with_part(const std::string& key, const std::string& value, std::string_view part,
                      const std::string& text) {
    std::vector<std::string> problems;
    Properties parts = Properties::parse_lenient(*vm_schema().find(key), value, problems);
    parts.set(part, text);
    return parts.print();
}

const Storage& usable(Engine& engine, const std::string& name) {
    const Storage& storage =
        name.empty() ? engine.storages.default_for("images") : engine.storages.get(name);
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    return storage;
}

Plan plan_for(const Guest& guest, std::string title) {
    Plan plan;
    plan.title = std::move(title);
    plan.guests = {guest.id};
    return plan;
}

Plan with_title(Plan plan, std::string title) {
    plan.title = std::move(title);
    return plan;
}

// The snapshots of the configuration that name the volume.
std::vector<std::string> snapshots_with(const Guest& guest, const std::string& volume) {
    std::vector<std::string> names;
    for (const auto& [name, section] : guest.config.snapshots())
        for (const auto& [key, value] : section.entries())
            if ((is_disk_key(key) && volume_of(value) == volume) || value == volume)
                names.push_back(name);
    return names;
}

}  // namespace

std::vector<std::string> users_of(Engine& engine, const std::string& volume) {
    std::vector<std::string> users;
    for (const Guest& guest : list_guests(engine)) {
        const auto look = [&](const Section& section, const std::string& where) {
            for (const auto& [key, value] : section.entries())
                if (split(value, ',').front() == volume || volume_of(value) == volume)
                    users.push_back(fmt::format("{}: {}{}", guest_words(guest), key, where));
        };
        look(guest.config.current, "");
        look(guest.config.pending, " (at the next start)");
        for (const auto& [name, section] : guest.config.snapshots())
            look(section, " of the snapshot " + name);
    }
    return users;
}

Plan disk_create(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    const std::string key = free_key(guest, words);
    const Storage& storage = usable(engine, words.text("storage", ""));
    const double size = static_cast<double>(disk_size(words.text("size"))) / gib;
    std::string value = fmt::format("{}:{:.20f}{}", storage.id(), size, usual_options(key));
    if (const auto format = words.get("format")) value += ",format=" + *format;
    return with_title(
        guest.kind->set(engine, guest, {{"values", std::vector<std::string>{key + "=" + value}}}),
        fmt::format("make the disk {} for {}", key, guest_words(guest)));
}

Plan disk_attach(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    std::string volume = words.text("volume");
    if (is_unused_key(volume)) volume = volume_of(value_of(guest, volume));
    const std::string key = free_key(guest, words);
    const std::string options = key == "efidisk0" || key == "tpmstate0" ? "" : usual_options(key);
    return with_title(
        guest.kind->set(engine, guest,
                        {{"values", std::vector<std::string>{key + "=" + volume + options}}}),
        fmt::format("attach {} to {} as {}", printable(volume), guest_words(guest), key));
}

Plan disk_detach(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    const std::string& key = words.text("key");
    if (!is_disk_key(key)) fail(Exit::usage, "'{}' is no disk that is attached", printable(key));
    (void)value_of(guest, key);
    return with_title(guest.kind->set(engine, guest, {{"delete", std::vector<std::string>{key}}}),
                      fmt::format("detach {} from {}", key, guest_words(guest)));
}

namespace {

Plan resized(const Guest& guest, const std::string& key, int64_t bytes) {
    Plan plan;
    plan.step(
        fmt::format("the running guest sees {} grow", key),
        {"qmp",
         {{"guest", guest.id},
          {"command", "block_resize"},
          {"arguments", nlohmann::json({{"node-name", "fmt-" + key}, {"size", bytes}}).dump()}}});
    return plan;
}

}  // namespace

Plan disk_resize(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    refuse_if_held(guest, "resize a disk of");
    const std::string& key = words.text("key");
    const VolumeInfo disk = engine.storages.info(disk_volume(guest, key));
    if (disk.size <= 0) fail(Exit::failed, "cannot see how large {} is now", disk.id);
    const std::string& size = words.text("size");
    const int64_t bytes =
        size.starts_with("+") ? disk.size + disk_size(size.substr(1)) : disk_size(size);
    Plan plan = plan_for(
        guest, fmt::format("resize {} of {} to {}", key, guest_words(guest), print_size(bytes)));
    if (key == "efidisk0" || key == "tpmstate0")
        fail(Exit::refused, "cannot {}: its size is fixed", plan.title);
    if (bytes == disk.size) fail(Exit::refused, "{} has {} already", disk.id, print_size(bytes));
    const bool running = is_running(engine, guest);
    if (bytes < disk.size) {
        if (!words.flag("shrink"))
            fail(Exit::refused,
                 "cannot {}: it has {}, and what lies behind the new end would be lost; --shrink "
                 "does it all the same",
                 plan.title, print_size(disk.size));
        if (running)
            fail(Exit::refused, "cannot {}: a disk in use can only grow; lodge shutdown {}",
                 plan.title, guest.id);
        plan.warn(
            fmt::format("what lies on {} behind {} is lost: make its file systems smaller "
                        "first",
                        disk.id, print_size(bytes)));
    }
    const Storage& storage = engine.storages.of(disk.id);
    if (running && device_storage(storage)) {
        // QEMU takes what the device has by then.
        storage.plan_resize(plan, disk, bytes);
        plan.append(resized(guest, key, bytes));
    } else if (running) {
        // What a storage can not hold is known to QEMU too late; so the plan's warning is asked
        // for.
        Plan offline;
        storage.plan_resize(offline, disk, bytes);
        for (const std::string& warning : offline.warnings)
            plan.warn(warning);
        plan.append(resized(guest, key, bytes));
    } else {
        storage.plan_resize(plan, disk, bytes);
    }
    Edit edit;
    edit.set = {key + "=" + with_part(key, value_of(guest, key), "size", print_size(bytes))};
    add_config_step(plan, "the configuration names the size", guest.id, guest.kind->folder(), edit,
                    guest.config);
    if (bytes < disk.size) plan.no_way_back_from(0);
    return plan;
}

Plan disk_move(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    refuse_if_held(guest, "move a disk of");
    const std::string& key = words.text("key");
    const VolumeInfo disk = engine.storages.info(disk_volume(guest, key));
    const std::string here = VolumeId::parse(disk.id).value_or(VolumeId{}).storage;
    const Storage& target = usable(engine, words.text("storage", here));
    const std::string format = words.text("format", disk.format);
    Plan plan = plan_for(guest, fmt::format("move {} of {} to {} ({})", key, guest_words(guest),
                                            target.id(), printable(format)));
    if (target.id() == here && format == disk.format)
        fail(Exit::usage, "{} is on {} as {} already: name another storage or format", disk.id,
             here, format);
    if (is_running(engine, guest))
        fail(Exit::refused, "cannot {}: it is running; lodge shutdown {}", plan.title, guest.id);
    if (key == "tpmstate0" && format != "raw")
        fail(Exit::usage, "cannot {}: the state of a TPM is kept raw", plan.title);
    if (guest.config.flag("template"))
        fail(Exit::refused, "cannot {}: it is a template", plan.title);
    if (const auto names = snapshots_with(guest, disk.id); !names.empty())
        fail(Exit::refused, "cannot {}: its snapshots ({}) would be lost; delete them first",
             plan.title, join(names, ", "));
    plan_activation(engine.storages, disk, plan);
    const std::string made = target.plan_copy(plan, guest.id, disk, "", format);
    Edit edit;
    edit.set = {key + "=" + with_part(key, value_of(guest, key), "file", made)};
    const bool keep = words.flag("keep");
    if (keep) edit.set.push_back(free_unused_key(guest.config) + "=" + disk.id);
    edit.digest = guest.config.digest();
    add_config_step(plan, "the configuration names the copy", guest.id, guest.kind->folder(), edit,
                    guest.config);
    // Once the old one is gone the copy must not go as well.
    const size_t steps = plan.steps.size();
    if (!keep) engine.storages.of(disk.id).plan_delete(plan, disk);
    return plan.no_way_back_from(steps);
}

Plan disk_import(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    refuse_if_held(guest, "import a disk to");
    std::string source = words.text("file");
    if (source.front() != '/') source = engine.storages.info(source).path;
    const Storage& storage = usable(engine, words.text("storage", ""));
    const bool running = is_running(engine, guest);
    if (running && words.has("key"))
        fail(Exit::refused,
             "cannot import to {} of {}: it is running; without --key it gets the disk as an "
             "unused one, which lodge disk attach plugs in",
             words.text("key"), guest_words(guest));
    const std::string key = running ? free_unused_key(guest.config) : free_key(guest, words);
    Plan plan = plan_for(
        guest, fmt::format("import {} to {} as {}", printable(source), guest_words(guest), key));
    const std::string given = words.text("source-format", "");
    const std::string volume =
        storage.plan_import(plan, guest.id, source, given, words.text("format", "qcow2"));
    // After plan_import: by now the image is known to lead nowhere else.
    const int64_t size = image_info(engine.host, source, given).size;
    Edit edit;
    std::string value = volume;
    if (!running)
        value = with_part(key, volume + usual_options(key), "size",
                          print_size((size + 511) / 512 * 512));
    edit.set = {key + "=" + value};
    edit.digest = guest.config.digest();
    add_config_step(plan, "the configuration names the disk", guest.id, guest.kind->folder(), edit,
                    guest.config);
    return plan;
}

Plan disk_delete(Engine& engine, const Guest& guest, const Values& words) {
    require_vm(guest);
    refuse_if_held(guest, "delete a disk of", true);
    const std::string& key = words.text("key");
    const std::string name = disk_volume(guest, key);
    Plan plan = plan_for(guest, fmt::format("delete {} of {}", key, guest_words(guest)));
    if (!is_unused_key(key) && is_running(engine, guest))
        fail(Exit::refused, "cannot {}: it is running; lodge disk detach {} {} first", plan.title,
             guest.id, key);
    for (const std::string& user : users_of(engine, name))
        if (user != fmt::format("{}: {}", guest_words(guest), key))
            fail(Exit::refused, "cannot {}: {} is also named by {}", plan.title, name, user);
    // The key goes first: a volume without a key is a leftover, a key without a volume a guest that
    // cannot start.
    Plan removal;
    try {
        const VolumeInfo volume = engine.storages.info(name);
        if (volume.owner != guest.id)
            fail(Exit::refused, "cannot {}: {} belongs to guest {}; lodge disk detach takes it off",
                 plan.title, name, volume.owner);
        engine.storages.of(name).plan_delete(removal, volume);
    } catch (const Error& trouble) {
        if (trouble.exit() != Exit::not_found) throw;
        plan.warn(name + " is not there any more: only the key goes");
    }
    Edit edit;
    edit.erase = {key};
    edit.digest = guest.config.digest();
    add_config_step(plan, "take it out of the configuration", guest.id, guest.kind->folder(), edit,
                    guest.config);
    plan.append(std::move(removal.no_way_back_from(0)));
    return plan;
}

Plan volume_delete(Engine& engine, const std::string& name) {
    const VolumeInfo volume = engine.storages.info(name);
    Plan plan;
    plan.title = "delete " + volume.id;
    if (!VolumeId::parse(name))
        fail(Exit::usage, "'{}' is no volume of a storage", printable(name));
    if (volume.owner != 0) plan.guests = {volume.owner};
    if (const auto users = users_of(engine, name); !users.empty())
        fail(Exit::refused, "cannot {}: it is in use ({})", plan.title, join(users, ", "));
    engine.storages.of(name).plan_delete(plan, volume);
    return plan;
}

}  // namespace lodge
