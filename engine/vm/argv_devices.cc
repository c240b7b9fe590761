#include "engine/vm/argv_parts.h"

// What a guest has at most one of, and shared folders.
namespace lodge::argv {
namespace {

void add_rng(Builder& builder) {
    const auto rng = builder.config.properties("rng0");
    if (!rng || !rng->has("source")) return;
    builder.begin("rng0");
    std::string source = rng->text("source");
    // /dev/hwrng is root's; the others anyone may read.
    if (source == "/dev/hwrng") source = builder.hand_over_file(source, true);
    builder.object({{"qom-type", "rng-random"}, {"id", "rng0-source"}, {"filename", source}});
    Json device = {{"driver", "virtio-rng-pci"}, {"id", "rng0"}, {"rng", "rng0-source"}};
    if (rng->integer("max_bytes") > 0) {
        device["max-bytes"] = rng->integer("max_bytes");
        device["period"] = rng->integer("period");
    }
    builder.pci_device("rng0", std::move(device));
}

void add_watchdog(Builder& builder) {
    const auto watchdog = builder.config.properties("watchdog");
    if (!watchdog) return;
    builder.begin("watchdog");
    const std::string model = watchdog->text("model");
    Json device = {{"driver", model}, {"id", "watchdog"}};
    if (model == "ib700")
        builder.device(std::move(device));
    else
        builder.pci_device("watchdog", std::move(device));
    if (watchdog->has("action")) builder.text("-action", "watchdog=" + watchdog->text("action"));
}

void add_generation_id(Builder& builder) {
    const Config& config = builder.config;
    if (!config.current.has("vmgenid")) return;
    const std::string number = config.string_of("vmgenid");
    if (number == "0") return;
    builder.begin("vmgenid");
    if (number == "1") {
        builder.warn("vmgenid: 1 stands for a number yet to be made: this start makes one up");
        builder.device({{"driver", "vmgenid"}, {"id", "vmgenid"}, {"guid", "auto"}});
        return;
    }
    builder.device({{"driver", "vmgenid"}, {"id", "vmgenid"}, {"guid", number}});
}

void add_iommu(Builder& builder) {
    const auto machine = builder.config.properties("machine");
    const std::string kind = machine ? machine->text("viommu") : "";
    if (kind.empty()) {
        if (machine && machine->has("aw-bits")) builder.warn("machine: aw-bits needs viommu");
        return;
    }
    builder.begin("machine");
    if (kind == "virtio") {
        if (machine->has("aw-bits"))
            builder.warn("machine: aw-bits works with viommu=intel on this machine's QEMU");
        return builder.pci_device("viommu", {{"driver", "virtio-iommu-pci"}, {"id", "viommu"}});
    }
    if (!builder.q35) return builder.warn("machine: viommu=intel needs the machine q35");
    Json device = {{"driver", "intel-iommu"}, {"id", "viommu"}, {"caching-mode", true}};
    device["intremap"] = builder.kvm ? "on" : "auto";
    if (machine->has("aw-bits")) {
        const int64_t bits = machine->integer("aw-bits");
        if (bits == 39 || bits == 48)
            device["aw-bits"] = bits;
        else
            builder.warn("machine: aw-bits is 39 or 48 on this machine's QEMU, not {}", bits);
    }
    builder.device(std::move(device));
}

void add_share(Builder& builder, const std::string& key) {
    const auto parts = builder.config.properties(key);
    if (!parts || !parts->has("dirid")) return;
    const std::string name = parts->text("dirid");
    const auto folder = builder.facts.directory_mappings.find(name);
    if (folder == builder.facts.directory_mappings.end())
        return builder.warn("{}: no folder of this machine is known as {}", key, name);
    if (builder.facts.virtiofsd.empty())
        return builder.warn("{}: virtiofsd is missing (package qemu-system-common)", key);
    if (!builder.facts.root) return builder.warn("{}: only root can share a folder", key);
    builder.begin(key);
    Helper helper;
    helper.name = key;
    helper.socket = builder.run_path(key);
    helper.as_root = true;
    // virtiofsd asks for the cache policy by its own words; "metadata" is between auto and always.
    std::string cache = parts->text("cache");
    if (cache == "metadata") {
        builder.warn("{}: cache=metadata is not known to this virtiofsd: auto it is", key);
        cache = "auto";
    } else if (cache == "never") {
        cache = "none";
    }
    helper.argv = {builder.facts.virtiofsd,
                   "--socket-path=" + helper.socket,
                   "-o",
                   "source=" + folder->second,
                   "-o",
                   "cache=" + cache};
    if (parts->flag("expose-xattr") || parts->flag("expose-acl"))
        helper.argv.insert(helper.argv.end(), {"-o", "xattr"});
    if (parts->flag("expose-acl")) helper.argv.insert(helper.argv.end(), {"-o", "posix_acl"});
    if (parts->flag("direct-io")) helper.argv.insert(helper.argv.end(), {"-o", "allow_direct_io"});
    builder.command.helpers.push_back(helper);
    Handover socket{Handover::Kind::connect};
    socket.path = helper.socket;
    builder.chardev(fmt::format("socket,id={},{}", key,
                                builder.facts.by_path ? "path=" + comma_safe(helper.socket)
                                                      : "fd=" + builder.hand_over(socket)));
    builder.pci_device(key, {{"driver", "vhost-user-fs-pci"},
                             {"id", key + "-device"},
                             {"chardev", key},
                             {"tag", name}});
}

}  // namespace

void add_devices(Builder& builder) {
    add_rng(builder);
    add_watchdog(builder);
    add_generation_id(builder);
    add_iommu(builder);
    for (const std::string& key : builder.config.indexed("virtiofs"))
        add_share(builder, key);
}

}  // namespace lodge::argv
