#include "engine/schema.h"

#include "engine/schema_shared.h"
#include "engine/store.h"

namespace lodge {
namespace {

using namespace table;

constexpr Field dev_parts[] = {
    boolean("deny-write", "0", "Whether the container may only read."),
    whole("gid", "", 0, {}, "The group of the device inside the container."),
    checked("mode", "", checks::octal_mode, "an octal mode such as 0660",
            "The access mode of the device inside the container."),
    bare(required(checked("path", "", checks::device_path, "a device such as /dev/dri/renderD128",
                          "The device of this machine."))),
    whole("uid", "", 0, {}, "The owner of the device inside the container."),
};

constexpr Field features_parts[] = {
    boolean("force_rw_sys", "0", "Whether /sys can be written in an unprivileged container."),
    boolean("fuse", "0", "Whether FUSE file systems may be mounted."),
    boolean("keyctl", "0", "Whether the key management system call is allowed."),
    boolean("mknod", "0", "Whether some device nodes may be made."),
    checked("mount", "", checks::mount_kinds, "file system types such as nfs;cifs",
            "The file system types that may be mounted."),
    boolean("nesting", "0", "Whether containers may run inside."),
};

#define LODGE_MOUNT_PARTS                                                              \
    boolean("acl", "",                                                                 \
            "Whether access control lists are on or off; the file system's own "       \
            "setting when missing."),                                                  \
        text("idmap", "How numbers of users and groups are mapped on this mount."),    \
        text("mountoptions", "More mount options with ';' between, such as noatime."), \
        boolean("quota", "", "Whether quotas are kept inside the container."),         \
        boolean("replicate", "1", "Whether replication jobs take this volume along."), \
        boolean("ro", "", "Whether the container may only read."),                     \
        boolean("shared", "0", "Says that every node has this volume."),               \
        plain(ValueType::size, "size", "The size of the volume, for the reader."),     \
        bare(required(plain(ValueType::volume, "volume", "The volume, device or folder.")))

constexpr Field rootfs_parts[] = {LODGE_MOUNT_PARTS};
constexpr Field mp_parts[] = {
    LODGE_MOUNT_PARTS,
    boolean("backup", "0", "Whether backups hold this volume."),
    boolean("keepattrs", "0", "Whether owner and mode of the folder beneath are kept."),
    required(checked("mp", "", checks::absolute_path, "a path that begins with '/'",
                     "Where it shows in the container.")),
};
#undef LODGE_MOUNT_PARTS

constexpr Field net_parts[] = {
    checked("bridge", "", checks::interface_name, "the name of a bridge",
            "The bridge of this machine."),
    boolean("firewall", "0", "Kept for Proxmox VE's firewall; Lodge filters nothing."),
    checked("gw", "", checks::ipv4, "an IPv4 address", "The IPv4 gateway."),
    checked("gw6", "", checks::ipv6, "an IPv6 address", "The IPv6 gateway."),
    boolean("host-managed", "0", "Whether this machine sets the addresses, not the container."),
    plain(ValueType::mac, "hwaddr", "The address of the card; one is made when it is missing."),
    checked("ip", "manual", checks::container_ip, "192.0.2.10/24, dhcp or manual",
            "The IPv4 address."),
    checked("ip6", "manual", checks::container_ip6, "2001:db8::10/64, auto, dhcp or manual",
            "The IPv6 address."),
    boolean("link_down", "0", "Whether the cable is pulled."),
    whole("mtu", "", 64, 65535, "The largest packet."),
    required(checked("name", "", checks::interface_name, "the name of a network interface",
                     "The name of the card inside the container.")),
    number("rate", "", 0, {}, "Limit in megabytes a second."),
    whole("tag", "", 1, 4094, "The VLAN the card is in."),
    checked("trunks", "", checks::vlan_list, "VLANs such as 10;20-30",
            "The VLANs that pass through the card."),
    choice("type", "veth", "veth", "The kind of card."),
};

constexpr Field unused_parts[] = {
    bare(required(plain(ValueType::volume, "volume", "The volume that no mount key names."))),
};

constexpr Field container_fields[] = {
    choice("arch", "amd64", "amd64|arm64|armhf|i386|riscv32|riscv64", "The kind of CPU."),
    choice("cmode", "tty", "console|shell|tty", "What the console shows."),
    boolean("console", "1", "Whether the container has a console."),
    whole("cores", "", 1, 8192, "How many CPUs the container may use; all when missing."),
    number("cpulimit", "0", 0, 8192, "How many CPUs' time it may use; 0: no limit."),
    whole("cpuunits", "100", 0, 500000,
          "The share of the CPU when it is short (100 by cgroup v2, 1024 by v1)."),
    boolean("debug", "0", "Whether liblxc logs much at the start."),
    text("description", "Notes; written as lines with '#' at the top of the file."),
    indexed(property("dev", dev_parts, "A device of this machine."), 256),
    text("entrypoint", "The program that is started as the first process."),
    checked("env", "", checks::environment, "NAME=value", "The environment of the first process."),
    property("features", features_parts, "What the container may do beyond the usual."),
    text("hookscript", "A script that runs before and after start and stop."),
    indexed(property("hostfwd", hostfwd_parts,
                     "A port of this machine that leads to the container (Lodge's own key)."),
            32),
    checked("hostname", "", checks::dns_name, "a name of letters, digits and '-'",
            "The name of the container."),
    whole("ioweight", "", 1, 10000,
          "The share of the disks when they are busy; 100 is usual (Lodge's own key)."),
    choice("lock", "",
           "backup|create|destroyed|disk|fstrim|migrate|mounted|rollback|snapshot|snapshot-delete",
           "What the container is held for now."),
    whole("memory", "512", 16, {}, "The memory of the container in MiB."),
    indexed(property("mp", mp_parts, "A volume, device or folder that is mounted."), 256),
    checked("nameserver", "", checks::ip_list, "IP addresses with spaces between",
            "The DNS server; that of this machine when missing."),
    indexed(property("net", net_parts, "A network card."), 32),
    boolean("onboot", "0", "Whether the container starts with this machine."),
    choice("ostype", "",
           "alpine|archlinux|centos|debian|devuan|fedora|gentoo|nixos|opensuse|ubuntu|unmanaged",
           "The distribution inside, for settings that suit it."),
    whole("pids", "", 8, 4194304,
          "How many processes and threads it may have; no limit when missing (Lodge's own key)."),
    boolean("protection", "0", "Whether the container and its disks are safe from removal."),
    property("rootfs", rootfs_parts, "The root file system."),
    text("searchdomain", "The DNS search domain; that of this machine when missing."),
    property("startup", startup_parts, "The place in the order at boot."),
    whole("swap", "512", 0, {}, "The swap space of the container in MiB."),
    checked("tags", "", checks::tags, "tags with ';' between them",
            "Words to find the container by."),
    boolean("template", "0", "Whether the container is a template and never starts."),
    text("timezone", "The time zone inside; host means that of this machine."),
    whole("tty", "2", 0, 6, "How many terminals the container has."),
    boolean("unprivileged", "0", "Whether root inside is an ordinary user of this machine."),
    indexed(
        property("unused", unused_parts, "A volume that belongs to the container but is not used."),
        256),
    internal(checked("parent", "", checks::snapshot_name, "the name of a snapshot",
                     "The snapshot this state comes from.")),
    internal(whole("snaptime", "", 0, {}, "When the snapshot was taken, Unix time.")),
    internal(choice("snapstate", "", "delete|prepare", "What is being done to the snapshot.")),
};

}  // namespace

const Schema& container_schema() {
    static const Schema schema = {"lxc", "pve:pending", container_fields};
    return schema;
}

}  // namespace lodge
