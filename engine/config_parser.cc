#include "engine/config_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/raw_lxc.h"
#include "engine/units.h"

namespace lodge {
namespace {

bool is_small(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

std::string_view trim_end(std::string_view text) {
    while (!text.empty() && trim(text.substr(text.size() - 1)).empty())
        text.remove_suffix(1);
    return text;
}

// Undoes the percent escapes of a description; what is no escape stays.
std::string decode(std::string_view text) {
    const auto digit = [](char c) {
        return is_digit(c)                          ? c - '0'
               : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10
                                                    : -1;
    };
    std::string result;
    result.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
            digit(text[i + 2]) >= 0) {
            result += static_cast<char>(digit(text[i + 1]) << 4 | digit(text[i + 2]));
            i += 2;
        } else {
            result += text[i];
        }
    }
    return result;
}

}  // namespace

bool is_plain_key(std::string_view key) {
    if (key.empty() || !is_small(key.front())) return false;
    size_t end = key.size();
    while (end > 1 && is_digit(key[end - 1]))
        --end;
    key = key.substr(0, end);
    return std::all_of(key.begin(), key.end(),
                       [](char c) { return is_small(c) || c == '_' || c == '-'; });
}

bool is_raw_key(std::string_view key) {
    if (!key.starts_with("lxc.") || key.size() == 4) return false;
    key.remove_prefix(4);
    return std::all_of(key.begin(), key.end(), [](char c) {
        return is_small(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
    });
}

bool is_snapshot_name(std::string_view name) {
    if (name.size() < 2 || !is_small(lower(name.front()))) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return is_small(lower(c)) || is_digit(c) || c == '_' || c == '-';
    });
}

std::string as_cdrom(std::string_view value) {
    const bool is_said = value.find("media=") != std::string_view::npos;
    return std::string(value) + (is_said ? "" : ",media=cdrom");
}

ConfigParser::ConfigParser(Config& config, std::string_view text) : config_(config), text_(text) {
    section_ = &config_.current;
}

void ConfigParser::run() {
    while (!text_.empty()) {
        const size_t end = text_.find('\n');
        ++line_;
        take_line(text_.substr(0, end));
        if (end == std::string_view::npos) break;
        text_.remove_prefix(end + 1);
    }
    finish_section();
}

void ConfigParser::take_line(std::string_view line) {
    if (take_header(line)) return;
    if (section_ == nullptr) {
        config_.unknown_sections_.back() += line;
        config_.unknown_sections_.back() += '\n';
        return;
    }
    const std::string_view bare = trim(line);
    if (bare.empty()) return;
    if (line.front() == '#') return take_description(line.substr(1));
    if (config_.schema_->kind == "lxc" && line.starts_with("lxc.")) return take_raw(line);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && is_plain_key(line.substr(0, colon))) {
        const std::string_view value = trim(line.substr(colon + 1));
        if (!value.empty()) return take_key(line.substr(0, colon), value, line);
    }
    section_->verbatim_.emplace_back(line);
    report("", fmt::format("{} is no setting (key: value); the line is kept", in_quotes(bare)));
}

// A line such as "[name]". False when it is none.
bool ConfigParser::take_header(std::string_view line) {
    line = trim_end(line);
    if (line.size() < 2 || line.front() != '[' || line.back() != ']') return false;
    const std::string_view name = line.substr(1, line.size() - 2);
    const std::string small = lowered(name);
    finish_section();
    const bool is_qemu = config_.schema_->kind == "qemu";
    if (small == lowered(config_.schema_->pending_section)) {
        if (pending_seen_) report("", fmt::format("[{}] stands twice; the last one counts", name));
        pending_seen_ = true;
        config_.pending = Section();
        open(config_.pending);
    } else if (is_qemu && (small == "special:cloudinit" || small == "special:fleecing")) {
        open(reopen(config_.special_, small.substr(8)));
        is_special_ = true;
    } else if (is_snapshot_name(name)) {
        open(reopen(config_.snapshots_, name));
    } else {
        config_.unknown_sections_.push_back(std::string(line) + "\n");
        report("", fmt::format("the section {} is not known; it is kept", in_quotes(line)));
    }
    return true;
}

