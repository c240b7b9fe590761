#pragma once

#include <string>
#include <string_view>
#include <vector>

// What names that only Proxmox VE's QEMU knows become on the QEMU of this machine. Tables shared by
// the command line of a start and by `lodge guest adopt`, which tells of them beforehand.
namespace lodge {

// The offered machine type that stands for a configured one: "pc-q35-7.2+pve1" is "pc-q35-7.2".
// `offered` are the names that `qemu-system-x86_64 -machine help` lists; a version that is newer
// than all of its family, or unknown, becomes the family's alias ("q35", "pc"), which is the newest
// offered. "" is "pc". A name of no known family is given back as it is.
std::string stock_machine(std::string_view pve_machine, const std::vector<std::string>& offered);
// The same with one sentence in `notes` for each thing that differs from what was asked.
std::string stock_machine(std::string_view pve_machine, const std::vector<std::string>& offered,
                          std::vector<std::string>& notes);

// The value of QEMU's -cpu for a configured cputype: base model and flags. "x86-64-v2-AES" is
// "qemu64,+aes,+popcnt,…". "custom-NAME" is "kvm64" (a custom model's
// definition lies in a file of its own that is not read). A model of QEMU is given back as it is.
std::string stock_cpu(std::string_view cputype);
std::string stock_cpu(std::string_view cputype, std::vector<std::string>& notes);

// The vendor-neutral level of x86-64 that a cputype asks for: 2, 3 or 4; 0 when it is no such type.
int cpu_level(std::string_view cputype);

}  // namespace lodge
