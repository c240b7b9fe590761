#include "engine/vm/creation.h"

#include "engine/error.h"
#include "engine/storage/image.h"
#include "engine/units.h"
#include "engine/vm/cloudinit.h"

namespace lodge {

Creation::Creation(Engine& engine, int id, std::string token)
    : engine_(engine),
      id_(id),
      token_(std::move(token)),
      config_(Config::parse("", vm_schema(), engine.store.path("qemu-server", id))) {
    config_.current.set("lock", "create");
    config_.current.set("vmgenid", token_);
}

void Creation::set(const std::string& key, const std::string& value) {
    require_allowed(vm_schema(), key, value);
    config_.current.set(key, value);
}

const Storage& Creation::storage(std::string_view name) {
    if (name.empty()) return engine_.storages.default_for("images");
    const Storage& storage = engine_.storages.get(name);
    if (const std::string why = storage.why_unusable(); !why.empty())
        throw Error(Exit::refused, why);
    return storage;
}

void Creation::new_disk(const std::string& key, const Storage& storage, int64_t bytes,
                        std::string_view format, std::string_view more, std::string_view hint) {
    const std::string volume = storage.plan_allocate(volumes_, id_, bytes, format, hint);
    put_disk(key, volume, bytes, more);
}

void Creation::put_disk(const std::string& key, const std::string& volume, int64_t bytes,
                        std::string_view more) {
    std::string value = volume;
    if (!more.empty()) value += "," + std::string(more);
    if (bytes > 0) value += ",size=" + print_size(bytes);
    const Field* field = vm_schema().find(key);
    set(key, field ? Properties::parse(*field, value).print() : value);
}

void Creation::import_disk(const std::string& key, const Storage& storage,
                           const ImageSource& source, std::string_view format,
                           std::string_view more, int64_t at_least) {
    const std::string volume = storage.plan_import(volumes_, id_, source, format);
    // Sectors of 512 bytes: a raw file may end in the middle of one.
    int64_t bytes = check_foreign_image(engine_.host, source).size;
    bytes = (bytes + 511) / 512 * 512;
    if (at_least > bytes) {
        VolumeInfo disk;
        disk.id = volume;
        disk.path = storage.path(VolumeId::parse(volume).value_or(VolumeId{}).name);
        disk.format = format;
        disk.size = bytes;
        disk.owner = id_;
        storage.plan_resize(volumes_, disk, at_least);
        bytes = at_least;
    }
    put_disk(key, volume, bytes, more);
}

void Creation::add_firmware(const Storage& storage, bool secure, std::string_view more) {
    const std::string vars = firmware_variables(engine_.host, secure);
    std::string parts = secure ? "efitype=4m,pre-enrolled-keys=1" : "efitype=4m";
    if (!more.empty()) parts = std::string(more);
    import_disk("efidisk0", storage, {vars, "raw"}, "qcow2", parts, 0);
}

Plan Creation::finish(const std::string& title) {
    Plan plan;
    plan.title = title;
    plan.guests = {id_};
    if (const auto password = config_.current.get("cipassword"))
        set("cipassword", cloudinit_kept_password(config_, id_, *password));
    const Values who = {{"folder", "qemu-server"}, {"guest", id_}};
    Values made = who, taken = who;
    made.set({"text", config_.text()});
    taken.set({"token", token_});
    plan.step("write the configuration, locked until all is made", {"config-create", made},
              Action{"config-remove", taken});
    plan.append(std::move(volumes_));
    plan.step("all is made: unlock it", {"config-finish", who});
    return plan;
}

std::string firmware_variables(const Host& host, bool secure) {
    std::string vars = host.system(secure ? "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
                                          : "/usr/share/OVMF/OVMF_VARS_4M.fd");
    if (!host.exists(vars))
        fail(Exit::missing, "UEFI firmware is not on this machine ({}): apt install ovmf", vars);
    return vars;
}

std::optional<int64_t> new_size(std::string_view text) {
    const auto number = parse_number(text);
    const auto bytes = number && *number > 0 && *number < 1e9
                           ? std::optional(static_cast<int64_t>(*number * 1073741824.0))
                           : parse_size(text);
    if (!bytes || *bytes <= 0) return std::nullopt;
    return (*bytes + 511) / 512 * 512;
}

int64_t disk_size(std::string_view text) {
    if (const auto bytes = new_size(text)) return *bytes;
    fail(Exit::usage, "'{}' is no size for a disk: 64G, 512M, or a number of GiB", printable(text));
}

}  // namespace lodge
