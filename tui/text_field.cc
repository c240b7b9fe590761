#include "tui/text_field.h"

#include <algorithm>

#include "engine/text.h"

namespace lodge {
namespace {

// What is typed is one line: of a pasted text the line ends become blanks.
std::string one_line(std::string_view text) {
    std::string line;
    while (!text.empty()) {
        const std::string_view before = text;
        const char32_t character = take_character(text);
        if (character == U'\n' || character == U'\t')
            line += ' ';
        else if (character != no_character && !is_unsafe(character))
            line += before.substr(0, before.size() - text.size());
    }
    return line;
}

}  // namespace

void TextField::set(std::string text) {
    text_ = std::move(text);
    at_ = text_.size();
}

size_t TextField::before(size_t at) const {
    if (at == 0) return 0;
    do {
        --at;
    } while (at > 0 && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80);
    return at;
}

size_t TextField::after(size_t at) const {
    if (at >= text_.size()) return text_.size();
    std::string_view rest = std::string_view(text_).substr(at);
    const size_t whole = rest.size();
    take_character(rest);
    return at + whole - rest.size();
}

bool TextField::key(const Key& key) {
    if (key.is("Left")) {
        at_ = before(at_);
    } else if (key.is("Right")) {
        at_ = after(at_);
    } else if (key.is("Home") || key.is("Ctrl-A")) {
        at_ = 0;
    } else if (key.is("End") || key.is("Ctrl-E")) {
        at_ = text_.size();
    } else if (key.is("Backspace")) {
        const size_t from = before(at_);
        text_.erase(from, at_ - from);
        at_ = from;
    } else if (key.is("Delete") || key.is("Ctrl-D")) {
        text_.erase(at_, after(at_) - at_);
    } else if (key.is("Ctrl-U")) {
        text_.erase(0, at_);
        at_ = 0;
    } else if (key.is("Ctrl-K")) {
        text_.erase(at_);
    } else if (key.is("Ctrl-W")) {
        size_t from = at_;
        while (from > 0 && text_[from - 1] == ' ')
            --from;
        while (from > 0 && text_[from - 1] != ' ')
            --from;
        text_.erase(from, at_ - from);
        at_ = from;
    } else if (const std::string_view typed = key.typed(); !typed.empty()) {
        const std::string line = one_line(typed);
        text_.insert(at_, line);
        at_ += line.size();
    } else {
        return false;
    }
    return true;
}

void TextField::draw(Area area, int x, int y, int width, bool active) const {
    const Area field = area.part(x, y, width, 1);
    field.fill(Role::field);
    std::string shown = text_;
    size_t at = at_;
    if (hidden_) {
        shown.assign(static_cast<size_t>(text_width(text_)), '*');
        at = static_cast<size_t>(text_width(std::string_view(text_).substr(0, at_)));
    }
    // The end with the cursor stays in sight.
    size_t from = 0;
    while (text_width(printable(std::string_view(shown).substr(from, at - from))) >= width &&
           from < at) {
        std::string_view rest = std::string_view(shown).substr(from);
        const size_t whole = rest.size();
        take_character(rest);
        from += whole - rest.size();
    }
    field.put(0, 0, printable(std::string_view(shown).substr(from)), Role::field);
    if (active)
        field.cursor(text_width(printable(std::string_view(shown).substr(from, at - from))), 0);
}

}  // namespace lodge
