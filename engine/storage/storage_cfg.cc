#include "engine/storage/storage_cfg.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool is_word(std::string_view text, std::string_view others) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos;
    });
}

bool is_key(std::string_view key) {
    return is_word(key, "-_");
}

// "type: id" at the very start of a line.
bool take_header(std::string_view line, StorageCfg::Entry& entry) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view type = line.substr(0, colon);
    const std::string_view id = trim(line.substr(colon + 1));
    if (!is_key(type) || id.empty()) return false;
    entry.type = type;
    entry.id = id;
    return true;
}

}  // namespace

bool is_storage_id(std::string_view id) {
    return id.size() >= 2 && id.size() <= 100 && is_letter(id.front()) &&
           (is_letter(id.back()) || is_digit(id.back())) && is_word(id, "-_.");
}

StorageCfg StorageCfg::parse(std::string_view text) {
    StorageCfg cfg;
    int number = 0;
    int present = -1;  // the entry that indented lines belong to
    while (!text.empty()) {
        ++number;
        const auto end = text.find('\n');
        const std::string_view whole =
            text.substr(0, end == std::string_view::npos ? end : end + 1);
        text.remove_prefix(whole.size());
        std::string_view line = whole;
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
            line.remove_suffix(1);
        const std::string_view content = trim(line);
        auto report = [&](std::string words) {
            cfg.problems_.push_back({number, std::move(words)});
        };

        if (content.empty()) {
            cfg.lines_.push_back({std::string(whole), present});
            present = -1;
            continue;
        }
        if (content.front() == '#') {
            cfg.lines_.push_back({std::string(whole), -1});
            continue;
        }
        if (!is_blank(line.front())) {
            present = -1;
            Entry entry;
            if (!take_header(line, entry)) {
                report(fmt::format("'{}' is no line of this file: 'type: name' begins a storage",
                                   printable(content)));
            } else if (!is_storage_id(entry.id)) {
                report(fmt::format("'{}' is no name for a storage", printable(entry.id)));
            } else if (cfg.find(entry.id)) {
                report(fmt::format("{} stands twice; the first counts", entry.id));
            } else {
                present = static_cast<int>(cfg.entries_.size());
                cfg.entries_.push_back(std::move(entry));
            }
            cfg.lines_.push_back({std::string(whole), present});
            continue;
        }
        cfg.lines_.push_back({std::string(whole), present});
        const auto gap = content.find_first_of(" \t");
        const std::string_view key = content.substr(0, gap);
        const std::string_view value =
            gap == std::string_view::npos ? std::string_view{} : trim(content.substr(gap));
        if (present < 0) {
            report(fmt::format("'{}' belongs to no storage", printable(content)));
        } else if (!is_key(key)) {
            report(fmt::format("'{}' is no key", printable(key)));
        } else if (Values& options = cfg.entries_[static_cast<size_t>(present)].options;
                   options.has(key)) {
            report(fmt::format("{} stands twice in {}; the first counts", key,
                               cfg.entries_[static_cast<size_t>(present)].id));
        } else {
            options.set({std::string(key), value.empty() ? "1" : std::string(value)});
        }
    }
    return cfg;
}

const StorageCfg::Entry* StorageCfg::find(std::string_view id) const {
    for (const Entry& entry : entries_)
        if (entry.id == id) return &entry;
    return nullptr;
}

std::string StorageCfg::text() const {
    std::string text;
    for (const Line& line : lines_)
        text += line.text;
    return text;
}

void StorageCfg::add(const Entry& entry) {
    if (!is_storage_id(entry.id))
        fail(Exit::usage,
             "'{}' is no name for a storage: a letter, then letters, digits, '-', '_' and '.'",
             printable(entry.id));
    if (!is_key(entry.type)) fail(Exit::usage, "'{}' is no kind of storage", printable(entry.type));
    if (find(entry.id)) fail(Exit::refused, "there is a storage {} already", entry.id);
    for (const auto& [key, list] : entry.options.items()) {
        const std::string& value = list.front();
        if (!is_key(key) || trim(value).empty() || value.find_first_of("\r\n") != std::string::npos)
            fail(Exit::usage, "{}: '{}' cannot be written into storage.cfg", printable(key),
                 printable(value));
    }
    // A last line without its line break gets one; a blank line keeps entries apart.
    if (!lines_.empty() && lines_.back().text.back() != '\n') lines_.back().text += '\n';
    if (!lines_.empty() && !trim(lines_.back().text).empty()) lines_.push_back({"\n", -1});
    const int index = static_cast<int>(entries_.size());
    lines_.push_back({entry.type + ": " + entry.id + "\n", index});
    auto write = [&](const std::string& key, const std::string& value) {
        lines_.push_back({"\t" + key + " " + std::string(trim(value)) + "\n", index});
    };
    // The path comes first, as people expect it; the rest by name.
    if (const auto path = entry.options.get("path")) write("path", *path);
    for (const auto& [key, list] : entry.options.items())
        if (key != "path") write(key, list.front());
    lines_.push_back({"\n", index});
    entries_.push_back(entry);
}

void StorageCfg::remove(std::string_view id) {
    const Entry* found = find(id);
    if (!found) fail(Exit::not_found, "storage.cfg has no storage {}", printable(id));
    const int index = static_cast<int>(found - entries_.data());
    std::erase_if(lines_, [&](const Line& line) { return line.entry == index; });
    for (Line& line : lines_)
        if (line.entry > index) --line.entry;
    entries_.erase(entries_.begin() + index);
}

}  // namespace lodge
