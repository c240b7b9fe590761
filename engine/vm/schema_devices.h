#pragma once

#include "engine/checks.h"
#include "engine/field_table.h"

// The parts of a virtual machine's property keys other than disks. Only engine/vm/schema.cc
// includes this.
namespace lodge::table {

inline constexpr Field agent_parts[] = {
    bare(required(boolean("enabled", "0", "Whether Lodge talks to the agent inside the guest."))),
    boolean("freeze-fs", "1", "Whether file systems are frozen for backups and snapshots."),
    boolean("fstrim_cloned_disks", "0", "Whether free space is given back after a clone or move."),
    choice("type", "virtio", "isa|virtio", "The kind of port the agent listens on."),
    renamed("freeze-fs-on-backup", "freeze-fs"),
};

inline constexpr Field amd_sev_parts[] = {
    boolean("allow-smt", "1", "Whether the guest may run on a host with SMT."),
    boolean("kernel-hashes", "0", "Whether kernel, initrd and command line are measured."),
    boolean("no-debug", "0", "Whether debugging of the guest is forbidden."),
    boolean("no-key-sharing", "0", "Whether key sharing with other guests is forbidden."),
    bare(required(
        choice("type", "", "std|es|snp", "The kind of encryption: SEV, SEV-ES, SEV-SNP."))),
};

inline constexpr Field audio_parts[] = {
    required(
        choice("device", "", "AC97|ich9-intel-hda|intel-hda", "The sound card the guest sees.")),
    choice("driver", "spice", "none|spice", "Where the sound goes."),
};

inline constexpr Field boot_parts[] = {
    bare(checked("legacy", "cdn", checks::boot_legacy, "letters of acdn",
                 "The old form: kinds of devices in order.")),
    checked("order", "", checks::boot_order, "devices such as scsi0;ide2;net0",
            "The devices to boot from, in order."),
};

inline constexpr Field cicustom_parts[] = {
    plain(ValueType::volume, "meta", "A file with the metadata."),
    plain(ValueType::volume, "network", "A file with the network settings."),
    plain(ValueType::volume, "user", "A file with the user data."),
    plain(ValueType::volume, "vendor", "A file with the vendor data."),
};

inline constexpr std::string_view cpu_models =
    "486|athlon|Broadwell|Broadwell-IBRS|Broadwell-noTSX|Broadwell-noTSX-IBRS|Cascadelake-Server|"
    "Cascadelake-Server-noTSX|Cascadelake-Server-v2|Cascadelake-Server-v4|Cascadelake-Server-v5|"
    "Conroe|Cooperlake|Cooperlake-v2|core2duo|coreduo|EPYC|EPYC-Genoa|EPYC-Genoa-v2|EPYC-IBPB|"
    "EPYC-Milan|EPYC-Milan-v2|EPYC-Milan-v3|EPYC-Rome|EPYC-Rome-v2|EPYC-Rome-v3|EPYC-Rome-v4|"
    "EPYC-Rome-v5|EPYC-Turin|EPYC-v3|EPYC-v4|EPYC-v5|GraniteRapids|Haswell|Haswell-IBRS|"
    "Haswell-noTSX|Haswell-noTSX-IBRS|host|Icelake-Client|Icelake-Client-noTSX|Icelake-Server|"
    "Icelake-Server-noTSX|Icelake-Server-v3|Icelake-Server-v4|Icelake-Server-v5|Icelake-Server-v6|"
    "IvyBridge|IvyBridge-IBRS|KnightsMill|kvm32|kvm64|max|Nehalem|Nehalem-IBRS|Opteron_G1|"
    "Opteron_G2|Opteron_G3|Opteron_G4|Opteron_G5|Penryn|pentium|pentium2|pentium3|phenom|qemu32|"
    "qemu64|SandyBridge|SandyBridge-IBRS|SapphireRapids|SapphireRapids-v2|SierraForest|"
    "Skylake-Client|Skylake-Client-IBRS|Skylake-Client-noTSX-IBRS|Skylake-Client-v4|Skylake-Server|"
    "Skylake-Server-IBRS|Skylake-Server-noTSX-IBRS|Skylake-Server-v4|Skylake-Server-v5|Westmere|"
    "Westmere-IBRS";

inline constexpr Field cpu_parts[] = {
    bare(checked("cputype", "kvm64", checks::identifier, "the name of a CPU model",
                 "The CPU the guest sees: a model of QEMU, x86-64-v2-AES and like, host, max.")),
    checked("flags", "", checks::cpu_flags, "flags such as +aes;-pcid",
            "CPU flags that are added or taken away."),
    whole("guest-phys-bits", "", 32, 64, "How many address bits the guest may use."),
    boolean("hidden", "0", "Whether the guest is not told that it runs under KVM."),
    checked("hv-vendor-id", "", checks::hyperv_vendor, "up to 12 letters and digits",
            "The Hyper-V vendor that a Windows guest sees."),
    checked("phys-bits", "", checks::phys_bits, "a number from 8 to 64, or host",
            "How many physical address bits the guest sees."),
    choice("reported-model", "kvm64", cpu_models, "The model that a CPU of one's own reports."),
};

inline constexpr Field hostpci_parts[] = {
    checked("device-id", "", checks::hex_id, "a number such as 0x8086",
            "The device id the guest sees."),
    choice("driver", "vfio", "keep|vfio", "Whether the device is bound to vfio-pci first."),
    bare(checked("host", "", checks::pci_addresses, "PCI addresses such as 0000:01:00.0",
                 "The device, or several with ';' between, by address on this machine.")),
    boolean("legacy-igd", "0",
            "Whether Intel graphics are passed the old way, as the only screen."),
    checked("mapping", "", checks::identifier, "the name of a mapping",
            "The device by the name it has on this machine."),
    text("mdev", "The kind of mediated device to make."),
    boolean("pcie", "0", "Whether the guest sees a PCI Express device (q35 only)."),
    boolean("rombar", "1", "Whether the device's firmware shows in the guest."),
    text("romfile", "A file with the firmware to show instead."),
    checked("sub-device-id", "", checks::hex_id, "a number such as 0x8086",
            "The subsystem device id the guest sees."),
    checked("sub-vendor-id", "", checks::hex_id, "a number such as 0x8086",
            "The subsystem vendor id the guest sees."),
    checked("vendor-id", "", checks::hex_id, "a number such as 0x8086",
            "The vendor id the guest sees."),
    boolean("x-vga", "0", "Whether the device is the guest's main screen."),
};

inline constexpr Field intel_tdx_parts[] = {
    boolean("attestation", "1", "Whether the guest can prove what it is."),
    bare(required(choice("type", "", "tdx", "The kind of protection."))),
    whole("vsock-cid", "2", 2, {}, "The vsock address of the quote service."),
    whole("vsock-port", "4050", 0, {}, "The vsock port of the quote service."),
};

inline constexpr Field ipconfig_parts[] = {
    checked("gw", "", checks::ipv4, "an IPv4 address", "The IPv4 gateway."),
    checked("gw6", "", checks::ipv6, "an IPv6 address", "The IPv6 gateway."),
    checked("ip", "dhcp", checks::cloud_ip, "192.0.2.10/24 or dhcp", "The IPv4 address."),
    checked("ip6", "dhcp", checks::cloud_ip6, "2001:db8::10/64, auto or dhcp", "The IPv6 address."),
};

inline constexpr Field ivshmem_parts[] = {
    text("name", "The name of the memory region; the guest's number without one."),
    required(whole("size", "", 1, {}, "The size in MiB.")),
};

inline constexpr Field machine_parts[] = {
    whole("aw-bits", "", 32, 64, "How many address bits the virtual IOMMU has."),
    boolean("enable-s3", "", "Whether the guest may suspend to memory."),
    boolean("enable-s4", "", "Whether the guest may suspend to disk."),
    bare(checked("type", "", checks::machine_type, "pc, q35 or a version such as pc-q35-7.2",
                 "The mainboard the guest sees.")),
    choice("viommu", "", "intel|virtio", "The kind of IOMMU the guest sees."),
};

inline constexpr Field memory_parts[] = {
    bare(required(whole("current", "512", 16, {}, "The memory of the guest in MiB."))),
};

#define LODGE_NET_MODEL(name)                                                       \
    Field {                                                                         \
        .key = name, .type = ValueType::mac, .help = "The model with its address.", \
        .alias = "macaddr", .alias_key = "model"                                    \
    }
inline constexpr Field net_parts[] = {
    bare(required(choice("model", "",
                         "e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|"
                         "i82559er|ne2k_isa|ne2k_pci|pcnet|rtl8139|virtio|vmxnet3",
                         "The card the guest sees; virtio is the fastest."))),
    checked("bridge", "", checks::interface_name, "the name of a bridge",
            "The bridge of this machine; without one the guest has a network of its own."),
    boolean("firewall", "0", "Whether the firewall's rules apply to this card."),
    boolean("link_down", "0", "Whether the cable is pulled."),
    plain(ValueType::mac, "macaddr", "The address of the card; one is made when it is missing."),
    whole("mtu", "", 1, 65520, "The largest packet (virtio only); 1 means that of the bridge."),
    whole("queues", "", 0, 64, "How many packet queues the card has."),
    number("rate", "", 0, {}, "Limit in megabytes a second."),
    whole("tag", "", 1, 4094, "The VLAN the card is in."),
    checked("trunks", "", checks::vlan_list, "VLANs such as 10;20-30",
            "The VLANs that pass through the card."),
    LODGE_NET_MODEL("e1000"),
    LODGE_NET_MODEL("e1000-82540em"),
    LODGE_NET_MODEL("e1000-82544gc"),
    LODGE_NET_MODEL("e1000-82545em"),
    LODGE_NET_MODEL("e1000e"),
    LODGE_NET_MODEL("i82551"),
    LODGE_NET_MODEL("i82557b"),
    LODGE_NET_MODEL("i82559er"),
    LODGE_NET_MODEL("ne2k_isa"),
    LODGE_NET_MODEL("ne2k_pci"),
    LODGE_NET_MODEL("pcnet"),
    LODGE_NET_MODEL("rtl8139"),
    LODGE_NET_MODEL("virtio"),
    LODGE_NET_MODEL("vmxnet3"),
};
#undef LODGE_NET_MODEL

inline constexpr Field numa_parts[] = {
    required(checked("cpus", "", checks::range_list, "CPUs such as 0-3;8",
                     "The guest's CPUs in this node.")),
    checked("hostnodes", "", checks::range_list, "nodes such as 0;1",
            "The nodes of this machine to take the memory from."),
    number("memory", "", 0, {}, "The memory of the node in MiB."),
    choice("policy", "", "bind|interleave|preferred", "How the memory is taken from the nodes."),
};

inline constexpr Field rng_parts[] = {
    whole("max_bytes", "1024", 0, {},
          "How many bytes the guest may take in a period; 0: no limit."),
    whole("period", "1000", 1, {}, "The period in milliseconds."),
    bare(required(choice("source", "", "/dev/hwrng|/dev/random|/dev/urandom",
                         "Where random numbers come from."))),
};

inline constexpr Field smbios_parts[] = {
    boolean("base64", "0", "Whether the other parts are written in base64."),
    text("family", "The family the guest sees."),
    text("manufacturer", "The manufacturer the guest sees."),
    text("product", "The product the guest sees."),
    text("serial", "The serial number the guest sees."),
    text("sku", "The SKU the guest sees."),
    plain(ValueType::uuid, "uuid", "The UUID of the guest's mainboard."),
    text("version", "The version the guest sees."),
};

inline constexpr Field spice_parts[] = {
    boolean("foldersharing", "0", "Whether folders can be shared over SPICE."),
    choice("videostreaming", "off", "all|filter|off", "Which parts of the screen become video."),
};

inline constexpr Field usb_parts[] = {
    bare(checked("host", "", checks::usb_device, "1234:abcd, 1-2.3 or spice",
                 "The device of this machine.")),
    checked("mapping", "", checks::identifier, "the name of a mapping",
            "The device by the name it has on this machine."),
    boolean("usb3", "0", "Whether the guest sees a USB 3 port."),
};

inline constexpr Field vga_parts[] = {
    choice("clipboard", "", "vnc", "Whether the clipboard is shared."),
    whole("memory", "", 4, 512, "The memory of the graphics card in MiB."),
    bare(choice("type", "std",
                "cirrus|none|qxl|qxl2|qxl3|qxl4|serial0|serial1|serial2|serial3|std|virtio|"
                "virtio-gl|vmware",
                "The graphics card the guest sees; serialN makes that port the screen.")),
};

inline constexpr Field virtiofs_parts[] = {
    choice("cache", "auto", "always|auto|metadata|never", "What the guest may keep in its cache."),
    boolean("direct-io", "0", "Whether programs may ask to pass the cache."),
    bare(required(checked("dirid", "", checks::identifier, "the name of a mapping",
                          "The folder by the name it has on this machine."))),
    boolean("expose-acl", "0", "Whether the guest sees access control lists."),
    boolean("expose-xattr", "0", "Whether the guest sees extended attributes."),
};

inline constexpr Field watchdog_parts[] = {
    choice("action", "", "debug|none|pause|poweroff|reset|shutdown",
           "What happens when the guest stops feeding it."),
    bare(choice("model", "i6300esb", "i6300esb|ib700", "The watchdog the guest sees.")),
};

}  // namespace lodge::table
