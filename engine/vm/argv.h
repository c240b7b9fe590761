#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"

namespace lodge {

// MachineFacts is all that a QEMU command line depends on besides the configuration. A test writes
// it by hand; vm_facts() reads it off the machine.
struct MachineFacts {
    std::string qemu = "/usr/bin/qemu-system-x86_64";
    int qemu_major = 7, qemu_minor = 2;
    std::vector<std::string> machines;    // types that `-machine help` offers; empty: not known
    std::vector<std::string> cpu_models;  // models that `-cpu help` offers; empty: not known
    bool kvm = false;                     // usable: CPU has vmx/svm and /dev/kvm opens
    std::string kvm_why_not;              // "this CPU offers no virtualisation (vmx/svm)", …
    int cpus = 1;
    int64_t memory = 0;  // bytes
    bool root = false;
    std::vector<std::string> bridges;  // host bridges that exist
    std::string run_folder;            // guest_run_folder(): sockets
    std::string log_folder;            // guest_log_folder()
    // Volume id -> where it lies. `format` as the storage knows it, never probed.
    struct Volume {
        std::string path, format;
        bool read_only = false;
        bool block_device = false;
        bool direct_io = true;  // its file system takes O_DIRECT
    };
    std::map<std::string, Volume> volumes;
    std::map<std::string, std::string> volume_problems;  // volume id -> why it is not in `volumes`
    std::string ovmf_folder = "/usr/share/OVMF";
    std::string swtpm, virtiofsd;            // full paths, "" when not installed
    bool vhost_net = false;                  // /dev/vhost-net is there
    bool io_uring = true;                    // the kernel lets QEMU use it
    std::map<std::string, int> bridge_mtus;  // bytes, of bridges that differ from 1500
    std::map<std::string, std::string> directory_mappings;  // virtiofs dirid -> host folder
    // What hostpci[n] means now: functions in the order of their numbers ("0000:01:00.0"), or the
    // folder of a mediated device (/sys/bus/mdev/devices/UUID).
    struct Passed {
        std::vector<std::string> functions;
        std::string mediated;
        std::string romfile;  // full path; "" for none
    };
    std::map<std::string, Passed> passed;  // by key: "hostpci0"
    // Why hostpci[n] or usb[n] is left out of the command line, by key.
    std::map<std::string, std::string> passed_problems;
    // What usb[n] means now: /dev/bus/usb/BBB/DDD of a device that is plugged in, by key.
    std::map<std::string, std::string> usb_nodes;
    std::string cloudinit_iso;  // path of the generated ISO, "" when none
    // Paths in place of descriptors, so that a person's shell can run the command line.
    bool by_path = false;
};

// Descriptor that the start hands to QEMU under a fixed number.
struct Handover {
    // listen: bind and listen; tap: make a tap interface; file: open; connect: connect to the
    // socket of a helper, which by then is ready.
    enum class Kind { listen, tap, file, connect } kind = Kind::listen;
    int number = 0;         // as QEMU sees it
    std::string path = {};  // listen, connect: the socket; file: to open; tap: the interface's name
    std::string bridge = {};  // tap: the bridge it joins
    int vlan = 0;             // tap: 0 untagged
    bool read_only = false;
    // tap: queues of one card are several handovers of the same path, made with IFF_MULTI_QUEUE
    bool multi_queue = false;
    std::string trunks = {};  // tap: VLANs that pass tagged, "10;20-30"; "" none
    double rate = 0;          // tap: limit of what the guest receives and sends, megabytes a second
    int mtu = 0;              // tap: bytes; 0: the bridge's
};

// Helper is a program that must run beside QEMU before it starts: swtpm, virtiofsd.
struct Helper {
    std::string name;
    std::vector<std::string> argv;
    std::string socket;    // is there when it is ready
    bool as_root = false;  // virtiofsd: serves files of any owner; else it runs as QEMU's user
};

// The block graph of a disk "scsi0": the device's drive= is the format node "fmt-scsi0" (qcow2,
// raw), under it the throttle filter "drive-scsi0" (group object "throttle-scsi0", always there, so
// that limits can be changed while it runs), under that the protocol node "file-scsi0". The format
// node is on top because QEMU makes internal snapshots and resizes only at a node that no other
// node uses
// ("Need a root block node", blockdev.c).

// VmCommand is how a virtual machine would be started: argv and what goes with it.
struct VmCommand {
    std::vector<std::string> argv;
    std::vector<Handover> handovers;
    std::vector<Helper> helpers;
    // Files that QEMU must be able to write: chowned at start, made (0640, empty) when missing.
    std::vector<std::string> owned;
    // Folders that belong to QEMU's user (0700): sockets that QEMU and swtpm bind by themselves
    // (VNC takes no descriptor) lie there. There is one: <run>/qemu. QEMU must not own the run
    // folder itself: it holds the pid file, and who can write that can name another process to be
    // killed.
    std::vector<std::string> folders;
    std::vector<std::string> warnings;  // keys that cannot be honoured, with the reason
    bool kvm = false;
    // QMP commands as JSON texts, which have no place on a command line (a cut link). When there
    // are some, argv has -S: the start sends them, then "cont" unless `freeze`.
    std::vector<std::string> before_run;
    bool freeze = false;   // the configuration wants it left paused at the start
    std::string affinity;  // the host's CPUs for all of QEMU's threads, "0,5,8-11"; "" any
};

// The command line as a pure function of configuration and facts. Throws Error when the guest
// cannot be started at all as configured (a disk's volume is missing in `facts.volumes`, …).
VmCommand vm_command(const Config& config, int id, const MachineFacts& facts);

// Who honours a key of the configuration that is no business of QEMU's command line ("onboot",
// "unused"), or a part of one ("scsi.backup"), in words; "" for every other key. Each key of the
// schema is either in the command line, in its warnings, or here.
std::string_view vm_key_elsewhere(std::string_view key);

// The address of a network card: the configuration's, else one made of the guest's and the card's
// numbers, the same at each start.
std::string vm_mac(const Config& config, int id, std::string_view key);

// VmAttachment is how a disk, a card or another device of a running guest is plugged in: QMP
// commands in order, each with the command that takes it back.
struct VmAttachment {
    struct Command {
        std::string name, arguments;            // "blockdev-add" and JSON text
        std::string undo_name, undo_arguments;  // "blockdev-del" and JSON text
    };
    std::vector<Command> commands;
    // Handed over by "getfd" before the commands, under the name in `names` of the same place; one
    // that is named "/dev/fdset/N" by "add-fd", and the path of the set that QEMU gives it takes
    // the place of its name in the commands.
    std::vector<Handover> handovers;
    std::vector<std::string> names;
    std::vector<std::string> owned, warnings;
    std::vector<std::string> before_run;  // QMP commands as JSON texts, sent afterwards
};

// How `key` ("scsi1", "net2", "virtio3", "rng0") of the configuration is attached to the guest
// while it runs. Throws Error(Exit::refused) for a key that only a start can bring. A detach is
// device_del with the id `key`, then, when DEVICE_DELETED came, the undo commands of the rest in
// reverse.
VmAttachment vm_attachment(const Config& config, int id, const MachineFacts& facts,
                           std::string_view key);

}  // namespace lodge
