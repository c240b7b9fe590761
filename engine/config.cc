#include "engine/config.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "engine/config_parser.h"
#include "engine/error.h"
#include "engine/fd.h"
#include "engine/units.h"

namespace lodge {
namespace {

// What a description keeps as it is; the rest is written as %XX (the format's encode_text).
bool is_plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7f && byte != '%' && byte != ':';
}

std::string encode(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_plain(byte))
            result += c;
        else
            result += fmt::format("%{:02X}", byte);
    }
    return result;
}

template <class List>
auto find_named(List& list, std::string_view name) {
    return std::find_if(list.begin(), list.end(),
                        [&](const auto& one) { return one.first == name; });
}

std::string checked_value(std::string_view key, std::string_view value) {
    const bool is_raw = is_raw_key(key);
    if (!is_raw && !is_plain_key(key))
        fail(Exit::usage, "{} is no key: a key has small letters, then digits", in_quotes(key));
    value = trim(value);
    if (value.find('\n') != std::string_view::npos)
        fail(Exit::usage, "{}: {} has a line break; a value is one line", key, in_quotes(value));
    if (value.empty() && !is_raw)
        fail(Exit::usage, "{}: the value is empty; remove the key instead", key);
    return std::string(value);
}

std::string_view volume_of(std::string_view value) {
    value = value.substr(0, value.find(','));
    if (value.starts_with("file=")) value.remove_prefix(5);
    return value;
}

bool is_drive(std::string_view key) {
    if (key == "efidisk0" || key == "tpmstate0" || key == "cdrom") return true;
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"}) {
        if (key.starts_with(stem) && key.size() > stem.size() && key[stem.size()] >= '0' &&
            key[stem.size()] <= '9')
            return true;
    }
    return false;
}

}  // namespace

// Section

std::string* Section::value_of(std::string_view key) {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                    [&](const auto& one) { return one.first == key; });
    return found == entries_.rend() ? nullptr : &found->second;
}

namespace {

// Whether a line that was kept aside is one of this key, by its name of today or its old one.
bool is_line_of(std::string_view line, std::string_view key) {
    const std::string_view old = key == "sockets" ? "smp" : key == "ide2" ? "cdrom" : key;
    const std::string_view name = line.substr(0, line.find(':'));
    return name.size() < line.size() && (name == key || name == old);
}

}  // namespace

void Section::drop_kept(std::string_view key) {
    std::erase_if(verbatim_, [&](const std::string& line) { return is_line_of(line, key); });
}

bool Section::has_kept(std::string_view key) const {
    return std::any_of(verbatim_.begin(), verbatim_.end(),
                       [&](const std::string& line) { return is_line_of(line, key); });
}

bool Section::empty() const {
    return entries_.empty() && verbatim_.empty() && description_.empty() && !has_description_;
}

void Section::set_description(std::string_view text) {
    while (!text.empty() && trim(text.substr(text.size() - 1)).empty())
        text.remove_suffix(1);
    if (has_description_ && description_ == text) return;
    description_ = text;
    has_description_ = true;
    changed_ = true;
}

std::optional<std::string> Section::get(std::string_view key) const {
    if (key == "description") {
        if (!has_description_) return std::nullopt;
        return description_;
    }
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                    [&](const auto& one) { return one.first == key; });
    if (found == entries_.rend()) return std::nullopt;
    return found->second;
}

void Section::set(std::string_view key, std::string_view value) {
    if (key == "description") return set_description(value);
    std::string text = checked_value(key, value);
    const auto lines = std::count_if(entries_.begin(), entries_.end(),
                                     [&](const auto& one) { return one.first == key; });
    std::string* old = value_of(key);
    if (old != nullptr && *old == text && lines == 1) return;
    changed_ = true;
    drop_kept(key);
    if (old != nullptr && lines == 1) {
        *old = std::move(text);
        return;
    }
    std::erase_if(entries_, [&](const auto& one) { return one.first == key; });
    entries_.emplace_back(key, std::move(text));
}

void Section::add(std::string_view key, std::string_view value) {
    if (!is_raw_key(key)) return set(key, value);
    entries_.emplace_back(key, checked_value(key, value));
    changed_ = true;
}

