#include "tests/rootfs/archive_text.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "engine/fd.h"
#include "engine/units.h"

namespace lodge {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return (c | 0x20) - 'a' + 10;
}

std::string unhex(std::string_view hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(hex_digit(hex[i]) << 4 | hex_digit(hex[i + 1]));
    return bytes;
}

std::string unescape(std::string_view text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%' || i + 2 >= text.size()) {
            bytes += text[i];
            continue;
        }
        bytes += unhex(text.substr(i + 1, 2));
        i += 2;
    }
    return bytes;
}

struct Line {
    std::vector<std::string> words;
    std::map<std::string, std::string> keys;
    std::vector<std::string> attributes;
};

Line parse_line(const std::string& text) {
    Line line;
    std::istringstream in(text);
    for (std::string word; in >> word;) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || line.words.size() < 2)
            line.words.push_back(unescape(word));
        else if (word.substr(0, equals) == "xattr")
            line.attributes.push_back(word.substr(equals + 1));
        else
            line.keys[word.substr(0, equals)] = unescape(word.substr(equals + 1));
    }
    return line;
}

const std::map<std::string, unsigned> kinds = {
    {"folder", AE_IFDIR}, {"file", AE_IFREG},    {"link", AE_IFLNK}, {"hard", AE_IFREG},
    {"fifo", AE_IFIFO},   {"socket", AE_IFSOCK}, {"char", AE_IFCHR}, {"block", AE_IFBLK},
};

void check(archive* to, int result) {
    if (result < ARCHIVE_WARN) throw std::runtime_error(archive_error_string(to));
}

