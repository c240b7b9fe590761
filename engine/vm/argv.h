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
    std::vector<std::string> machines;       // types that `-machine help` offers
    bool kvm = false;                        // usable: CPU has vmx/svm and /dev/kvm opens
    std::string kvm_why_not;                 // "this CPU offers no virtualisation (vmx/svm)", …
    int cpus = 1;
    int64_t memory = 0;                      // bytes
    bool root = false;
    std::vector<std::string> bridges;        // host bridges that exist
    std::string run_folder;                  // guest_run_folder(): sockets
    std::string log_folder;                  // guest_log_folder()
    // Volume id -> where it lies. `format` as the storage knows it, never probed.
    struct Volume {
        std::string path, format;
        bool read_only = false;
        bool block_device = false;
    };
    std::map<std::string, Volume> volumes;
    std::string ovmf_folder = "/usr/share/OVMF";
    bool swtpm = false, virtiofsd = false;
    std::map<std::string, std::string> directory_mappings;  // virtiofs dirid -> host folder
    std::string cloudinit_iso;               // path of the generated ISO, "" when none
};

// Descriptor that the start hands to QEMU under a fixed number.
struct Handover {
    enum class Kind { listen, tap, file } kind;
    int number;         // as QEMU sees it
    std::string path;   // listen: socket to bind; file: to open; tap: interface name to make
    std::string bridge; // tap
    int vlan = 0;       // tap: 0 untagged
    bool read_only = false;
};

// Helper is a program that must run beside QEMU before it starts: swtpm, virtiofsd.
struct Helper {
    std::string name;
    std::vector<std::string> argv;
    std::string socket;  // is there when it is ready
};

// The block graph of a disk "scsi0": the device's drive= is the format node "fmt-scsi0" (qcow2, raw),
// under it the throttle filter "drive-scsi0" (group object "throttle-scsi0", always there, so that
// limits can be changed while it runs), under that the protocol node "file-scsi0". The format node is
// on top because QEMU makes internal snapshots and resizes only at a node that no other node uses
// ("Need a root block node", blockdev.c).

// VmCommand is how a virtual machine would be started: argv and what goes with it.
struct VmCommand {
    std::vector<std::string> argv;
    std::vector<Handover> handovers;
    std::vector<Helper> helpers;
    std::vector<std::string> owned;     // files that QEMU must be able to write: chowned at start
    std::vector<std::string> warnings;  // keys that cannot be honoured, with the reason
    bool kvm = false;
};

// The command line as a pure function of configuration and facts. Throws Error when the guest
// cannot be started at all as configured (a disk's volume is missing in `facts.volumes`, …).
VmCommand vm_command(const Config& config, int id, const MachineFacts& facts);

}  // namespace lodge
