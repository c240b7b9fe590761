#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lodge {

// OvfMachine is what the description of an appliance (DMTF DSP0243, OVF 1 and 2) says of its first
// virtual machine, in terms that a configuration can take; the rest is in `unmapped`, in words.
struct OvfMachine {
    struct Disk {
        std::string file;        // name in the package; "" for an empty disk
        int64_t capacity = 0;    // bytes; 0 when it is not said
        std::string controller;  // "ide", "scsi", "sata", "nvme", ""
        std::string model;       // of the controller, small letters: "lsilogic", "virtualscsi", …
        int64_t unit = 0;        // number of the controller
        int64_t slot = 0;        // place on it
    };
    struct Card {
        std::string model;    // small letters: "e1000", "vmxnet3", …
        std::string network;  // the appliance's name of the network
    };
    std::string name;
    std::string system;  // what runs in it, as written: "ubuntu64Guest", "Debian_64"
    int64_t cpus = 1;
    int64_t cores_per_socket = 0;
    int64_t memory_mib = 0;  // 0 when it is not said
    bool uefi = false, secure_boot = false, tpm = false;
    int cd_drives = 0;
    std::vector<Disk> disks;  // by controller and place on it
    std::vector<Card> cards;
    std::vector<std::string> unmapped;
};

// Throws Error(Exit::refused) for what is no OVF description, and for file names in it that lead
// out of the package. `name` is for the words.
OvfMachine parse_ovf(std::string_view text, const std::string& name);

// The ostype that fits the system's name: "l26", "win11", "other", ….
std::string ostype_of_system(std::string_view system);

// A checksum of a file, as a manifest (.mf) has it: "SHA256(disk.vmdk)= 9f86…".
struct ManifestSum {
    std::string algorithm;  // "SHA1", "SHA256", "SHA512"
    std::string file, sum;  // hex digits, small letters
};
// Lines of other forms are passed over.
std::vector<ManifestSum> parse_manifest(std::string_view text);

// OvfPackage is an appliance as it lies on disk: an .ovf beside its files, or all in one .ova.
struct OvfPackage {
    struct Part {
        std::string path;  // of the file that has the bytes
        int64_t offset = 0, length = 0;
        std::string algorithm, sum;  // of the manifest; "" when it names none
    };
    OvfMachine machine;
    std::vector<std::pair<std::string, Part>> parts;  // by name
    // Throws Error(Exit::not_found).
    const Part& part(std::string_view name) const;
};

// Whether the name is one of an appliance: .ova or .ovf.
bool is_ovf_name(std::string_view path);
// Reads an appliance's description and finds its files, without unpacking. Throws Error: members of
// an OVA with absolute paths or "..", links, compressed archives, files that are not there.
OvfPackage read_ovf_package(const std::string& path);
// Throws Error(Exit::refused) when the bytes of the part have another checksum than the manifest
// says. `going` false ends it with Exit::cancelled; `told` hears the bytes done.
void verify_part(const OvfPackage::Part& part, bool (*going)(void*), void (*told)(void*, int64_t),
                 void* with);

// Where the data of a plain tar archive's member begins, whose headers begin at `header`: a long
// name has more than one (typeflags of POSIX.1 pax and of GNU tar). Throws Error.
int64_t tar_data_offset(const std::string& path, int64_t header);
// A name in a package that leads nowhere else: relative, without "..".
bool is_member_name(std::string_view name);

}  // namespace lodge
