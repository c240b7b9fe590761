#include "tui/picture/keysyms.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr uint32_t shift = 0xffe1, control = 0xffe3, alt = 0xffe9, super = 0xffeb,
                   alt_graph = 0xfe03;
constexpr uint32_t first_function_key = 0xffbe, enter = 0xff0d, tab = 0xff09;
constexpr size_t most_pasted = 4096;  // characters: a keyboard is slow

struct Named {
    std::string_view name;
    uint32_t keysym;
};
constexpr Named named[] = {
    {"Enter", enter}, {"Tab", tab},     {"Backspace", 0xff08}, {"Esc", 0xff1b},    {"Up", 0xff52},
    {"Down", 0xff54}, {"Left", 0xff51}, {"Right", 0xff53},     {"Home", 0xff50},   {"End", 0xff57},
    {"PgUp", 0xff55}, {"PgDn", 0xff56}, {"Insert", 0xff63},    {"Delete", 0xffff}, {"Space", 0x20},
};
constexpr Named modifiers[] = {
    {"Ctrl-", control}, {"Alt-", alt}, {"Shift-", shift}, {"Super-", super}};

uint32_t function_key(std::string_view name) {
    if (name.size() < 2 || name[0] != 'F') return 0;
    const auto count = parse_integer(name.substr(1));
    return count && *count >= 1 && *count <= 12
               ? first_function_key + static_cast<uint32_t>(*count) - 1
               : 0;
}

// Latin-1 is as it is, everything else by its number in Unicode.
uint32_t keysym_of(char32_t character) {
    if (character == U'\n' || character == U'\r') return enter;
    if (character == U'\t') return tab;
    if (character == no_character || is_unsafe(character)) return 0;
    return character < 0x100 ? character : 0x1000000 | character;
}

// The other way; 0 for keys that are no characters.
char32_t character_of(uint32_t keysym) {
    if (keysym < 0x100) return keysym;
    return keysym >= 0x1000000 ? keysym - 0x1000000 : 0;
}

void press(std::vector<Keystroke>& strokes, std::vector<uint32_t> held, uint32_t keysym,
           const KeyLayout& layout) {
    const KeyLayout::Held wanted = layout.held_for(character_of(keysym));
    const auto hold = [&](uint32_t modifier) {
        if (std::find(held.begin(), held.end(), modifier) == held.end()) held.push_back(modifier);
    };
    if (wanted.shift) hold(shift);
    if (wanted.altgr) hold(alt_graph);
    for (const uint32_t modifier : held)
        strokes.push_back({modifier, true});
    strokes.push_back({keysym, true});
    strokes.push_back({keysym, false});
    for (auto modifier = held.rbegin(); modifier != held.rend(); ++modifier)
        strokes.push_back({*modifier, false});
}

}  // namespace

std::vector<Keystroke> keystrokes(const Key& key, const KeyLayout& layout) {
    std::vector<Keystroke> strokes;
    if (key.is("Paste")) {
        std::string_view text = key.text;
        for (size_t i = 0; i < most_pasted && !text.empty(); ++i) {
            if (text.starts_with("\r\n")) text.remove_prefix(1);
            if (const uint32_t keysym = keysym_of(take_character(text)); keysym != 0)
                press(strokes, {}, keysym, layout);
        }
        return strokes;
    }
    std::string_view name = key.name;
    std::vector<uint32_t> held;
    for (bool more = true; more;) {
        more = false;
        for (const Named& modifier : modifiers)
            if (name.starts_with(modifier.name) && name.size() > modifier.name.size()) {
                name.remove_prefix(modifier.name.size());
                held.push_back(modifier.keysym);
                more = true;
            }
    }
    if (name == "BackTab") {
        held.push_back(shift);
        name = "Tab";
    }
    const auto* found = std::find_if(std::begin(named), std::end(named),
                                     [&](const Named& one) { return one.name == name; });
    uint32_t keysym = found != std::end(named) ? found->keysym : function_key(name);
    if (keysym == 0) {
        std::string_view rest = name;
        if (rest.empty() || key.is_mouse()) return {};
        keysym = keysym_of(take_character(rest));
        if (!rest.empty()) return {};
        // "Ctrl-C" is how the key is called; Shift is not held for it.
        if (!held.empty() && keysym >= 'A' && keysym <= 'Z') keysym += 'a' - 'A';
    }
    if (keysym != 0) press(strokes, std::move(held), keysym, layout);
    return strokes;
}

}  // namespace lodge
