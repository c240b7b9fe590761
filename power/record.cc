#include "power/record.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view head = "lodge record 1";

bool is_plain_path(std::string_view path) {
    if (path.size() < 2 || path[0] != '/' || path.size() > 1024) return false;
    for (const std::string& part : split(path.substr(1), '/'))
        if (part.empty() || part == "." || part == "..") return false;
    return std::none_of(path.begin(), path.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x21; });
}

// A relative link that stays in the tree: as many ".." as there are folders, at most.
bool stays_inside(const std::string& path, const std::string& target) {
    if (target.empty() || target[0] == '/' || target.size() > 1024) return false;
    auto depth = std::count(path.begin(), path.end(), '/') - 1;
    for (const std::string& part : split(target, '/')) {
        if (part.empty() || part == ".") continue;
        depth += part == ".." ? -1 : 1;
        if (depth < 0) return false;
    }
    return true;
}

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

std::string from_hex(std::string_view text, size_t line) {
    std::string bytes;
    for (size_t i = 0; i + 1 < text.size() + 1 && i < text.size(); i += 2) {
        const int high = nibble(text[i]), low = i + 1 < text.size() ? nibble(text[i + 1]) : -1;
        if (high < 0 || low < 0) fail(Exit::failed, "line {}: these are no bytes in hex", line);
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::string to_hex(const std::string& bytes) {
    std::string text;
    for (const char c : bytes)
        text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
}

RecordEntry entry_of(std::string_view line, size_t number) {
    const auto space = line.find(' ');
    const std::string path(line.substr(0, space));
    if (!is_plain_path(path))
        fail(Exit::failed, "line {}: '{}' is no path of a machine", number, printable(path));
    std::string_view rest = space == std::string_view::npos ? "" : line.substr(space + 1);
    RecordEntry entry;
    entry.path = path;
    if (rest == "=" || rest.starts_with("= ")) {
        entry.content = rest.size() > 2 ? rest.substr(2) : "";
    } else if (rest == ":") {
        entry.kind = RecordEntry::Kind::lines;
    } else if (rest.starts_with("-> ")) {
        entry.kind = RecordEntry::Kind::link;
        entry.content = rest.substr(3);
        if (!stays_inside(path, entry.content))
            fail(Exit::failed, "line {}: the link leaves the machine: {}", number,
                 printable(entry.content));
    } else if (rest == "hex" || rest.starts_with("hex ")) {
        entry.kind = RecordEntry::Kind::bytes;
        entry.content = from_hex(rest.size() > 4 ? rest.substr(4) : "", number);
    } else {
        fail(Exit::failed, "line {}: after the path stands =, :, -> or hex", number);
    }
    return entry;
}

}  // namespace

std::vector<RecordEntry> parse_record(std::string_view text) {
    std::vector<RecordEntry> entries;
    size_t number = 0;
    bool headed = false;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        if (!headed) {
            if (line != head) fail(Exit::failed, "this is no record: it begins '{}'", head);
            headed = true;
        } else if (line.starts_with('\t')) {
            if (entries.empty() || entries.back().kind != RecordEntry::Kind::lines)
                fail(Exit::failed, "line {}: it belongs to no file", number);
            entries.back().content += std::string(line.substr(1)) + "\n";
        } else if (!line.empty() && line[0] != '#') {
            entries.push_back(entry_of(line, number));
        }
    }
    if (!headed) fail(Exit::failed, "this is no record: it is empty");
    return entries;
}

std::string print_record(const std::vector<RecordEntry>& entries,
                         const std::vector<std::string>& comments) {
    std::string text = std::string(head) + "\n";
    for (const std::string& comment : comments)
        text += "# " + comment + "\n";
    for (const RecordEntry& entry : entries) {
        text += entry.path;
        switch (entry.kind) {
            case RecordEntry::Kind::line:
                text += entry.content.empty() ? " =\n" : " = " + entry.content + "\n";
                break;
            case RecordEntry::Kind::link:
                text += " -> " + entry.content + "\n";
                break;
            case RecordEntry::Kind::bytes:
                text += " hex " + to_hex(entry.content) + "\n";
                break;
            case RecordEntry::Kind::lines:
                text += " :\n";
                std::string_view rest = entry.content;
                while (!rest.empty()) {
                    const auto end = rest.find('\n');
                    text += "\t" + std::string(rest.substr(0, end)) + "\n";
                    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
                }
                break;
        }
    }
    return text;
}

namespace {

// Nothing is written through a link that the record itself made: it would leave the folder.
void refuse_links_above(const std::string& folder, const std::string& path) {
    for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        struct stat found {};
        const std::string above = folder + path.substr(0, at);
        if (::lstat(above.c_str(), &found) == 0 && S_ISLNK(found.st_mode))
            fail(Exit::failed, "{} lies behind the link {}: give its real path", path,
                 path.substr(0, at));
    }
}

}  // namespace

void unpack_record(const std::vector<RecordEntry>& entries, const std::string& folder) {
    for (const RecordEntry& entry : entries) {
        refuse_links_above(folder, entry.path);
        const std::filesystem::path path = folder + entry.path;
        std::error_code trouble;
        std::filesystem::create_directories(path.parent_path(), trouble);
        if (trouble) fail_errno(trouble.value(), "cannot make " + path.parent_path().string());
        if (entry.kind == RecordEntry::Kind::link) {
            if (::symlink(entry.content.c_str(), path.c_str()) != 0)
                fail_errno(errno, "cannot make " + path.string());
            continue;
        }
        std::ofstream file(path, std::ios::binary);
        file << entry.content;
        if (entry.kind == RecordEntry::Kind::line) file << "\n";
        file.close();
        if (!file) fail(Exit::failed, "cannot write {}", path.string());
    }
    // What points to a device or a driver without files of its own still points somewhere.
    for (const RecordEntry& entry : entries) {
        if (entry.kind != RecordEntry::Kind::link) continue;
        const std::filesystem::path path = folder + entry.path;
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored))
            std::filesystem::create_directories(path.parent_path() / entry.content, ignored);
    }
}

}  // namespace lodge
