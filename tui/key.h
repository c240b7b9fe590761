#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lodge {

// Key is one thing the person did, as a word: "a", "A", "é", "Space", "Enter", "Esc", "Tab",
// "BackTab", "Backspace", "Up", "PgDn", "Home", "Insert", "Delete", "F5", "Ctrl-P", "Alt-x",
// "Ctrl-]"; of the mouse "Press", "Release", "Drag", "WheelUp", "WheelDown" with the cell;
// "Paste" with the text; "Resize". A click on a place that stands for something becomes that:
// "Row" with its number, or the key of a command.
struct Key {
    std::string name;
    int x = -1, y = -1;     // mouse: cell of the frame, from 0; "Row": y is its number
    int button = 0;         // mouse: 1 left, 2 middle, 3 right
    std::string text = {};  // "Paste": what was pasted

    bool is(std::string_view word) const { return name == word; }
    bool is_mouse() const { return x >= 0; }
    // What it types into a text field: "" for keys that type nothing.
    std::string_view typed() const;
    bool operator==(const Key&) const = default;
};

// "a b Down Ctrl-P F5" as keys, for tests and the table of keys; "Press(3,4)" for the mouse,
// "'some text'" types each of its characters. Throws Error for a word that is no key.
std::vector<Key> parse_keys(std::string_view words);

// The name of the key that sends this character; "" for one that is no key's.
std::string key_name_of(char32_t character);

// What Esc and then a digit stands for on terminals without function keys: "F1" … "F10" (0);
// "" for other keys.
std::string_view function_key_after_escape(std::string_view name);

// The key of a control sequence without its "Esc [", as VT220 and xterm send them: "18~" is F7,
// "A" is Up; "" for any other. For terminals whose terminfo is of an older one than they are.
std::string_view key_of_sequence(std::string_view sequence);

}  // namespace lodge
