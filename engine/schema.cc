#include "engine/schema.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/property.h"
#include "engine/raw_lxc.h"
#include "engine/units.h"

namespace lodge {
namespace {

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "hhhh-hh" against a value: h is a hex digit, anything else itself.
bool matches(std::string_view value, std::string_view form) {
    return value.size() == form.size() &&
           std::equal(value.begin(), value.end(), form.begin(),
                      [](char c, char want) { return want == 'h' ? is_hex(c) : c == want; });
}

bool is_volume(std::string_view value) {
    if (value == "none" || value == "cdrom") return true;
    if (value.starts_with('/')) return value.size() > 1;
    const size_t colon = value.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == value.size()) return false;
    const auto id = value.substr(0, colon);
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return letter(id.front()) && std::all_of(id.begin(), id.end(), [&](char c) {
               return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
           });
}

bool is_mac(std::string_view value) {
    if (!matches(value, "hh:hh:hh:hh:hh:hh")) return false;
    // The lowest bit of the first byte marks a group address, which no card may have.
    return std::string_view("02468aceACE").find(value[1]) != std::string_view::npos;
}

bool is_choice(std::string_view choices, std::string_view value) {
    if (value.find('|') != std::string_view::npos) return false;
    for (;;) {
        const size_t bar = choices.find('|');
        if (choices.substr(0, bar) == value) return true;
        if (bar == std::string_view::npos) return false;
        choices.remove_prefix(bar + 1);
    }
}

template <class T>
bool in_range(const Field& field, std::optional<T> value) {
    if (!value) return false;
    const auto real = static_cast<double>(*value);
    return (!field.min || real >= *field.min) && (!field.max || real <= *field.max);
}

bool is_allowed(const Field& field, std::string_view value) {
    switch (field.type) {
        case ValueType::boolean:
            return parse_boolean(value).has_value();
        case ValueType::integer:
            return in_range(field, parse_integer(value));
        case ValueType::number:
            return in_range(field, parse_number(value));
        case ValueType::choice:
            return is_choice(field.choices, value);
        case ValueType::size:
            return parse_size(value).has_value();
        case ValueType::volume:
            return is_volume(value);
        case ValueType::mac:
            return is_mac(value);
        case ValueType::uuid:
            return matches(value, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
        case ValueType::text:
        case ValueType::property:
        case ValueType::checked:
            break;
    }
    return value.find('\n') == std::string_view::npos;
}

std::string number_words(const Field& field) {
    std::string kind = field.type == ValueType::integer ? "a whole number" : "a number";
    if (field.min && field.max)
        return fmt::format("{} from {} to {}", kind, *field.min, *field.max);
    if (field.min) return fmt::format("{}, {} or more", kind, *field.min);
    if (field.max) return fmt::format("{}, {} or less", kind, *field.max);
    return kind;
}

std::string property_words(const Field& field) {
    std::string words;
    for (const Field& part : field.parts) {
        if (!part.alias.empty()) continue;
        if (!words.empty()) words += ',';
        std::string form =
            part.bare ? fmt::format("[{}=]…", part.key) : fmt::format("{}=…", part.key);
        words += part.required ? form : "[" + form + "]";
    }
    return words;
}

}  // namespace

const Field* Schema::find(std::string_view key) const {
    if (key.empty()) return nullptr;
    size_t stem = key.size();
    while (stem > 0 && key[stem - 1] >= '0' && key[stem - 1] <= '9')
        --stem;
    const std::string_view digits = key.substr(stem);
    // "net00" is not net0: the format writes numbers without leading zeros.
    const bool plain_number = digits.size() == 1 || (digits.size() > 1 && digits[0] != '0');
    for (const Field& field : fields) {
        // A list of guests looks here ten times a guest; most fields begin with another letter.
        if (field.key.front() != key.front()) continue;
        if (field.count == 0) {
            if (field.key == key) return &field;
        } else if (plain_number && field.key == key.substr(0, stem)) {
            const auto index = parse_integer(digits);
            if (index && *index < field.count) return &field;
        }
    }
    return nullptr;
}

std::string problem_with(const Field& field, std::string_view value) {
    if (field.type == ValueType::property) {
        std::vector<std::string> problems;
        Properties::parse_lenient(field, value, problems);
        return join(problems, "; ");
    }
    if (field.type == ValueType::checked && field.check != nullptr) {
        const std::string words = field.check(value);
        if (words.empty()) return {};
        return fmt::format("{} is not allowed: {}", in_quotes(value), words);
    }
    if (is_allowed(field, value)) return {};
    return fmt::format("{} is not allowed: {}", in_quotes(value), allowed_words(field));
}

std::string allowed_words(const Field& field) {
    switch (field.type) {
        case ValueType::boolean:
            return "0 or 1";
        case ValueType::integer:
        case ValueType::number:
            return number_words(field);
        case ValueType::text:
            return "text on one line";
        case ValueType::choice:
            if (field.choices.find('|') == std::string_view::npos)
                return "only " + std::string(field.choices);
            return "one of " + join(split(field.choices, '|'), ", ");
        case ValueType::size:
            return "a size such as 512M or 32G";
        case ValueType::volume:
            return "a volume (storage:name), a /path or none";
        case ValueType::mac:
            return "a MAC address such as BC:24:11:00:00:01, the first byte even";
        case ValueType::uuid:
            return "a UUID such as 01234567-89ab-cdef-0123-456789abcdef";
        case ValueType::property:
            return property_words(field);
        case ValueType::checked:
            return std::string(field.allowed);
    }
    return {};
}

void require_allowed(const Schema& schema, std::string_view key, std::string_view value) {
    if (schema.kind == "lxc" && key.starts_with("lxc.")) {
        const std::string words = raw_lxc_problem(key);
        if (!words.empty()) fail(Exit::usage, "{}: {}", printable(key), words);
        return;
    }
    const Field* field = schema.find(key);
    if (field == nullptr)
        fail(Exit::usage, "{}: there is no such key; lodge help keys {} lists them", printable(key),
             schema.kind);
    const std::string words = problem_with(*field, value);
    if (!words.empty()) fail(Exit::usage, "{}: {}", key, words);
}

const Field* part_of(const Field& field, std::string_view part) {
    const auto found = std::find_if(field.parts.begin(), field.parts.end(),
                                    [&](const Field& one) { return one.key == part; });
    return found == field.parts.end() ? nullptr : &*found;
}

const Field* bare_part(const Field& field) {
    const auto found = std::find_if(field.parts.begin(), field.parts.end(),
                                    [](const Field& one) { return one.bare; });
    return found == field.parts.end() ? nullptr : &*found;
}

std::string in_quotes(std::string_view value) {
    constexpr size_t longest = 60;
    if (value.size() <= longest) return "'" + printable(value) + "'";
    size_t cut = longest;
    // Not in the middle of a UTF-8 character.
    while (cut > longest - 4 && (static_cast<unsigned char>(value[cut]) & 0xc0) == 0x80)
        --cut;
    return "'" + printable(value.substr(0, cut)) + "…'";
}

}  // namespace lodge
