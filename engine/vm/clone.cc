#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/cloudinit.h"
#include "engine/vm/creation.h"
#include "engine/vm/identity.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

// What belongs to the one guest and not to its copy.
bool is_personal(std::string_view key) {
    static constexpr std::string_view keys[] = {
        "lock",           "parent",     "snaptime",  "vmstate",
        "runningmachine", "runningcpu", "snapstate", "template",
        "vmgenid",        "digest",     "name",      "running-nets-host-mtu",
        "description",    "protection", "onboot"};
    return std::find(std::begin(keys), std::end(keys), key) != std::end(keys) ||
           key.starts_with("unused");
}

std::string with_part(std::string_view key, const std::string& value, std::string_view part,
                      const std::string& text) {
    const Field* field = vm_schema().find(key);
    std::vector<std::string> problems;
    Properties parts = Properties::parse_lenient(*field, value, problems);
    parts.set(part, text);
    return parts.print();
}

// The value of a disk key without the volume and its size: what stays true of a copy.
std::string options_of(std::string_view key, const std::string& value) {
    const Field* field = vm_schema().find(key);
    std::vector<std::string> problems;
    Properties parts = Properties::parse_lenient(*field, value, problems);
    std::vector<std::string> kept;
    for (const auto& [part, text] : parts.parts())
        if (part != "file" && part != "size" && part != "format") kept.push_back(part + "=" + text);
    return join(kept, ",");
}

class Cloner {
  public:
    Cloner(Engine& engine, const Guest& source, int id, const Values& words)
        : engine_(engine),
          source_(source),
          words_(words),
          creation_(engine, id, random_uuid()),
          snapshot_(words.text("snapshot", "")),
          is_template_(source.config.flag("template")),
          linked_(is_template_ && !words.flag("full")) {}

    Plan build() {
        const Section& section = from();
        for (const auto& [key, value] : section.entries()) {
            if (is_personal(key)) continue;
            if (is_disk_key(key))
                disk(key, value);
            else if (key.starts_with("net") && key != "nets")
                card(key, value);
            // Also a value that the schema does not allow: a copy loses nothing.
            else if (key != "smbios1" && key != "meta")
                creation_.config().current.set(key, value);
        }
        creation_.config().current.set_description(section.description());
        identity(section);
        Plan plan = creation_.finish(fmt::format("clone {}{} to {} ({})", guest_words(source_),
                                                 snapshot_.empty() ? "" : " as of " + snapshot_,
                                                 creation_.id(), name()));
        plan.guests.push_back(source_.id);
        for (std::string& words : warnings_)
            plan.warn(std::move(words));
        return plan;
    }

  private:
    const Section& from() const {
        if (snapshot_.empty()) return source_.config.current;
        const Section* section = source_.config.snapshot(snapshot_);
        if (!section)
            fail(Exit::not_found, "{} has no snapshot '{}'", guest_words(source_),
                 printable(snapshot_));
        return *section;
    }

    std::string name() const {
        if (const auto given = words_.get("name")) return *given;
        const auto own = source_.config.current.get("name");
        return own ? *own + "-clone" : fmt::format("clone-of-{}", source_.id);
    }

    void identity(const Section& section) {
        creation_.set("name", name());
        creation_.set("smbios1", with_part("smbios1", section.get("smbios1").value_or(""), "uuid",
                                           random_uuid()));
        creation_.set("meta", with_part("meta", section.get("meta").value_or(""), "ctime",
                                        std::to_string(engine_.host.now_seconds())));
    }

    void card(const std::string& key, const std::string& value) {
        creation_.config().current.set(key, with_part(key, value, "macaddr", random_mac()));
    }

