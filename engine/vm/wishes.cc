#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/schema.h"
#include "engine/storage/image.h"
#include "engine/units.h"
#include "engine/vm/change_parts.h"
#include "engine/vm/cloudinit.h"
#include "engine/vm/creation.h"
#include "engine/vm/identity.h"

// What a person wants changed, read and checked.

namespace lodge {
namespace {

// Reader turns words into wishes; the value that a later word sees is that of the earlier ones.
class Reader {
  public:
    Reader(Engine& engine, const Guest& guest, Plan& volumes)
        : engine_(engine), guest_(guest), volumes_(volumes) {}

    void take(const std::string& word) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            fail(Exit::usage, "{} is not understood: KEY=VALUE, such as memory=2048",
                 in_quotes(word));
        const std::string name = word.substr(0, equals);
        const std::string value(trim(std::string_view(word).substr(equals + 1)));
        const auto [key, part] = key_and_part(name);
        require_open(key);
        if (!part.empty()) return set_part(key, part, value);
        if (key == "description") return wish(key, value);
        if (value.empty())
            fail(Exit::usage, "{}: the value is empty; lodge set {} --delete {} takes the key out",
                 key, guest_.id, key);
        wish(key, checked(key, value));
    }

    void remove(const std::string& name) {
        const auto [key, part] = key_and_part(name);
        require_open(key);
        if (part.empty()) {
            if (key.starts_with("unused"))
                fail(Exit::refused,
                     "{} of {} holds a volume; lodge disk delete {} {} removes it with what is on "
                     "it",
                     key, guest_words(guest_), guest_.id, key);
            if (!guest_.config.current.has(key) && !guest_.config.pending.has(key))
                fail(Exit::not_found, "{} has no {}", guest_words(guest_), in_quotes(key));
            return wish(key, std::nullopt);
        }
        set_part(key, part, "");
    }

    std::vector<Wish> wishes;

  private:
    const Schema& schema() const { return guest_.config.schema(); }

    std::pair<std::string, std::string> key_and_part(const std::string& name) const {
        const size_t dot = name.find('.');
        std::string key = name.substr(0, dot);
        if (key == "cdrom") key = "ide2";
        return {key, dot == std::string::npos ? "" : name.substr(dot + 1)};
    }

    void require_open(const std::string& key) const {
        const Field* field = schema().find(key);
        if (field == nullptr) require_allowed(schema(), key, "");  // throws
        if (field != nullptr && (field->internal || key == "lock" || key == "template"))
            fail(Exit::refused, "{} is not set by hand{}", key,
                 key == "lock"       ? "; lodge guest unlock takes it away"
                 : key == "template" ? "; lodge guest template makes a template"
                                     : ": Lodge keeps it");
        if (field != nullptr && key.starts_with("unused")) return;
    }

    // As it will be: this plan's wish, what waits, what stands.
    std::optional<std::string> value_now(const std::string& key) const {
        for (const Wish& one : wishes)
            if (one.key == key) return one.value;
        if (const auto waiting = guest_.config.pending.get(key)) return waiting;
        return guest_.config.current.get(key);
    }

    void wish(const std::string& key, std::optional<std::string> value) {
        for (Wish& one : wishes) {
            if (one.key != key) continue;
            one.value = std::move(value);
            return;
        }
        wishes.push_back({key, std::move(value), guest_.config.current.get(key)});
    }

    void set_part(const std::string& key, const std::string& part, const std::string& value) {
        const Field* field = schema().find(key);
        if (field->type != ValueType::property || part_of(*field, part) == nullptr) {
            std::vector<std::string> parts;
            for (const Field& one : field->parts)
                if (one.alias.empty()) parts.emplace_back(one.key);
            fail(Exit::usage, "{} has no part {}{}", key, in_quotes(part),
                 parts.empty() ? "" : ": it has " + join(parts, ", "));
        }
        const auto before = value_now(key);
        if (!before)
            fail(Exit::not_found, "{} has no {} whose {} could be changed", guest_words(guest_),
                 key, part);
        std::vector<std::string> problems;
        Properties properties = Properties::parse_lenient(*field, *before, problems);
        if (value.empty())
            properties.erase(part);
        else
            properties.set(part, value);
        if (part == "size" && is_disk_key(key))
            fail(Exit::refused, "the size of {} is that of its volume; lodge disk resize {} {} {}",
                 key, guest_.id, key, value);
        wish(key, checked(key, properties.print()));
    }

    std::string checked(const std::string& key, const std::string& value) {
        const Field& field = *schema().find(key);
        if (is_disk_key(key) && is_new_volume(value)) return new_volume(key, value);
        require_allowed(schema(), key, value);
        if (field.type != ValueType::property) return value;
        Properties properties = Properties::parse(field, value);
        if (is_disk_key(key)) mark_disc(properties);
        if (key.starts_with("net") && properties.has("model")) give_address(key, properties);
        if (is_disk_key(key)) require_volume(key, properties);
        return properties.print();
    }

    // "local:32" and "local:0.5,ssd=1": a volume of so many GiB that is to be made;
    // "local:cloudinit": the drive that cloud-init reads.
    static bool is_new_volume(const std::string& value) {
        const std::string volume = volume_of(value);
        const size_t colon = volume.find(':');
        if (colon == std::string::npos || colon == 0 || volume[0] == '/') return false;
        const std::string name = volume.substr(colon + 1);
        return name == "cloudinit" || parse_number(name).has_value();
    }