Section& ConfigParser::reopen(std::vector<std::pair<std::string, Section>>& list,
                              std::string_view name) {
    std::string id = (&list == &config_.special_ ? "special:" : "") + std::string(name);
    const auto [place, is_new] = places_.try_emplace(std::move(id), list.size());
    if (is_new) {
        list.emplace_back(name, Section());
    } else {
        report("", fmt::format("[{}] stands twice; the last one counts", name));
        list[place->second].second = Section();
    }
    return list[place->second].second;
}

void ConfigParser::open(Section& section) {
    section_ = &section;
    is_special_ = false;
}

void ConfigParser::take_description(std::string_view text) {
    // Files that went through an editor on Windows: the format would keep each line's \r.
    if (text.ends_with('\r')) text.remove_suffix(1);
    section_->has_description_ = true;
    section_->description_ += decode(text);
    section_->description_ += '\n';
}

void ConfigParser::take_raw(std::string_view line) {
    const size_t end = line.find_first_of(":= \t");
    const std::string_view key = line.substr(0, end);
    std::string_view rest = end == std::string_view::npos ? "" : line.substr(end);
    if (!rest.starts_with(':')) rest = rest.substr(std::min(rest.find('='), rest.size()));
    if (!is_raw_key(key) || rest.empty()) {
        section_->verbatim_.emplace_back(line);
        report("", fmt::format("{} is no setting (lxc.key = value); the line is kept",
                               in_quotes(trim(line))));
        return;
    }
    section_->entries_.emplace_back(key, trim(rest.substr(1)));
    std::string words = raw_lxc_problem(key);
    if (!words.empty()) report(key, fmt::format("{}: {}", key, words));
}

void ConfigParser::take_key(std::string_view key, std::string_view value, std::string_view line) {
    const bool is_qemu = config_.schema_->kind == "qemu";
    if (key == "description") return take_description(value);
    std::string extended;
    if (is_qemu && key == "cdrom") {
        key = "ide2";
        extended = as_cdrom(value);
        value = extended;
    }
    // The old name of sockets, which counts only where there is no new one.
    if (is_qemu && key == "smp") {
        const auto sockets = seen_.find("sockets");
        if (sockets != seen_.end() && sockets->second.good && parse_integer(value)) return;
        key = "sockets";
    }
    std::string words;
    if (!is_special_ && !(key == "delete" && section_ == &config_.pending)) {
        const Field* field = config_.schema_->find(key);
        words = field == nullptr ? "there is no such key; the line is kept"
                                 : problem_with(*field, value);
        if (!words.empty()) report(key, fmt::format("{}: {}", key, words));
    }
    const auto [place, is_new] =
        seen_.try_emplace(key, Seen{section_->entries_.size(), words.empty()});
    if (is_new) {
        section_->entries_.emplace_back(key, value);
        return;
    }
    // As the format has it: the last good value counts, a bad one is passed over.
    Seen& seen = place->second;
    if (seen.good && !words.empty()) {
        section_->verbatim_.emplace_back(line);
        return;
    }
    seen.good = words.empty();
    section_->entries_[seen.entry].second = value;
    report(key, fmt::format("{}: stands twice; the last one counts", key));
}

void ConfigParser::finish_section() {
    seen_.clear();
    if (section_ == nullptr) {
        std::string& kept = config_.unknown_sections_.back();
        kept = trim_end(kept);
        kept += '\n';
        return;
    }
    section_->description_ = trim_end(section_->description_);
    section_ = nullptr;
    is_special_ = false;
}

void ConfigParser::report(std::string_view key, std::string words) {
    config_.problems_.push_back({line_, std::string(key), std::move(words)});
}

}  // namespace lodge