    void disk(const std::string& key, const std::string& value) {
        const std::string name = volume_of(value);
        const auto id = VolumeId::parse(name);
        if (id && is_cloudinit_volume(name)) {
            const Storage& storage = target(id->storage);
            creation_.new_disk(key, storage, 4 << 20, "qcow2", "media=cdrom", "cloudinit");
            return;
        }
        if (is_cdrom_value(key, value)) {
            creation_.config().current.set(key, value);
            return;
        }
        if (!id) {
            warnings_.push_back(
                fmt::format("{}: {} is no volume of a storage: the copy is made "
                            "without it",
                            key, printable(name.empty() ? value : name)));
            return;
        }
        const VolumeInfo volume = engine_.storages.info(name);
        // Firmware variables and TPM state are small, and a TPM's state must stay raw.
        const bool small = key == "efidisk0" || key == "tpmstate0";
        if (linked_ && !small) {
            const Storage& storage = engine_.storages.of(name);
            const std::string made =
                storage.plan_linked_clone(creation_.volumes(), creation_.id(), volume);
            creation_.put_disk(key, made, volume.size, options_of(key, value));
            return;
        }
        std::string format = key == "tpmstate0" ? "raw" : words_.text("format", volume.format);
        if (format != "raw" && format != "qcow2") format = "qcow2";
        std::string snapshot = snapshot_;
        VolumeInfo source = volume;
        // Where snapshots are volumes by themselves, one of them is what is copied.
        if (const DeviceStorage* storage = device_storage(engine_.storages, name);
            storage && !snapshot.empty() && (!small || storage->has_snapshot(volume, snapshot))) {
            source = storage->snapshot_volume(volume, snapshot);
            snapshot.clear();
        }
        if (!snapshot.empty() && volume.format != "qcow2") {
            if (!small)
                fail(Exit::refused, "cannot clone the snapshot {}: {} ({}) has none", snapshot, key,
                     name);
            warnings_.push_back(fmt::format("{} is copied as it is now: it has no snapshots", key));
            snapshot.clear();
        }
        plan_activation(engine_.storages, source, creation_.volumes());
        const std::string made =
            target(id->storage)
                .plan_copy(creation_.volumes(), creation_.id(), source, snapshot, format);
        // swtpm keeps its file as short as its state: the configuration's size is the nominal one.
        std::vector<std::string> problems;
        const auto parts = Properties::parse_lenient(*vm_schema().find(key), value, problems);
        const auto nominal = small ? parse_size(parts.text("size")) : std::nullopt;
        creation_.put_disk(key, made, nominal.value_or(source.size), options_of(key, value));
    }

    const Storage& target(const std::string& same) {
        return creation_.storage(words_.text("storage", same));
    }

    Engine& engine_;
    const Guest& source_;
    const Values& words_;
    Creation creation_;
    std::string snapshot_;
    bool is_template_, linked_;
    std::vector<std::string> warnings_;
};

}  // namespace

// words: id of the new guest, else the lowest free; name; full 1: whole copies also of a template;
// storage and format of the copies; snapshot: the state that is copied.
Plan VmKind::clone(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "clone");
    if (!words.has("snapshot") && vm_process(engine.host, guest.id))
        fail(Exit::refused,
             "cannot clone {}: it is running, and its disks change while they are copied; shut it "
             "down, or clone one of its snapshots (--snapshot)",
             guest_words(guest));
    if (words.has("storage") && guest.config.flag("template") && !words.flag("full"))
        fail(Exit::usage,
             "a linked clone stays on the storage of its template; --full makes a copy on {}",
             words.text("storage"));
    const int id = words.has("id") ? static_cast<int>(words.integer("id")) : engine.store.free_id();
    return Cloner(engine, guest, id, words).build();
}

Plan VmKind::make_template(Engine& engine, const Guest& guest, const Values&) const {
    refuse_if_held(guest, "make a template of");
    if (guest.config.flag("template"))
        fail(Exit::refused, "{} is a template already", guest_words(guest));
    if (vm_process(engine.host, guest.id))
        fail(Exit::refused, "cannot make a template of {}: it is running; lodge shutdown {}",
             guest_words(guest), guest.id);
    if (!guest.config.snapshots().empty())
        fail(Exit::refused,
             "cannot make a template of {}: it has snapshots ({}), which would change with it; "
             "delete them, or make the template from a clone",
             guest_words(guest), guest.config.snapshots().front().first);
    if (has_pending(guest.config))
        fail(Exit::refused,
             "cannot make a template of {}: changes wait for its next start; start it once, or "
             "lodge guest revert {}",
             guest_words(guest), guest.id);
    Plan plan;
    plan.title = "make a template of " + guest_words(guest);
    plan.guests = {guest.id};
    Edit edit;
    for (const auto& [key, value] : guest.config.current.entries()) {
        if (!is_disk_key(key) || is_cdrom_value(key, value)) continue;
        const std::string name = volume_of(value);
        if (!VolumeId::parse(name)) {
            plan.warn(fmt::format("{}: {} is no volume of a storage: clones are made without it",
                                  key, printable(value)));
            continue;
        }
        const VolumeInfo volume = engine.storages.info(name);
        const std::string base = engine.storages.of(name).plan_make_base(plan, volume);
        edit.set.push_back(key + "=" + with_part(key, value, "file", base));
    }
    edit.set.push_back("template=1");
    edit.digest = guest.config.digest();
    add_config_step(plan, "the configuration names the bases", guest.id, folder(), edit,
                    guest.config);
    return plan;
}

}  // namespace lodge