void write_member(archive* to, Line line) {
    const auto key = [&](const std::string& name, const std::string& otherwise) {
        const auto found = line.keys.find(name);
        return found == line.keys.end() ? otherwise : found->second;
    };
    const std::unique_ptr<archive_entry, Owned<archive_entry_free>> entry(archive_entry_new());
    const std::string& kind = line.words.at(0);
    archive_entry_set_pathname(entry.get(), line.words.at(1).c_str());
    archive_entry_set_filetype(entry.get(), kinds.at(kind));
    archive_entry_set_perm(
        entry.get(),
        static_cast<mode_t>(std::stoul(key("mode", kind == "folder" ? "755" : "644"), nullptr, 8)));
    archive_entry_set_uid(entry.get(), std::stoll(key("uid", "0")));
    archive_entry_set_gid(entry.get(), std::stoll(key("gid", "0")));
    archive_entry_set_mtime(entry.get(), std::stoll(key("time", "1700000000")), 0);
    if (kind == "link") archive_entry_set_symlink(entry.get(), line.words.at(2).c_str());
    if (kind == "hard") archive_entry_set_hardlink(entry.get(), line.words.at(2).c_str());
    if (kind == "char" || kind == "block") {
        const auto numbers = split(line.words.at(2), ':');
        archive_entry_set_rdev(entry.get(), makedev(static_cast<unsigned>(std::stoul(numbers[0])),
                                                    static_cast<unsigned>(std::stoul(numbers[1]))));
    }
    for (const std::string& pair : line.attributes) {
        const auto colon = pair.find(':');
        const std::string value = unhex(pair.substr(colon + 1));
        archive_entry_xattr_add_entry(entry.get(), pair.substr(0, colon).c_str(), value.data(),
                                      value.size());
    }
    if (line.keys.count("acl") != 0)
        archive_entry_acl_from_text(entry.get(), line.keys.at("acl").c_str(),
                                    ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
    const std::string words = key("text", "");
    const int64_t hole = std::stoll(key("hole", "0"));
    int64_t zeros = std::stoll(key("size", "0"));
    if (kind == "file") {
        archive_entry_set_size(entry.get(), hole + zeros + static_cast<int64_t>(words.size()));
        if (hole > 0)
            archive_entry_sparse_add_entry(entry.get(), hole, static_cast<int64_t>(words.size()));
    }
    check(to, archive_write_header(to, entry.get()));
    // libarchive wants the bytes of the hole as well, and leaves them out.
    static const std::array<char, 65536> nothing{};
    for (int64_t left = hole + zeros; kind == "file" && left > 0;) {
        const auto part = static_cast<size_t>(std::min(left, static_cast<int64_t>(nothing.size())));
        if (archive_write_data(to, nothing.data(), part) < 0) check(to, ARCHIVE_FATAL);
        left -= static_cast<int64_t>(part);
    }
    if (!words.empty() && archive_write_data(to, words.data(), words.size()) < 0)
        check(to, ARCHIVE_FATAL);
}

la_ssize_t collect(archive*, void* to, const void* bytes, size_t size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

std::string describe(const std::string& path, const struct stat& facts) {
    std::string line;
    if (S_ISLNK(facts.st_mode)) {
        std::array<char, 4096> target{};
        const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
        line = " -> " + printable(std::string_view(target.data(), size > 0 ? size : 0));
    } else if (S_ISREG(facts.st_mode)) {
        if (facts.st_nlink > 1) line += " links=" + std::to_string(facts.st_nlink);
        if (facts.st_size > 64) {
            line += " " + std::to_string(facts.st_size) + " bytes";
            if (facts.st_blocks * 512 < facts.st_size / 2) line += " sparse";
        } else {
            std::ifstream file(path, std::ios::binary);
            line += " '" + printable(std::string(std::istreambuf_iterator<char>(file), {})) + "'";
        }
    }
    std::array<char, 4096> names{};
    const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    for (ssize_t at = 0; at < size;) {
        const std::string name(names.data() + at);
        at += static_cast<ssize_t>(name.size()) + 1;
        std::array<char, 256> value{};
        const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        line += " " + name + "=";
        for (ssize_t i = 0; i < length; ++i) {
            constexpr std::string_view digits = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(value[static_cast<size_t>(i)]);
            line += digits[byte >> 4];
            line += digits[byte & 15];
        }
    }
    return line;
}

void walk(const std::string& top, const std::string& path, std::vector<std::string>& lines) {
    struct stat facts {};
    const std::string full = path.empty() ? top : top + "/" + path;
    if (::lstat(full.c_str(), &facts) != 0) return;
    const char kind = S_ISDIR(facts.st_mode)    ? 'd'
                      : S_ISLNK(facts.st_mode)  ? 'l'
                      : S_ISFIFO(facts.st_mode) ? 'p'
                      : S_ISREG(facts.st_mode)  ? '-'
                                                : '?';
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", facts.st_mode & 07777);
    lines.push_back((path.empty() ? "." : printable(path)) + "  " + kind +
                    (kind == 'l' ? "    " : mode) + " " + std::to_string(facts.st_uid) + ":" +
                    std::to_string(facts.st_gid) + describe(full, facts));
    if (kind != 'd') return;
    const std::unique_ptr<DIR, Owned<closedir>> names(::opendir(full.c_str()));
    while (const dirent* entry = names ? ::readdir(names.get()) : nullptr) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") walk(top, path.empty() ? name : path + "/" + name, lines);
    }
}

}  // namespace

std::string archive_of_text(const std::string& text) {
    const std::unique_ptr<archive, Owned<archive_write_free>> to(archive_write_new());
    std::string bytes;
    size_t cut = 0;
    bool open = false;
    archive_write_set_format_pax(to.get());
    archive_write_set_bytes_in_last_block(to.get(), 1);
    for (const std::string& one : split(text, '\n')) {
        if (trim(one).empty() || one.front() == '#') continue;
        const Line line = parse_line(one);
        if (line.words[0] == "format") {
            check(to.get(), archive_write_set_format_by_name(to.get(), line.words[1].c_str()));
        } else if (line.words[0] == "compress") {
            check(to.get(), archive_write_add_filter_by_name(to.get(), line.words[1].c_str()));
        } else if (line.words[0] == "cut") {
            cut = std::stoul(line.words[1]);
        } else {
            if (!open)
                check(to.get(), archive_write_open(to.get(), &bytes, nullptr, collect, nullptr));
            open = true;
            write_member(to.get(), line);
        }
    }
    if (!open) check(to.get(), archive_write_open(to.get(), &bytes, nullptr, collect, nullptr));
    check(to.get(), archive_write_close(to.get()));
    bytes.resize(bytes.size() - std::min(cut, bytes.size()));
    return bytes;
}

std::string tree_text(const std::string& folder) {
    std::vector<std::string> lines;
    walk(folder, "", lines);
    std::sort(lines.begin(), lines.end());
    return join(lines, "\n") + "\n";
}

}  // namespace lodge
