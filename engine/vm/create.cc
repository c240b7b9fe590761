#include <algorithm>
#include <filesystem>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/storage/image.h"
#include "engine/units.h"
#include "engine/vm/appliance.h"
#include "engine/vm/change.h"
#include "engine/vm/create_words.h"
#include "engine/vm/creation.h"
#include "engine/vm/identity.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

constexpr int64_t gib = int64_t{1} << 30;
constexpr int64_t default_disk = 32 * gib;

std::string qemu_version(const Host& host) {
    const auto qemu = host.program("qemu-system-x86_64");
    if (!qemu) return {};
    Program program;
    program.argv = {*qemu, "--version"};
    const Outcome outcome = run_program(program, std::chrono::seconds(10));
    // "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)"
    const auto at = outcome.output.find("version ");
    if (outcome.status != 0 || at == std::string::npos) return {};
    const std::string rest = outcome.output.substr(at + 8);
    return rest.substr(0, rest.find_first_not_of("0123456789."));
}

// Builder makes the configuration and the volumes of one new guest from a person's words.
class Builder {
  public:
    Builder(Engine& engine, int id, const Values& words)
        : engine_(engine),
          words_(sort_create_words(words)),
          creation_(engine, id, random_uuid()),
          storage_(creation_.storage(words_.text("storage", ""))),
          format_(words_.text("format", "qcow2")) {
        for (const std::string& pair : words_.list("values")) {
            const auto equals = pair.find('=');
            wanted_.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        }
        const std::string image = words_.text("image", words_.text("import", ""));
        if (is_ovf_name(image)) read_appliance(image);
        ostype_ = wanted("ostype").value_or("l26");
        taste_ = taste_of(ostype_);
    }

    Plan build(int id) {
        basics();
        disks();
        firmware();
        cards();
        cloudinit();
        boot_order();
        const std::string name = creation_.config().string_of("name");
        const std::string guest = fmt::format("{}{}", id, name.empty() ? "" : " (" + name + ")");
        Plan plan = creation_.finish("create " + guest);
        for (const std::string& note : appliance_.notes)
            plan.warn(note);
        const bool starts = words_.flag("start");
        if (starts) plan.step("start it", {"guest-start", {{"guest", id}}});
        // Short enough for one line of 80 cells, on the screen too.
        plan.afterwards = fmt::format("{} is made{}: lodge {} {}", guest, starts ? " and runs" : "",
                                      starts ? "console" : "start", id);
        return plan;
    }

  private:
    std::optional<std::string> wanted(std::string_view key) const {
        std::optional<std::string> value;
        for (const auto& [name, text] : wanted_)
            if (name == key) value = text;
        return value;
    }
    // A default, unless the person said something else of the key.
    void prefer(const std::string& key, const std::string& value) {
        if (!wanted(key)) creation_.set(key, value);
    }
    bool has(std::string_view key) const { return creation_.config().current.has(key); }

    // What the description of an appliance says stands wherever the person says nothing.
    void read_appliance(const std::string& image) {
        package_ = read_ovf_package(path_of(image));
        appliance_ = map_appliance(package_.machine, default_bridge());
        for (const auto& [key, value] : appliance_.keys) {
            const bool is_card = key.rfind("net", 0) == 0;
            if (wanted(key) || (is_card && (words_.has("net") || words_.has("bridge")))) continue;
            wanted_.emplace_back(key, value);
        }
        if (!words_.has("tpm")) words_.set({"tpm", package_.machine.tpm});
    }

    bool is_appliance() const { return !package_.parts.empty(); }

    void appliance_disks() {
        const auto& disks = package_.machine.disks;
        for (size_t i = 0; i < disks.size(); ++i) {
            const std::string& key = appliance_.disks[i];
            if (first_.empty()) first_ = key;
            if (disks[i].file.empty()) {
                const int64_t bytes = (disks[i].capacity + 511) / 512 * 512;
                creation_.new_disk(key, storage_, bytes, format_, "discard=on");
                continue;
            }
            const OvfPackage::Part& part = package_.part(disks[i].file);
            if (!part.sum.empty())
                creation_.volumes().step(
                    fmt::format("{} is what the manifest says", printable(disks[i].file)),
                    {"file-verify",
                     {{"path", part.path},
                      {"offset", part.offset},
                      {"length", part.length},
                      {"algorithm", part.algorithm},
                      {"sum", part.sum}}});
            const bool whole_file = part.offset == 0;
            creation_.import_disk(key, storage_,
                                  {part.path, "", part.offset, whole_file ? 0 : part.length},
                                  format_, "discard=on", 0);
        }
    }

