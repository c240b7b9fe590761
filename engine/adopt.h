#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/host.h"
#include "engine/vm/argv.h"

namespace lodge {

struct Engine;

// What becomes of one line that comes from a Proxmox VE node.
enum class AdoptVerdict {
    honoured,  // works as it did there
    mapped,    // this machine has something else that stands for it
    kept,      // stays in the file, and does nothing here
    left       // is not copied
};
std::string_view verdict_word(AdoptVerdict verdict);

struct AdoptLine {
    std::string file;     // below the folder: "qemu-server/101.conf"
    int line = 0;         // 1-based; 0: the file as a whole
    std::string section;  // "" or the section's name
    std::string key;      // "" when the line is no key
    AdoptVerdict verdict = AdoptVerdict::honoured;
    std::string words;  // why, or what instead; "" when there is nothing to say
};

// AdoptFile is a file to be copied as it is, byte for byte: what is mapped is mapped at each start,
// so that the folder can go back to where it came from.
struct AdoptFile {
    std::string source, target;
    int id = 0;  // of the guest; 0 for storage.cfg
};

// AdoptReport is what `lodge guest adopt` would do with a folder.
struct AdoptReport {
    std::vector<AdoptLine> lines;
    std::vector<AdoptFile> files;
    int count(AdoptVerdict verdict) const;
};

// "qemu-server/101.conf:7: [snap1] machine: mapped: …"
std::string print_line(const AdoptLine& line);
// For people: the lines that are not simply honoured, then how many of each kind there are.
std::string print_report(const AdoptReport& report);

// Reads a folder copied from a node: /etc/pve itself, its parent folders, one of its
// nodes/<name>, or a qemu-server or lxc folder alone. Guests whose number is taken here are
// reported and not copied; storage.cfg is copied only to a machine that has neither one nor
// guests. `facts` is this machine without a guest; `containers`: whether they can be run. Changes
// nothing. Throws Error(Exit::not_found) when the folder holds nothing of a node.
AdoptReport examine(const Host& host, const std::string& folder, const MachineFacts& facts,
                    bool containers);
// The same with the facts of this machine.
AdoptReport examine(Engine& engine, const std::string& folder);

}  // namespace lodge
