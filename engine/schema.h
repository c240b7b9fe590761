#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

enum class ValueType {
    boolean,  // 1 on yes true / 0 off no false
    integer,  // min..max
    number,   // min..max, decimal
    text,     // anything on one line
    choice,   // one of choices
    size,     // parse_size
    volume,   // storage:name, /path, none, cdrom
    mac,      // XX:XX:XX:XX:XX:XX
    uuid,
    property,  // k=v,k=v…: parts
    checked,   // `check` decides
};

// Field is one key of a configuration or one part of a property string: what it is called, what it
// may hold, what it means when absent. Parsing, forms, --help, the manual and errors read it.
struct Field {
    std::string_view key;  // "memory"; for an indexed key its stem: "net"
    ValueType type = ValueType::text;
    std::string_view fallback = {};  // the format's default, "" when it has none
    std::string_view help = {};      // one sentence for a person
    std::string_view choices = {};   // choice: "a|b|c"
    std::optional<double> min = {};  // integer, number
    std::optional<double> max = {};
    int count = 0;                      // 0: a plain key; N: key0 … key(N-1)
    std::span<const Field> parts = {};  // property: its parts
    bool bare = false;                  // a part: may stand without "key=" (the default key)
    bool required = false;              // a part: must be there
    // A part that stands for two others: for net's "virtio=MAC", alias_key is "model" (set to this
    // part's key) and the value goes to alias ("macaddr"). alias alone: only another name of it.
    std::string_view alias = {};
    std::string_view alias_key = {};
    // checked: what is wrong with the value in words, or "" when it is right.
    std::string (*check)(std::string_view value) = nullptr;
    std::string_view allowed = {};  // checked: the allowed form in words, for help and errors
    bool internal = false;          // written by the program, not offered in forms
};

// Schema is all keys of one guest kind's configuration.
struct Schema {
    std::string_view kind;             // "qemu" or "lxc"
    std::string_view pending_section;  // "PENDING" or "pve:pending"
    std::span<const Field> fields;

    // The field of a key ("net0" finds "net" when 0 is in range), or nullptr.
    const Field* find(std::string_view key) const;
};

// What is wrong with `value` for `field`, in words that name what is allowed; "" when it is right.
// Property strings are checked part by part.
std::string problem_with(const Field& field, std::string_view value);
// What the field allows, in words: "0 or 1", "a whole number, 16 or more", "one of a, b, c".
std::string allowed_words(const Field& field);
// Throws Error(Exit::usage) "<key>: 'value' is not allowed: …" for a bad value or an unknown key;
// everything that takes a value from a person goes through this. Raw lxc.* keys are checked too.
void require_allowed(const Schema& schema, std::string_view key, std::string_view value);
// The part of a property field by its name, or nullptr; the bare part, or nullptr.
const Field* part_of(const Field& field, std::string_view part);
const Field* bare_part(const Field& field);
// The value in quotes for a message: control bytes shown as \xNN, cut after 60 bytes.
std::string in_quotes(std::string_view value);

}  // namespace lodge
