#include <algorithm>
#include <iterator>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/pane/emulator_parts.h"

// What the person does, as the bytes that a guest's terminal would send.

namespace lodge {
namespace {

struct Named {
    std::string_view name;
    VTermKey key;
};
constexpr Named keys[] = {
    {"Enter", VTERM_KEY_ENTER}, {"Tab", VTERM_KEY_TAB},       {"Backspace", VTERM_KEY_BACKSPACE},
    {"Esc", VTERM_KEY_ESCAPE},  {"Up", VTERM_KEY_UP},         {"Down", VTERM_KEY_DOWN},
    {"Left", VTERM_KEY_LEFT},   {"Right", VTERM_KEY_RIGHT},   {"Insert", VTERM_KEY_INS},
    {"Delete", VTERM_KEY_DEL},  {"Home", VTERM_KEY_HOME},     {"End", VTERM_KEY_END},
    {"PgUp", VTERM_KEY_PAGEUP}, {"PgDn", VTERM_KEY_PAGEDOWN},
};

// A letter with Ctrl is one byte on every terminal; libvterm sends "CSI u" for some, which few
// programs understand.
std::string control_byte(char32_t character) {
    if (character == U' ' || character == U'@') return std::string(1, '\0');
    if (character == U'?') return "\x7f";
    const bool has_one =
        (character >= U'a' && character <= U'z') || (character >= U'A' && character <= U'_');
    return has_one ? std::string(1, static_cast<char>(character & 0x1f)) : "";
}

}  // namespace

std::string Emulator::collected(const std::function<void()>& what) {
    // Answers to the guest that were not taken yet are not part of the key.
    std::string before = std::exchange(output_, {});
    what();
    return std::exchange(output_, std::move(before));
}

bool Emulator::press(std::string_view name, int modifiers) {
    VTerm* terminal = machine_->terminal.get();
    const auto with = static_cast<VTermModifier>(modifiers);
    if (name == "BackTab") {
        vterm_keyboard_key(terminal, VTERM_KEY_TAB,
                           static_cast<VTermModifier>(modifiers | VTERM_MOD_SHIFT));
        return true;
    }
    const auto* found = std::find_if(std::begin(keys), std::end(keys),
                                     [&](const Named& named) { return named.name == name; });
    if (found != std::end(keys)) {
        vterm_keyboard_key(terminal, found->key, with);
        return true;
    }
    if (name.size() < 2 || name[0] != 'F') return false;
    const auto number = parse_integer(name.substr(1));
    if (!number || *number < 1 || *number > 12) return false;
    vterm_keyboard_key(terminal, static_cast<VTermKey>(VTERM_KEY_FUNCTION(*number)), with);
    return true;
}

std::string Emulator::key(const Key& key) {
    if (key.is("Paste")) return paste(key.text);
    std::string_view name = key.name;
    int modifiers = VTERM_MOD_NONE;
    for (bool more = true; more;) {
        more = false;
        for (const auto& [prefix, modifier] :
             {std::pair<std::string_view, int>{"Ctrl-", VTERM_MOD_CTRL},
              {"Alt-", VTERM_MOD_ALT},
              {"Shift-", VTERM_MOD_SHIFT}})
            if (name.starts_with(prefix) && name.size() > prefix.size()) {
                name.remove_prefix(prefix.size());
                modifiers |= modifier;
                more = true;
            }
    }
    bool known = false;
    std::string bytes = collected([&] { known = press(name, modifiers); });
    if (known) return bytes;
    Key plain;
    plain.name = name;
    std::string_view typed = plain.typed();
    if (typed.empty()) return {};
    bytes = typed;
    if (modifiers & VTERM_MOD_CTRL) {
        bytes = control_byte(take_character(typed));
        if (bytes.empty()) return {};
    }
    return modifiers & VTERM_MOD_ALT ? "\x1b" + bytes : bytes;
}

// Newlines become Enter; other control characters would be keys that nobody pressed, and the end
// of a bracketed paste within one would end it.
std::string Emulator::paste(std::string_view text) {
    std::string bytes = collected([&] { vterm_keyboard_start_paste(machine_->terminal.get()); });
    while (!text.empty()) {
        const bool pair = text.starts_with("\r\n");
        const char32_t character = take_character(text);
        if (pair) text.remove_prefix(1);
        if (character == U'\n' || character == U'\r')
            bytes += '\r';
        else if (character == U'\t' || (character != no_character && !is_unsafe(character)))
            append_character(bytes, character);
    }
    return bytes + collected([&] { vterm_keyboard_end_paste(machine_->terminal.get()); });
}

std::string Emulator::mouse(const Key& key, int column, int row) {
    if (!wants_mouse_) return {};
    VTerm* terminal = machine_->terminal.get();
    return collected([&] {
        vterm_mouse_move(terminal, std::clamp(row, 0, size_.height - 1),
                         std::clamp(column, 0, size_.width - 1), VTERM_MOD_NONE);
        const int button = key.button >= 1 && key.button <= 3 ? key.button : 1;
        if (key.is("Press")) {
            held_button_ = button;
            vterm_mouse_button(terminal, button, true, VTERM_MOD_NONE);
        } else if (key.is("Release")) {
            vterm_mouse_button(terminal, held_button_ != 0 ? held_button_ : button, false,
                               VTERM_MOD_NONE);
            held_button_ = 0;
        } else if (key.is("WheelUp") || key.is("WheelDown")) {
            vterm_mouse_button(terminal, key.is("WheelUp") ? 4 : 5, true, VTERM_MOD_NONE);
        }
    });
}

}  // namespace lodge
