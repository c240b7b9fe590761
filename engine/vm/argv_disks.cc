#include <algorithm>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"
#include "engine/vm/cloudinit.h"

// Disks and CD drives: for each a graph of block nodes, a throttle group, and a device.
namespace lodge::argv {
namespace {

// Source is where a drive's data lies.
struct Source {
    bool empty = false;  // a CD drive with nothing in it
    MachineFacts::Volume volume;
};

Source source_of(Builder& builder, const std::string& key, const Properties& drive) {
    Source source;
    const std::string name = drive.text("file");
    if (name == "none") {
        source.empty = true;
        if (!builder.is_cdrom(key))
            fail(Exit::usage, "guest {}: the disk {} has no volume", builder.id, key);
    } else if (is_cloudinit_volume(name)) {
        source.volume.path = builder.facts.cloudinit_iso.empty() ? builder.run_path("cloudinit.iso")
                                                                 : builder.facts.cloudinit_iso;
        source.volume.format = "raw";
        source.volume.read_only = true;
        source.volume.direct_io = false;
    } else {
        source.volume = builder.volume(key, name);
    }
    if (source.volume.format.empty()) source.volume.format = drive.text("format");
    if (source.volume.format.empty() || source.volume.format == "iso") source.volume.format = "raw";
    return source;
}

// Caching is how the host's cache and the disk's write cache are used, by the format's names.
struct Caching {
    bool direct = true, no_flush = false, write_cache = true;
    std::string aio;
};

Caching caching_of(Builder& builder, const std::string& key, const Properties& drive,
                   const MachineFacts::Volume& volume) {
    Caching caching;
    const std::string cache = drive.text("cache");
    // A CD is read by many guests: the host's cache serves them all.
    caching.direct =
        cache == "none" || cache == "directsync" || (cache.empty() && !builder.is_cdrom(key));
    caching.no_flush = cache == "unsafe";
    caching.write_cache = cache != "writethrough" && cache != "directsync";
    if (caching.direct && !volume.direct_io) {
        caching.direct = false;
        if (!cache.empty())
            builder.warn(
                "{}: cache={} cannot pass the host's cache: the file system of {} does not "
                "take O_DIRECT",
                key, cache, volume.path);
    }
    caching.aio = drive.text("aio");
    if (caching.aio == "native" && !caching.direct) {
        builder.warn("{}: aio=native works with cache=none or directsync only: {} it is", key,
                     builder.facts.io_uring ? "io_uring" : "threads");
        caching.aio.clear();
    }
    if (caching.aio == "io_uring" && !builder.facts.io_uring) {
        builder.warn("{}: aio=io_uring is not allowed by this machine's kernel: threads it is",
                     key);
        caching.aio.clear();
    }
    // Without io_uring, native needs O_DIRECT and blocks on a file that must grow; threads always
    // do.
    if (caching.aio.empty()) caching.aio = builder.facts.io_uring ? "io_uring" : "threads";
    return caching;
}

Json file_node(Builder& builder, const std::string& key, const MachineFacts::Volume& volume,
               const Caching& caching, bool read_only) {
    std::string path = volume.path;
    // A device or a file of somebody else's stays theirs: QEMU gets it opened. Its own it can open
    // again, as it must for snapshots.
    if (volume.block_device || read_only)
        path = builder.hand_over_file(path, read_only);
    else
        builder.command.owned.push_back(path);
    Json node = {{"driver", volume.block_device ? "host_device" : "file"},
                 {"node-name", "file-" + key},
                 {"filename", path},
                 {"aio", caching.aio},
                 {"cache", {{"direct", caching.direct}, {"no-flush", caching.no_flush}}}};
    if (read_only) node["read-only"] = true;
    return node;
}

void add_graph(Builder& builder, const std::string& key, const Properties& drive,
               const MachineFacts::Volume& volume, const Caching& caching, bool read_only) {
    const bool raw_scsi = drive.flag("scsiblock");
    const bool discard = drive.text("discard") == "on";
    const bool zeroes =
        !builder.is_cdrom(key) && (!drive.has("detect_zeroes") || drive.flag("detect_zeroes"));
    Json file = file_node(builder, key, volume, caching, read_only);
    Json throttle = {{"driver", "throttle"},
                     {"node-name", "drive-" + key},
                     {"throttle-group", "throttle-" + key},
                     {"file", "file-" + key}};
    Json format = {{"driver", volume.format},
                   {"node-name", "fmt-" + key},
                   {"file", raw_scsi ? "file-" + key : "drive-" + key},
                   {"cache", {{"direct", caching.direct}, {"no-flush", caching.no_flush}}}};
    // Each node of the graph asks for itself whether it may pass a discard on.
    if (discard) file["discard"] = throttle["discard"] = format["discard"] = "unmap";
    if (zeroes) format["detect-zeroes"] = discard ? "unmap" : "on";
    if (read_only) throttle["read-only"] = format["read-only"] = true;

    const Json limits = throttle_limits(builder, key, drive);
    builder.blockdev(std::move(file));
    if (raw_scsi) {
        // SG_IO does not pass the filter.
        if (!limits.empty()) builder.warn("{}: limits do not work with scsiblock", key);
    } else {
        Json group = {{"qom-type", "throttle-group"}, {"id", "throttle-" + key}};
        if (!limits.empty()) group["limits"] = limits;
        builder.object(std::move(group));
        builder.blockdev(std::move(throttle));
    }
    builder.blockdev(std::move(format));
}

// A disk whose writes are forgotten. Only the old option can make QEMU keep them in a file of its
// own that has no name.
void add_volatile_drive(Builder& builder, const std::string& key,
                        const MachineFacts::Volume& volume, const Caching& caching,
                        const Json& limits) {
    const std::string path = builder.hand_over_file(volume.path, true);
    builder.text(
        "-drive",
        fmt::format("if=none,id=fmt-{},file={},format={},snapshot=on,cache=unsafe,aio={}", key,
                    path, volume.format, caching.aio == "native" ? "threads" : caching.aio));
    if (!limits.empty()) builder.warn("{}: limits do not work with snapshot=1", key);
}

void add_common(Builder& builder, const std::string& key, const Properties& drive, Json& device) {
    if (const int place = builder.boot_index(key); place > 0) device["bootindex"] = place;
    if (drive.has("serial")) device["serial"] = percent_decoded(drive.text("serial"));
    if (drive.has("wwn")) device["wwn"] = drive.text("wwn");
    if (drive.flag("ssd")) device["rotation_rate"] = 1;
    if (builder.is_cdrom(key)) return;
    for (const char* part : {"werror", "rerror"})
        if (drive.has(part)) device[part] = drive.text(part);
    if (drive.flag("shared")) device["share-rw"] = true;
}

std::string add_iothread(Builder& builder, const std::string& key) {
    builder.object({{"qom-type", "iothread"}, {"id", "iothread-" + key}});
    return "iothread-" + key;
}

constexpr std::string_view kSingle = "virtio-scsi-single";

std::string scsi_controller_driver(const std::string& hw) {
    if (hw == "lsi") return "lsi53c895a";
    if (hw == kSingle) return "virtio-scsi-pci";
    return hw;  // lsi53c810, megasas, pvscsi, virtio-scsi-pci
}

// Sets where a SCSI drive sits; adds the controller that it alone has.
void place_scsi(Builder& builder, const std::string& key, const Properties& drive, Json& device) {
    const std::string hw = builder.config.string_of("scsihw");
    const int number = stem_and_number(key).second;
    const bool wants_thread = drive.flag("iothread");
    if (hw == kSingle) {
        Json controller = {{"driver", "virtio-scsi-pci"},
                           {"id", fmt::format("virtioscsi{}", number)}};
        if (wants_thread) controller["iothread"] = add_iothread(builder, key);
        if (drive.has("queues")) controller["num_queues"] = drive.integer("queues");
        builder.pci_device(key, std::move(controller));
        device["bus"] = fmt::format("virtioscsi{}.0", number);
    } else {
        if (wants_thread)
            builder.warn("{}: iothread works with scsihw: virtio-scsi-single only", key);
        if (drive.has("queues"))
            builder.warn("{}: queues work with scsihw: virtio-scsi-single only", key);
    }
    // The numbers by which the format's guests know their disks.
    if (hw.starts_with("lsi")) {
        device["bus"] = fmt::format("scsihw{}.0", number / 7);
        device["scsi-id"] = number % 7;
    } else if (hw == "pvscsi" || hw == "megasas") {
        device["bus"] = "scsihw0.0";
        device["scsi-id"] = number;
        device["lun"] = 0;
    } else {
        if (hw != kSingle) device["bus"] = "scsihw0.0";
        device["channel"] = 0;
        device["scsi-id"] = 0;
        device["lun"] = number;
    }
}

void add_scsi_controllers(Builder& builder) {
    const Config& config = builder.config;
    const std::string hw = config.string_of("scsihw");
    const auto keys = config.indexed("scsi");
    // One that is named is there also without disks, for those that are plugged in later.
    if (hw == kSingle || (keys.empty() && !config.current.has("scsihw"))) return;
    std::set<int> numbers = {0};
    if (hw.starts_with("lsi"))
        for (const std::string& key : keys)
            numbers.insert(stem_and_number(key).second / 7);
    builder.begin("scsihw");
    for (const int number : numbers) {
        Json controller = {{"driver", scsi_controller_driver(hw)},
                           {"id", fmt::format("scsihw{}", number)}};
        if (number == 0 && numbers.size() > 1) controller["multifunction"] = true;
        builder.pci_device(fmt::format("scsihw{}", number), std::move(controller));
    }
}

Json scsi_device(Builder& builder, const std::string& key, const Properties& drive, bool cdrom) {
    Json device = {{"driver", cdrom                     ? "scsi-cd"
                              : drive.flag("scsiblock") ? "scsi-block"
                                                        : "scsi-hd"},
                   {"id", key}};
    place_scsi(builder, key, drive, device);
    if (!drive.flag("scsiblock")) {
        // What /dev/disk/by-id is made of when the disk has no serial number.
        if (!drive.has("serial")) device["device_id"] = "drive-" + key;
        if (drive.has("vendor")) device["vendor"] = percent_decoded(drive.text("vendor"));
        if (drive.has("product")) device["product"] = percent_decoded(drive.text("product"));
    }
    return device;
}

Json ide_device(Builder& builder, const std::string& key, const Properties& drive, bool cdrom) {
    const auto [stem, number] = stem_and_number(key);
    Json device = {{"driver", cdrom ? "ide-cd" : "ide-hd"}, {"id", key}};
    if (stem == "sata") {
        device["bus"] = fmt::format("ahci0.{}", number);
    } else if (builder.q35) {
        device["bus"] = fmt::format("ide.{}", number);  // the board's AHCI stands in for IDE
    } else {
        device["bus"] = fmt::format("ide.{}", number / 2);
        device["unit"] = number % 2;
    }
    if (drive.has("model")) device["model"] = percent_decoded(drive.text("model"));
    return device;
}

void add_drive(Builder& builder, const std::string& key) {
    const auto parts = builder.config.properties(key);
    if (!parts || !parts->has("file")) return;  // a bad value: it is among the config's problems
    const Properties& drive = *parts;
    builder.begin(key);
    const std::string stem = stem_and_number(key).first;
    const bool cdrom = builder.is_cdrom(key);
    const Source source = source_of(builder, key, drive);
    if (source.empty && stem == "virtio") return;
    const Caching caching =
        source.empty ? Caching{} : caching_of(builder, key, drive, source.volume);
    const bool read_only = cdrom || drive.flag("ro") || source.volume.read_only;
    if (!source.empty) {
        if (drive.flag("snapshot") && !cdrom)
            add_volatile_drive(builder, key, source.volume, caching,
                               throttle_limits(builder, key, drive));
        else
            add_graph(builder, key, drive, source.volume, caching, read_only);
    }
    Json device;
    if (stem == "scsi")
        device = scsi_device(builder, key, drive, cdrom);
    else if (stem == "virtio")
        device = {{"driver", "virtio-blk-pci"}, {"id", key}};
    else
        device = ide_device(builder, key, drive, cdrom);
    if (!source.empty) device["drive"] = "fmt-" + key;
    if (!source.empty && !cdrom && !caching.write_cache) device["write-cache"] = "off";
    add_common(builder, key, drive, device);
    if (stem != "virtio") return builder.device(std::move(device));
    if (drive.flag("iothread")) device["iothread"] = add_iothread(builder, key);
    builder.pci_device(key, std::move(device));
}

}  // namespace

void add_disks(Builder& builder) {
    const Config& config = builder.config;
    add_scsi_controllers(builder);
    if (!config.indexed("sata").empty()) {
        builder.begin("sata");
        builder.pci_device("ahci0", {{"driver", "ahci"}, {"id", "ahci0"}});
    }
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"})
        for (const std::string& key : config.indexed(stem))
            add_drive(builder, key);
}

}  // namespace lodge::argv
