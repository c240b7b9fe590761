#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/host.h"

namespace lodge {

// A record is what Lodge reads of a machine, as one text: a person's report, which becomes a
// machine of tests/machines/. Lines are
//
//   lodge record 1               the first line
//   # words                      for people
//   /sys/…/vendor = 0x8086       a file of one line
//   /sys/…/aer_dev_fatal :       a file of several: those that follow and begin with a tab
//   /sys/class/net/lan0 -> ../…  a symbolic link, relative
//   /sys/…/config hex 8680…      a file of bytes
//
// Serial numbers, MAC addresses, UUIDs and the machine's name are replaced, the same by the same.
struct RecordEntry {
    enum class Kind { line, lines, link, bytes } kind = Kind::line;
    std::string path;
    std::string content;  // of a link: where it points to

    bool operator==(const RecordEntry&) const = default;
};

// Throws Error with the line's number for what is no record, a path that is not absolute and plain,
// and a link that leaves the tree.
std::vector<RecordEntry> parse_record(std::string_view text);
std::string print_record(const std::vector<RecordEntry>& entries,
                         const std::vector<std::string>& comments = {});

// Reads the machine: nothing that wakes a device, waits for one, or changes by being read.
std::vector<RecordEntry> record_machine(const Host& host);

// The entries with all that tells whose machine it is replaced.
std::vector<RecordEntry> without_identity(std::vector<RecordEntry> entries);

// Makes the files below a folder, which then serves as a Host's sysroot. Throws Error.
void unpack_record(const std::vector<RecordEntry>& entries, const std::string& folder);

}  // namespace lodge
