#pragma once

#include "engine/schema.h"

// Short makers of Field, so that a schema reads as a table: one call a key, and wrappers such as
// bare(…), required(…) and indexed(…, n) around it. Only the schema files include this.
namespace lodge::table {

using Limit = std::optional<double>;

constexpr Field boolean(std::string_view key, std::string_view fallback, std::string_view help) {
    return {.key = key, .type = ValueType::boolean, .fallback = fallback, .help = help};
}

constexpr Field whole(std::string_view key, std::string_view fallback, Limit min, Limit max,
                      std::string_view help) {
    return {.key = key,
            .type = ValueType::integer,
            .fallback = fallback,
            .help = help,
            .min = min,
            .max = max};
}

constexpr Field number(std::string_view key, std::string_view fallback, Limit min, Limit max,
                       std::string_view help) {
    Field field = whole(key, fallback, min, max, help);
    field.type = ValueType::number;
    return field;
}

constexpr Field plain(ValueType type, std::string_view key, std::string_view help) {
    return {.key = key, .type = type, .fallback = {}, .help = help};
}

constexpr Field text(std::string_view key, std::string_view help) {
    return plain(ValueType::text, key, help);
}

constexpr Field choice(std::string_view key, std::string_view fallback, std::string_view choices,
                       std::string_view help) {
    return {.key = key,
            .type = ValueType::choice,
            .fallback = fallback,
            .help = help,
            .choices = choices};
}

constexpr Field checked(std::string_view key, std::string_view fallback,
                        std::string (*check)(std::string_view), std::string_view allowed,
                        std::string_view help) {
    return {.key = key,
            .type = ValueType::checked,
            .fallback = fallback,
            .help = help,
            .check = check,
            .allowed = allowed};
}

constexpr Field property(std::string_view key, std::span<const Field> parts,
                         std::string_view help) {
    return {.key = key, .type = ValueType::property, .fallback = {}, .help = help, .parts = parts};
}

// A part that is only another name of the part `target`.
constexpr Field renamed(std::string_view key, std::string_view target) {
    return {
        .key = key, .fallback = {}, .help = "Another name, read but not written.", .alias = target};
}

constexpr Field bare(Field field) {
    field.bare = true;
    return field;
}

constexpr Field required(Field field) {
    field.required = true;
    return field;
}

constexpr Field indexed(Field field, int count) {
    field.count = count;
    return field;
}

// A key that Lodge or Proxmox VE writes by itself; forms do not offer it.
constexpr Field internal(Field field) {
    field.internal = true;
    return field;
}

}  // namespace lodge::table