void Section::erase(std::string_view key) {
    if (key == "description") {
        changed_ = changed_ || has_description_;
        has_description_ = false;
        description_.clear();
        return;
    }
    if (std::erase_if(entries_, [&](const auto& one) { return one.first == key; }) == 0) return;
    drop_kept(key);
    changed_ = true;
}

// Config

Config Config::parse(std::string_view text, const Schema& schema, std::string file) {
    Config config;
    config.schema_ = &schema;
    config.file_ = std::move(file);
    config.raw_ = text;
    ConfigParser(config, config.raw_).run();
    return config;
}

bool Config::changed() const {
    const auto is_changed = [](const auto& one) { return one.second.changed_; };
    return current.changed_ || pending.changed_ || sections_changed_ ||
           std::any_of(snapshots_.begin(), snapshots_.end(), is_changed) ||
           std::any_of(special_.begin(), special_.end(), is_changed);
}

std::string Config::digest() const {
    const std::unique_ptr<EVP_MD_CTX, Owned<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash = {};
    unsigned int size = 0;
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), raw_.data(), raw_.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), hash.data(), &size) != 1)
        fail(Exit::failed, "cannot compute the SHA-1 of {}: libcrypto refused", file_);
    std::string text;
    for (unsigned int i = 0; i < size; ++i)
        text += fmt::format("{:02x}", hash[i]);
    return text;
}

std::string Config::words_of(const Problem& problem) const {
    return fmt::format("{}:{}: {}", printable(file_), problem.line, problem.words);
}