    std::string path_of(const std::string& image) {
        if (VolumeId::parse(image)) return engine_.storages.info(image).path;
        std::error_code trouble;
        const auto path = std::filesystem::absolute(image, trouble).lexically_normal();
        if (trouble) fail_errno(trouble.value(), "cannot find " + printable(image));
        return path.string();
    }

    std::string default_bridge() const {
        const bool has_vmbr0 =
            engine_.host.is_root() &&
            engine_.host.exists(engine_.host.system("/sys/class/net/vmbr0/bridge"));
        const std::string bridge = words_.text("bridge", has_vmbr0 ? "vmbr0" : "");
        return bridge == "none" ? "" : bridge;
    }

    void basics() {
        if (const auto text = wanted("description"))
            creation_.config().current.set_description(*text);
        for (const auto& [key, value] : wanted_) {
            if (key == "lock" || key == "vmgenid" || key == "meta" || key == "digest")
                fail(Exit::usage, "{} is not a person's to set", key);
            if (value.empty() || is_disk_key(key) || key == "description" || key == "cdrom")
                continue;
            creation_.set(key, value);
        }
        prefer("ostype", ostype_);
        prefer("memory", "2048");
        prefer("cores", "2");
        if (taste_.machine != "pc" && !is_appliance())
            prefer("machine", std::string(taste_.machine));
        prefer("cpu", "host");
        if (!taste_.scsi.empty() && !is_appliance()) prefer("scsihw", std::string(taste_.scsi));
        prefer("agent", "1");
        if (taste_.virtio) prefer("rng0", "source=/dev/urandom");
        if (taste_.serial) prefer("serial0", "socket");
        prefer("smbios1", "uuid=" + random_uuid());
        const std::string version = qemu_version(engine_.host);
        creation_.set("meta", fmt::format("{}ctime={}",
                                          version.empty() ? "" : "creation-qemu=" + version + ",",
                                          engine_.host.now_seconds()));
    }

    std::string disk_options(std::string_view key) const {
        if (key.starts_with("scsi"))
            return taste_.virtio ? "discard=on,iothread=1,ssd=1" : "discard=on,ssd=1";
        if (key.starts_with("virtio")) return "discard=on,iothread=1";
        return "discard=on,ssd=1";
    }

    // The lowest free key of a bus; ide2 is kept for the CD drive.
    std::string free_key(std::string_view bus) const {
        const Field* field = nullptr;
        for (int i = 0; (field = vm_schema().find(fmt::format("{}{}", bus, i))); ++i) {
            const std::string key = fmt::format("{}{}", bus, i);
            if (!has(key) && !wanted(key) && key != "ide2") return key;
        }
        fail(Exit::refused, "there is no room for one more disk on {}", bus);
    }

    // "64G", "64" (GiB) or "fast:64G".
    void disk_of_size(const std::string& text) {
        const auto id = VolumeId::parse(text);
        creation_.new_disk(next_key(), id ? creation_.storage(id->storage) : storage_,
                           disk_size(id ? id->name : text), format_, disk_options(taste_.bus));
    }
    std::string next_key() {
        const std::string key = free_key(taste_.bus);
        if (first_.empty()) first_ = key;
        return key;
    }

    void disks() {
        bool any = false;
        for (const auto& [key, value] : wanted_) {
            if (!is_disk_key(key) && key != "cdrom") continue;
            any = any || !is_cdrom_value(key, value);
            if (!value.empty()) wanted_disk(key == "cdrom" ? "ide2" : key, value);
        }
        std::vector<std::string> sizes = words_.list("disk");
        const std::string image = words_.text("image", words_.text("import", ""));
        if (!appliance_.disks.empty()) {
            appliance_disks();
        } else if (!image.empty() && !is_ovf_name(image)) {
            import(image, sizes.empty() ? 0 : disk_size(sizes.front()));
            if (!sizes.empty()) sizes.erase(sizes.begin());
        } else if (sizes.empty() && !any) {
            creation_.new_disk(next_key(), storage_, default_disk, format_,
                               disk_options(taste_.bus));
        }
        for (const std::string& size : sizes)
            if (size != "none") disk_of_size(size);
        if (const auto iso = words_.get("iso")) insert(*iso);
    }