    std::string new_volume(const std::string& key, const std::string& value) {
        const std::string wanted = volume_of(value);
        const size_t colon = wanted.find(':');
        const Storage& storage = engine_.storages.get(wanted.substr(0, colon));
        const std::string size = wanted.substr(colon + 1);
        const Field& field = *schema().find(key);
        // A name stands in for the volume until it has its own.
        std::string parts = value;
        parts.replace(parts.find(wanted), wanted.size(), storage.id() + ":new");
        require_allowed(schema(), key, parts);
        Properties properties = Properties::parse(field, parts);
        const std::string format =
            properties.get("format").value_or(key == "tpmstate0" ? "raw" : "qcow2");
        properties.erase("format");
        if (size == "cloudinit") {
            properties.set("media", "cdrom");
            allocate(properties, storage, cloudinit_bytes, "qcow2", "cloudinit");
        } else if (is_cdrom_value(key, parts)) {
            fail(Exit::usage, "{}: a CD-ROM is an ISO, not a new volume", key);
        } else if (key == "efidisk0") {
            new_variables(properties, storage);
        } else {
            const int64_t bytes = disk_size(size);
            allocate(properties, storage, key == "tpmstate0" ? tpm_bytes : bytes, format, "");
        }
        return properties.print();
    }

    void allocate(Properties& properties, const Storage& storage, int64_t bytes,
                  std::string_view format, std::string_view hint) {
        properties.set("file", storage.plan_allocate(volumes_, guest_.id, bytes, format, hint));
        properties.set("size", print_size(bytes));
    }

    // UEFI's variables are a copy of those that its package has, whatever size was said.
    void new_variables(Properties& properties, const Storage& storage) {
        const std::string vars =
            firmware_variables(engine_.host, properties.flag("pre-enrolled-keys"));
        const ImageSource source{vars, "raw"};
        properties.set("file", storage.plan_import(volumes_, guest_.id, source, "qcow2"));
        properties.set("size", print_size(check_foreign_image(engine_.host, source).size));
        properties.set("efitype", "4m");
    }

    // Only a CD drive can be empty or hold an ISO.
    void mark_disc(Properties& properties) {
        if (properties.has("media")) return;
        const std::string volume = properties.text("file");
        const bool iso = volume.find(":iso/") != std::string::npos;
        if (volume == "none" || volume == "cdrom" || iso) properties.set("media", "cdrom");
    }

    void give_address(const std::string& key, Properties& properties) {
        if (properties.has("macaddr")) return;
        const auto before = value_now(key);
        std::vector<std::string> problems;
        if (before) {
            const auto old = Properties::parse_lenient(*schema().find(key), *before, problems);
            if (const auto address = old.get("macaddr")) return properties.set("macaddr", *address);
        }
        properties.set("macaddr", random_mac());
    }

    void require_volume(const std::string& key, Properties& properties) {
        const std::string volume = properties.text("file");
        if (volume.empty() || volume == "none" || volume == "cdrom") return;
        if (is_cloudinit_volume(volume)) return;
        const auto before = value_now(key);
        if (before && volume_of(*before) == volume) return;  // only its parts change
        for (const auto& [other, value] : guest_.config.current.entries())
            if (other != key && is_disk_key(other) && volume_of(value) == volume &&
                properties.text("media") != "cdrom" && !is_wished_away(other))
                fail(Exit::refused, "cannot attach {} as {}: it is {} of {} already", volume, key,
                     other, guest_words(guest_));
        const VolumeInfo info = engine_.storages.info(volume);
        if (properties.text("media") == "cdrom") return;
        if (info.owner != 0 && info.owner != guest_.id && !properties.flag("shared"))
            fail(Exit::refused, "cannot attach {} as {}: it belongs to guest {}", volume, key,
                 info.owner);
        if (!properties.has("size") && info.size > 0) properties.set("size", print_size(info.size));
    }

    bool is_wished_away(const std::string& key) const {
        return std::any_of(wishes.begin(), wishes.end(),
                           [&](const Wish& one) { return one.key == key && !one.value; });
    }

    Engine& engine_;
    const Guest& guest_;
    Plan& volumes_;
};

}  // namespace

std::vector<Wish> read_wishes(Engine& engine, const Guest& guest, const Values& words,
                              Plan& volumes) {
    Reader reader(engine, guest, volumes);
    for (const std::string& list : words.list("delete"))
        for (const std::string& key : split(list, ','))
            if (!trim(key).empty()) reader.remove(std::string(trim(key)));
    for (const std::string& word : words.list("values"))
        reader.take(word);
    for (Wish& wish : reader.wishes)
        if (wish.key == "cipassword" && wish.value)
            wish.value = cloudinit_kept_password(guest.config, guest.id, *wish.value);
    return std::move(reader.wishes);
}

std::set<std::string> changed_parts(std::string_view key, const std::string& before,
                                    const std::string& after) {
    const Field* field = vm_schema().find(key);
    std::set<std::string> changed;
    if (field == nullptr || field->type != ValueType::property) return changed;
    std::vector<std::string> problems;
    const auto old = Properties::parse_lenient(*field, before, problems);
    const auto now = Properties::parse_lenient(*field, after, problems);
    for (const auto& [part, value] : old.parts())
        if (now.get(part) != value) changed.insert(part);
    for (const auto& [part, value] : now.parts())
        if (old.get(part) != value) changed.insert(part);
    return changed;
}

bool hotplug_allows(const Config& config, std::string_view kind) {
    std::string list = config.string_of("hotplug");
    if (list == "0") return false;
    if (list == "1") list = "network,disk,usb";
    for (const std::string& one : split(list, ','))
        if (trim(one) == kind) return true;
    return false;
}

}  // namespace lodge
