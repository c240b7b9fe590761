#include "engine/state/mounts.h"

#include <algorithm>

#include "engine/state/figures.h"

namespace lodge {
namespace {

// Blank, tab, line break and backslash stand as \040, \011, \012 and \134.
std::string unescaped(std::string_view text) {
    std::string plain;
    for (size_t i = 0; i < text.size(); ++i) {
        const std::string_view digits = text.substr(std::min(i + 1, text.size()), 3);
        const bool octal = text[i] == '\\' && digits.size() == 3 &&
                           digits.find_first_not_of("01234567") == std::string_view::npos;
        if (!octal) {
            plain += text[i];
            continue;
        }
        plain +=
            static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
        i += 3;
    }
    return plain;
}

}  // namespace

bool Mount::may_hang() const {
    constexpr std::string_view types[] = {"nfs",  "nfs4", "cifs",      "smb3",   "smbfs",
                                          "ceph", "9p",   "glusterfs", "lustre", "ocfs2",
                                          "afs",  "coda", "autofs"};
    // ntfs-3g and its like are programs on this machine, over a disk of it.
    if (type.starts_with("fuse")) return type != "fuseblk";
    return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
    std::vector<Mount> mounts;
    while (!mountinfo.empty()) {
        std::string_view line = next_line(mountinfo);
        Mount mount;
        next_word(line);
        next_word(line);
        mount.device = next_word(line);
        mount.root = unescaped(next_word(line));
        mount.point = unescaped(next_word(line));
        // Then options and any number of optional fields, up to a "-".
        std::string_view word;
        do {
            word = next_word(line);
        } while (!word.empty() && word != "-");
        mount.type = next_word(line);
        mount.source = unescaped(next_word(line));
        if (!mount.type.empty()) mounts.push_back(std::move(mount));
    }
    return mounts;
}

const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) {
    const Mount* found = nullptr;
    for (const Mount& mount : mounts) {
        const std::string& point = mount.point;
        const bool holds =
            point == "/" ||
            (path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/'));
        // Of two at one place the later covers the earlier.
        if (holds && (!found || point.size() >= found->point.size())) found = &mount;
    }
    return found;
}

}  // namespace lodge