    // A disk key as the configuration writes it, where "STORAGE:SIZE" asks for a new volume.
    void wanted_disk(const std::string& key, const std::string& value) {
        std::string volume = volume_of(value);
        std::vector<std::string> parts;
        std::string source;
        for (const std::string& part : split(value, ',')) {
            if (part.rfind("import-from=", 0) == 0)
                source = part.substr(12);
            else if (part != volume && part != "file=" + volume)
                parts.push_back(part);
        }
        if (volume.empty()) volume = split(value, ',').front();
        const auto id = VolumeId::parse(volume);
        const auto size = id ? new_size(id->name) : std::nullopt;
        const std::string more = join(parts, ",");
        if (first_.empty() && !is_cdrom_value(key, value) && key != "efidisk0" &&
            key != "tpmstate0")
            first_ = key;
        if (id && !source.empty()) {
            import_one(key, creation_.storage(id->storage), source, more, 0);
        } else if (id && id->name == "cloudinit") {
            creation_.new_disk(key, creation_.storage(id->storage), cloudinit_bytes, "qcow2",
                               "media=cdrom", "cloudinit");
        } else if (!size) {
            creation_.set(key, value);
            if (!is_cdrom_value(key, value) && id) (void)engine_.storages.info(volume);
        } else if (key == "efidisk0") {
            const bool secure = value.find("pre-enrolled-keys=1") != std::string::npos;
            creation_.add_firmware(creation_.storage(id->storage), secure, more);
        } else if (key == "tpmstate0") {
            creation_.new_disk(key, creation_.storage(id->storage), tpm_bytes, "raw", more);
        } else {
            const auto format = format_part(parts);
            creation_.new_disk(key, creation_.storage(id->storage), *size, format,
                               join(parts, ","));
        }
    }
    // Takes "format=raw" out of the parts: the volume's name tells it from then on.
    std::string format_part(std::vector<std::string>& parts) const {
        std::string format = format_;
        std::erase_if(parts, [&](const std::string& part) {
            if (part.rfind("format=", 0) != 0) return false;
            format = part.substr(7);
            return true;
        });
        return format;
    }

    void import_one(const std::string& key, const Storage& storage, const std::string& from,
                    const std::string& more, int64_t at_least) {
        creation_.import_disk(key, storage, {path_of(from), ""}, format_, more, at_least);
    }

    void import(const std::string& image, int64_t at_least) {
        import_one(next_key(), storage_, image, disk_options(taste_.bus), at_least);
    }

    // A volume, a file, or the name of an ISO that one of the storages has.
    void insert(const std::string& iso) {
        std::string volume;
        if (iso.front() == '/' || VolumeId::parse(iso)) {
            volume = engine_.storages.info(iso).id;
        } else {
            for (const auto& storage : engine_.storages.all()) {
                if (!storage->holds("iso") || !storage->why_unusable().empty()) continue;
                for (const VolumeInfo& one : storage->list())
                    if (one.content == "iso" && one.id.ends_with("/" + iso)) volume = one.id;
            }
            if (volume.empty())
                fail(Exit::not_found,
                     "there is no ISO '{}' on any storage; lodge storage volumes shows them, lodge "
                     "storage upload brings one in",
                     printable(iso));
        }
        cd_ = has("ide2") ? "ide0" : "ide2";
        creation_.set(cd_, volume + ",media=cdrom");
    }

    void firmware() {
        const bool windows11 = ostype_ == "win11";
        const bool uefi = words_.has("uefi") ? words_.flag("uefi") : windows11;
        if (uefi) prefer("bios", "ovmf");
        if (creation_.config().string_of("bios") == "ovmf" && !has("efidisk0"))
            creation_.add_firmware(storage_, windows11 || package_.machine.secure_boot, "");
        const bool tpm = words_.has("tpm") ? words_.flag("tpm") : windows11;
        if (tpm && !has("tpmstate0"))
            creation_.new_disk("tpmstate0", storage_, tpm_bytes, "raw", "version=v2.0");
    }

