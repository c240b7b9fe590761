#include "tui/key.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr std::string_view named[] = {
    "Space",   "Enter",   "Esc",       "Tab",   "BackTab", "Backspace", "Up",     "Down",  "Left",
    "Right",   "PgUp",    "PgDn",      "Home",  "End",     "Insert",    "Delete", "Press", "Drag",
    "Release", "WheelUp", "WheelDown", "Paste", "Resize",  "Row",       "Column"};

bool is_function_key(std::string_view word) {
    if (word.size() < 2 || word[0] != 'F') return false;
    const auto number = parse_integer(word.substr(1));
    return number && *number >= 1 && *number <= 12;
}

bool is_one_character(std::string_view word) {
    if (word.empty()) return false;
    const char32_t character = take_character(word);
    return word.empty() && character != no_character && !is_unsafe(character) && character != U' ';
}

bool is_key(std::string_view word) {
    if (std::find(std::begin(named), std::end(named), word) != std::end(named)) return true;
    if (word.starts_with("Ctrl-")) return word.size() > 5;
    if (word.starts_with("Alt-")) return word.size() > 4;
    return is_function_key(word) || is_one_character(word);
}

Key one_key(std::string_view word) {
    Key key;
    // "Press(3,4)"
    if (const size_t open = word.find('(');
        open != std::string_view::npos && open > 0 && word.ends_with(')')) {
        const auto places = split(word.substr(open + 1, word.size() - open - 2), ',');
        key.x = static_cast<int>(parse_integer(places[0]).value_or(0));
        key.y = places.size() > 1 ? static_cast<int>(parse_integer(places[1]).value_or(0)) : 0;
        key.button = 1;
        word = word.substr(0, open);
    }
    key.name = word;
    if (!is_key(word)) fail(Exit::usage, "'{}' is no key", printable(word));
    return key;
}

void type(std::vector<Key>& keys, std::string_view text) {
    while (!text.empty()) {
        const char32_t character = take_character(text);
        Key key;
        if (character == U' ')
            key.name = "Space";
        else
            append_character(key.name, character);
        keys.push_back(std::move(key));
    }
}

}  // namespace

std::string_view Key::typed() const {
    if (name == "Space") return " ";
    if (name == "Paste") return text;
    return is_one_character(name) ? std::string_view(name) : std::string_view();
}

std::vector<Key> parse_keys(std::string_view words) {
    std::vector<Key> keys;
    for (;;) {
        const size_t begin = words.find_first_not_of(" \t\n");
        if (begin == std::string_view::npos) return keys;
        words.remove_prefix(begin);
        if (words[0] == '\'' && words.size() > 1) {
            const size_t end = words.find('\'', 1);
            if (end == std::string_view::npos) fail(Exit::usage, "a quote is missing in the keys");
            type(keys, words.substr(1, end - 1));
            words.remove_prefix(end + 1);
            continue;
        }
        const size_t end = words.find_first_of(" \t\n");
        keys.push_back(one_key(words.substr(0, end)));
        if (end == std::string_view::npos) return keys;
        words.remove_prefix(end);
    }
}

std::string_view function_key_after_escape(std::string_view name) {
    static constexpr std::array<std::string_view, 10> keys = {"F10", "F1", "F2", "F3", "F4",
                                                              "F5",  "F6", "F7", "F8", "F9"};
    if (name.size() != 1 || name[0] < '0' || name[0] > '9') return "";
    return keys[static_cast<size_t>(name[0] - '0')];
}

std::string key_name_of(char32_t character) {
    switch (character) {
        case U'\r':
        case U'\n':
            return "Enter";
        case U'\t':
            return "Tab";
        case U'\b':
        case 0x7f:
            return "Backspace";
        case 0x1b:
            return "Esc";
        case U' ':
            return "Space";
        case 0:
            return "Ctrl-Space";
        default:
            break;
    }
    if (character < 0x20) return std::string("Ctrl-") + static_cast<char>('@' + character);
    std::string name;
    if (!is_unsafe(character)) append_character(name, character);
    return name;
}

std::string_view key_of_sequence(std::string_view sequence) {
    struct Known {
        std::string_view sequence, name;
    };
    // DEC's VT220 Programmer Reference Manual, 3.2: editing and function keys; XTerm's ctlseqs.
    static constexpr Known known[] = {
        {"A", "Up"},    {"B", "Down"},    {"C", "Right"}, {"D", "Left"},    {"H", "Home"},
        {"F", "End"},   {"Z", "BackTab"}, {"1~", "Home"}, {"2~", "Insert"}, {"3~", "Delete"},
        {"4~", "End"},  {"5~", "PgUp"},   {"6~", "PgDn"}, {"7~", "Home"},   {"8~", "End"},
        {"11~", "F1"},  {"12~", "F2"},    {"13~", "F3"},  {"14~", "F4"},    {"15~", "F5"},
        {"17~", "F6"},  {"18~", "F7"},    {"19~", "F8"},  {"20~", "F9"},    {"21~", "F10"},
        {"23~", "F11"}, {"24~", "F12"},
    };
    for (const Known& one : known)
        if (one.sequence == sequence) return one.name;
    return "";
}

}  // namespace lodge
