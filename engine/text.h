#pragma once

#include <string>
#include <string_view>

namespace lodge {

// The character that `text` begins with, taken off it. Text that is no UTF-8 gives `no_character`
// and loses one byte. `text` must not be empty.
inline constexpr char32_t no_character = 0xffffffff;
char32_t take_character(std::string_view& text);
void append_character(std::string& text, char32_t character);

// Cells that a terminal gives to a character: 0 (a combining mark), 1 or 2.
int character_width(char32_t character);
// Whether a terminal could take it for something else than a character to show: control characters
// and the marks that turn the direction of writing.
bool is_unsafe(char32_t character);

// The text safe for a terminal or a message: control bytes, invalid UTF-8 and bidi marks are shown
// as \xNN. A guest, a file or a program must not be able to send escape sequences to the person.
std::string printable(std::string_view text);

// Cells that the text takes on a terminal, for text that printable() has made safe.
int text_width(std::string_view text);
// The text cut to at most `width` cells; "~" at its end says that something is missing.
std::string fit_text(std::string_view text, int width);

}  // namespace lodge
