#include "engine/property.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {
namespace {

std::string known_parts(const Field& field) {
    std::vector<std::string> names;
    for (const Field& part : field.parts)
        if (part.alias.empty()) names.emplace_back(part.key);
    return join(names, ", ");
}

}  // namespace

Properties Properties::parse(const Field& field, std::string_view value) {
    std::vector<std::string> problems;
    Properties properties = parse_lenient(field, value, problems);
    if (!problems.empty()) fail(Exit::usage, "{}: {}", field.key, join(problems, "; "));
    return properties;
}

Properties Properties::parse_lenient(const Field& field, std::string_view value,
                                     std::vector<std::string>& problems) {
    Properties properties(field);
    while (!value.empty()) {
        const size_t comma = value.find(',');
        const std::string_view piece = trim(value.substr(0, comma));
        if (!piece.empty()) properties.take(piece, problems);
        if (comma == std::string_view::npos) break;
        value.remove_prefix(comma + 1);
    }
    for (const Field& part : field.parts) {
        // A bad value has been told of already; do not say "missing" as well.
        const auto stands_for = [&](const Properties::Aside& one) {
            const Field* alias = part_of(field, one.part);
            return one.part == part.key ||
                   (alias != nullptr && (alias->alias == part.key || alias->alias_key == part.key));
        };
        const bool aside =
            std::any_of(properties.aside_.begin(), properties.aside_.end(), stands_for);
        if (part.required && !properties.has(part.key) && !aside)
            problems.push_back(fmt::format("{} is missing: {}", part.key, allowed_words(part)));
    }
    return properties;
}

// One piece between two commas.
void Properties::take(std::string_view piece, std::vector<std::string>& problems) {
    const size_t equals = piece.find('=');
    const bool named = equals != std::string_view::npos;
    const Field* part = named ? part_of(*field_, piece.substr(0, equals)) : bare_part(*field_);
    const std::string_view name = named ? piece.substr(0, equals) : part ? part->key : "";
    const std::string_view value = named ? piece.substr(equals + 1) : piece;
    const auto set_aside = [&](std::string words) {
        problems.push_back(std::move(words));
        aside_.push_back({std::string(name), std::string(piece)});
    };

    if (!named && part == nullptr)
        return set_aside(
            fmt::format("{} has no name: it is one of {}", in_quotes(piece), known_parts(*field_)));
    if (value.empty() || name.empty())
        return set_aside(fmt::format("{} is not allowed: name=value", in_quotes(piece)));
    if (part == nullptr) {
        problems.push_back(
            fmt::format("there is no part {}: it has {}", in_quotes(name), known_parts(*field_)));
        if (has(name))
            aside_.push_back({std::string(name), std::string(piece)});
        else
            parts_.emplace_back(name, value);
        return;
    }
    const bool twice = part->alias.empty()
                           ? has(name)
                           : has(part->alias) || (!part->alias_key.empty() && has(part->alias_key));
    if (twice) return set_aside(fmt::format("{} stands twice", in_quotes(name)));
    // A second name has the rules of what it names.
    const Field* rules = part;
    if (!part->alias.empty() && part->alias_key.empty()) {
        if (const Field* target = part_of(*field_, part->alias)) rules = target;
    }
    const std::string words = problem_with(*rules, value);
    if (!words.empty()) return set_aside(named ? fmt::format("{} {}", name, words) : words);
    if (part->alias.empty())
        parts_.emplace_back(name, value);
    else
        take_alias(*part, value);
}

void Properties::take_alias(const Field& part, std::string_view value) {
    if (!part.alias_key.empty()) parts_.emplace_back(part.alias_key, part.key);
    parts_.emplace_back(part.alias, value);
}

void Properties::drop_aside(std::string_view part) {
    std::erase_if(aside_, [&](const Aside& one) {
        if (one.part == part) return true;
        const Field* field = part_of(*field_, one.part);
        return field != nullptr && (field->alias == part || field->alias_key == part);
    });
}

bool Properties::has(std::string_view part) const {
    return std::any_of(parts_.begin(), parts_.end(),
                       [&](const auto& one) { return one.first == part; });
}

std::optional<std::string> Properties::get(std::string_view part) const {
    for (const auto& [name, value] : parts_)
        if (name == part) return value;
    return std::nullopt;
}

std::string Properties::text(std::string_view part) const {
    if (auto value = get(part)) return *value;
    const Field* field = part_of(*field_, part);
    return field == nullptr ? "" : std::string(field->fallback);
}

bool Properties::flag(std::string_view part) const {
    return parse_boolean(text(part)).value_or(false);
}

int64_t Properties::integer(std::string_view part) const {
    return parse_integer(text(part)).value_or(0);
}

double Properties::number(std::string_view part) const {
    return parse_number(text(part)).value_or(0);
}

void Properties::set(std::string_view part, std::string_view value) {
    value = trim(value);
    if (value.empty() || value.find_first_of(",\n") != std::string_view::npos)
        fail(Exit::usage,
             "{}: {} cannot be {}: a part of a property holds no comma and no line "
             "break and is not empty",
             field_->key, part, in_quotes(value));
    drop_aside(part);
    for (auto& [name, old] : parts_) {
        if (name != part) continue;
        old = value;
        return;
    }
    parts_.emplace_back(part, value);
}

void Properties::erase(std::string_view part) {
    drop_aside(part);
    std::erase_if(parts_, [&](const auto& one) { return one.first == part; });
}

std::string Properties::print_bare(const Field& part, std::string_view value,
                                   bool& took_alias) const {
    for (const Field& other : field_->parts) {
        if (other.alias_key != part.key || other.key != value) continue;
        if (const auto paired = get(other.alias)) {
            took_alias = true;
            return fmt::format("{}={}", value, *paired);
        }
    }
    if (value.find('=') == std::string_view::npos) return std::string(value);
    return fmt::format("{}={}", part.key, value);
}

std::string Properties::print() const {
    std::vector<std::string> pieces;
    std::string_view bare;
    std::string_view paired;
    if (const Field* part = bare_part(*field_)) {
        if (const auto value = get(part->key)) {
            bool took_alias = false;
            pieces.push_back(print_bare(*part, *value, took_alias));
            bare = part->key;
            if (took_alias) paired = part_of(*field_, *value)->alias;
        }
    }
    std::vector<std::string> needed;
    std::vector<std::string> others;
    for (const auto& [name, value] : parts_) {
        if (name == bare || name == paired) continue;
        const Field* part = part_of(*field_, name);
        auto& group = part != nullptr && part->required ? needed : others;
        group.push_back(name + "=" + value);
    }
    // By name: "a=…" before "a-b=…" as the names sort, not as the text does.
    const auto by_name = [](const std::string& a, const std::string& b) {
        return std::string_view(a).substr(0, a.find('=')) <
               std::string_view(b).substr(0, b.find('='));
    };
    std::sort(needed.begin(), needed.end(), by_name);
    std::sort(others.begin(), others.end(), by_name);
    pieces.insert(pieces.end(), needed.begin(), needed.end());
    pieces.insert(pieces.end(), others.begin(), others.end());
    for (const Aside& one : aside_)
        pieces.push_back(one.text);
    return join(pieces, ",");
}

}  // namespace lodge