    void cards() {
        std::vector<std::string> cards = words_.list("net");
        for (const auto& [key, value] : wanted_)
            if (key.rfind("net", 0) == 0 && key.size() > 3 && key[3] >= '0' && key[3] <= '9') {
                if (!value.empty()) creation_.set(key, with_mac(value));
                if (cards.empty()) cards.push_back("none");
            }
        if (cards.empty()) {
            std::string card(taste_.card);
            const std::string bridge = default_bridge();
            if (!bridge.empty()) card += ",bridge=" + bridge;
            cards.push_back(card);
        }
        int number = 0;
        for (const std::string& card : cards) {
            if (card == "none") continue;
            while (has(fmt::format("net{}", number)))
                ++number;
            creation_.set(fmt::format("net{}", number), with_mac(card));
        }
    }

    // "virtio,bridge=vmbr0" gets an address of its own.
    static std::string with_mac(const std::string& card) {
        const Field* field = vm_schema().find("net0");
        Properties parts = Properties::parse(*field, card);
        if (!parts.has("macaddr")) parts.set("macaddr", random_mac());
        return parts.print();
    }

    void cloudinit() {
        if (const auto user = words_.get("user")) creation_.set("ciuser", *user);
        if (const auto password = words_.get("password")) creation_.set("cipassword", *password);
        if (words_.has("ssh-key"))
            creation_.set("sshkeys", encode_ssh_keys(engine_.host, words_.list("ssh-key")));
        const Section& section = creation_.config().current;
        const bool wants = section.has("ciuser") || section.has("cipassword") ||
                           section.has("sshkeys") || section.has("ipconfig0");
        if (!wants) return;
        for (const auto& [key, value] : section.entries())
            if (value.find("cloudinit") != std::string::npos && is_disk_key(key)) return;
        if (!section.has("ipconfig0")) creation_.set("ipconfig0", "ip=dhcp");
        // The kernel of Debian's cloud images, and others like it, have drivers for virtio only,
        // none for the AHCI that q35 has its ide drives on.
        const bool virtio = creation_.config().string_of("scsihw").starts_with("virtio-scsi");
        const std::string key = virtio ? free_key("scsi") : has("ide2") ? "ide0" : "ide2";
        creation_.new_disk(key, storage_, cloudinit_bytes, "qcow2", "media=cdrom", "cloudinit");
    }

    void boot_order() {
        std::vector<std::string> order;
        if (!first_.empty()) order.push_back(first_);
        if (!cd_.empty()) order.push_back(cd_);
        if (has("net0")) order.push_back("net0");
        if (!order.empty()) prefer("boot", "order=" + join(order, ";"));
    }

    Engine& engine_;
    Values words_;
    Creation creation_;
    const Storage& storage_;
    std::string format_;
    OvfPackage package_;
    Appliance appliance_;
    std::vector<std::pair<std::string, std::string>> wanted_;
    std::string ostype_;
    Taste taste_{};
    std::string first_;  // the disk to boot from
    std::string cd_;
};

}  // namespace

// words, all optional, besides those of guest.h:
//   name, memory (MiB), cores, ostype, description   as the configuration has them
//   disk      list of SIZE or STORAGE:SIZE; "none": no disk; with image: its size at least
//   iso       volume, path, or a name found on the storages
//   image     volume or path of a disk image that becomes the first disk, or of an OVA or OVF whose
//             description fills in what the other words leave open (import: the same)
//   bridge    bridge of the network card; "none": user mode
//   net       list of cards as net0 writes them, "none": no card
//   uefi, tpm 1 or 0
//   user, password, ssh-key (list of keys or files)  for cloud-init, which then gets its drive
// Each of these may also stand in `values` ("disk=64G"). A disk key in `values` whose volume is
// "STORAGE:SIZE" gets a new volume; "STORAGE:0,import-from=FILE" a copy of an image.
Plan VmKind::create(Engine& engine, int id, const Values& words) const {
    const int number = id > 0 ? id : engine.store.free_id();
    return Builder(engine, number, words).build(number);
}

}  // namespace lodge