// The keys in the format's order, bytewise, old names replaced by those of today.
std::vector<std::pair<std::string, std::string>> Config::sorted_keys(const Section& section) const {
    const bool is_qemu = schema_->kind == "qemu";
    const bool is_current = &section == &current;
    std::vector<std::pair<std::string, std::string>> sorted;
    for (const auto& [key, value] : section.entries_) {
        if (is_raw_key(key) || (is_current && key == "snapstate")) continue;
        // With a bad line of the same key kept aside it stays, else that line would count.
        if (is_current && is_qemu && key.starts_with("unused") && is_used(volume_of(value)) &&
            !section.has_kept(key))
            continue;
        if (is_qemu && key == "ide2" && section.has("cdrom")) continue;
        if (is_qemu && key == "cdrom") {
            sorted.emplace_back("ide2", as_cdrom(value));
        } else if (is_qemu && key == "smp") {
            if (!section.has("sockets")) sorted.emplace_back("sockets", value);
        } else {
            sorted.emplace_back(key, value);
        }
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

std::string Config::print_section(const Section& section, bool is_pending) const {
    std::string text;
    if (!section.description_.empty()) {
        for (const std::string& line : split(section.description_, '\n'))
            text += "#" + encode(line) + "\n";
    } else if (is_pending && section.has_description_) {
        text += "#\n";
    }
    for (const auto& [key, value] : sorted_keys(section))
        text += key + ": " + value + "\n";
    // Raw lxc lines after the others, as they stood: their order counts.
    for (const auto& [key, value] : section.entries_)
        if (is_raw_key(key)) text += key + ": " + value + "\n";
    for (const std::string& line : section.verbatim_)
        text += line + "\n";
    return text;
}

bool Config::is_used(std::string_view volume) const {
    const auto uses = [&](const auto& entry) {
        return is_drive(entry.first) && volume_of(entry.second) == volume;
    };
    return std::any_of(current.entries_.begin(), current.entries_.end(), uses) ||
           std::any_of(pending.entries_.begin(), pending.entries_.end(), uses);
}

std::string Config::text() const {
    if (!changed()) return raw_;
    std::string text = print_section(current, false);
    if (!pending.empty())
        text += fmt::format("\n[{}]\n", schema_->pending_section) + print_section(pending, true);
    const auto add_sorted = [&](const auto& list, std::string_view prefix) {
        std::vector<const std::pair<std::string, Section>*> sorted;
        sorted.reserve(list.size());
        for (const auto& one : list)
            sorted.push_back(&one);
        std::sort(sorted.begin(), sorted.end(),
                  [](const auto* a, const auto* b) { return a->first < b->first; });
        for (const auto* one : sorted)
            text +=
                fmt::format("\n[{}{}]\n", prefix, one->first) + print_section(one->second, false);
    };
    add_sorted(special_, "special:");
    add_sorted(snapshots_, "");
    for (const std::string& unknown : unknown_sections_)
        text += "\n" + unknown;
    return text;
}

std::vector<std::string> Config::pending_deletes() const {
    std::vector<std::string> keys;
    std::string list = pending.get("delete").value_or("");
    std::replace_if(
        list.begin(), list.end(), [](char c) { return c == ' ' || c == ';' || c == '\0'; }, ',');
    for (std::string& key : split(list, ',')) {
        if (key.starts_with('!')) key.erase(0, 1);
        if (!key.empty()) keys.push_back(std::move(key));
    }
    return keys;
}

void Config::set_pending_deletes(const std::vector<std::string>& keys) {
    if (keys.empty()) return pending.erase("delete");
    const std::vector<std::string> old = split(pending.get("delete").value_or(""), ',');
    std::vector<std::string> list;
    for (const std::string& key : keys) {
        const bool forced = std::find(old.begin(), old.end(), "!" + key) != old.end();
        list.push_back(forced ? "!" + key : key);
    }
    pending.set("delete", join(list, ","));
}

Section* Config::snapshot(std::string_view name) {
    const auto found = find_named(snapshots_, name);
    return found == snapshots_.end() ? nullptr : &found->second;
}

const Section* Config::snapshot(std::string_view name) const {
    const auto found = find_named(snapshots_, name);
    return found == snapshots_.end() ? nullptr : &found->second;
}

Section& Config::add_snapshot(std::string_view name) {
    std::string small(name);
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_snapshot_name(name) || small == "pending" || small == "current")
        fail(Exit::usage,
             "{} is no name for a snapshot: a letter, then letters, digits, '-' or '_', at least "
             "two in all, and not pending or current",
             in_quotes(name));
    if (snapshot(name) != nullptr)
        fail(Exit::refused, "{}: there is a snapshot {} already", file_, name);
    sections_changed_ = true;
    return snapshots_.emplace_back(name, Section()).second;
}

void Config::remove_snapshot(std::string_view name) {
    const auto found = find_named(snapshots_, name);
    if (found == snapshots_.end())
        fail(Exit::not_found, "{}: there is no snapshot {}", file_, in_quotes(name));
    snapshots_.erase(found);
    sections_changed_ = true;
}

std::string Config::string_of(std::string_view key) const {
    const Field* field = schema_->find(key);
    const auto value = current.get(key);
    if (field == nullptr || field->type == ValueType::property) return value.value_or("");
    if (value && problem_with(*field, *value).empty()) return *value;
    return std::string(field->fallback);
}

// The value that counts: for a property string that of its bare part.
std::string Config::effective(std::string_view key) const {
    const Field* field = schema_->find(key);
    if (field == nullptr || field->type != ValueType::property) return string_of(key);
    const Field* bare = bare_part(*field);
    if (bare == nullptr) return {};
    const auto parts = properties(key);
    return parts ? parts->text(bare->key) : std::string(bare->fallback);
}

bool Config::flag(std::string_view key) const {
    return parse_boolean(effective(key)).value_or(false);
}

int64_t Config::integer(std::string_view key) const {
    return parse_integer(effective(key)).value_or(0);
}

double Config::number(std::string_view key) const {
    return parse_number(effective(key)).value_or(0);
}

std::optional<Properties> Config::properties(std::string_view key) const {
    const Field* field = schema_->find(key);
    const auto value = current.get(key);
    if (field == nullptr || field->type != ValueType::property || !value) return std::nullopt;
    std::vector<std::string> problems;
    return Properties::parse_lenient(*field, *value, problems);
}

std::vector<std::string> Config::indexed(std::string_view stem) const {
    std::vector<std::pair<int64_t, std::string>> found;
    for (const auto& [key, value] : current.entries_) {
        if (!key.starts_with(stem)) continue;
        const auto number = parse_integer(std::string_view(key).substr(stem.size()));
        const Field* field = schema_->find(key);
        if (number && field != nullptr && field->count > 0) found.emplace_back(*number, key);
    }
    std::sort(found.begin(), found.end());
    std::vector<std::string> keys;
    keys.reserve(found.size());
    for (auto& [number, key] : found)
        keys.push_back(std::move(key));
    return keys;
}

}  // namespace lodge
