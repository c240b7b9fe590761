#include "tui/picture/key_layout.h"

#include <algorithm>

#include "engine/units.h"

namespace lodge {
namespace {

// X11's names of keys (keysymdef.h), in the order of ASCII without letters and digits …
constexpr std::string_view ascii_names =
    "space exclam quotedbl numbersign dollar percent ampersand apostrophe parenleft parenright "
    "asterisk plus comma minus period slash colon semicolon less equal greater question at "
    "bracketleft backslash bracketright asciicircum underscore grave braceleft bar braceright "
    "asciitilde";
constexpr std::string_view ascii = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
// … and of Latin-1 from U+00A0.
constexpr std::string_view latin_names =
    "nobreakspace exclamdown cent sterling currency yen brokenbar section diaeresis copyright "
    "ordfeminine guillemotleft notsign hyphen registered macron degree plusminus twosuperior "
    "threesuperior acute mu paragraph periodcentered cedilla onesuperior masculine guillemotright "
    "onequarter onehalf threequarters questiondown Agrave Aacute Acircumflex Atilde Adiaeresis "
    "Aring AE Ccedilla Egrave Eacute Ecircumflex Ediaeresis Igrave Iacute Icircumflex Idiaeresis "
    "ETH Ntilde Ograve Oacute Ocircumflex Otilde Odiaeresis multiply Oslash Ugrave Uacute "
    "Ucircumflex Udiaeresis Yacute THORN ssharp agrave aacute acircumflex atilde adiaeresis aring "
    "ae ccedilla egrave eacute ecircumflex ediaeresis igrave iacute icircumflex idiaeresis eth "
    "ntilde ograve oacute ocircumflex otilde odiaeresis division oslash ugrave uacute ucircumflex "
    "udiaeresis yacute thorn ydiaeresis";
constexpr char32_t first_latin = 0xa0, euro = 0x20ac;

// 0 for a key that is no character, or none that is known.
char32_t character_of(const std::string& name) {
    static const auto all = [] {
        std::map<std::string, char32_t, std::less<>> names = {{"EuroSign", euro}};
        size_t place = 0;
        for (const std::string& one : split(ascii_names, ' '))
            names[one] = static_cast<char32_t>(ascii[place++]);
        char32_t latin = first_latin;
        for (const std::string& one : split(latin_names, ' '))
            names[one] = latin++;
        return names;
    }();
    if (name.size() == 1) return static_cast<unsigned char>(name[0]);
    const auto found = all.find(name);
    return found == all.end() ? 0 : found->second;
}

bool us_shift(char32_t character) {
    constexpr std::string_view upper = "~!@#$%^&*()_+{}|:\"<>?";
    return (character >= U'A' && character <= U'Z') ||
           (character < 0x80 && upper.find(static_cast<char>(character)) != upper.npos);
}

}  // namespace

KeyLayout::KeyLayout(std::string_view text) {
    for (const std::string& line : split(text, '\n')) {
        if (line.empty() || line[0] == '#') continue;
        std::vector<std::string> words = split(trim(line), ' ');
        if (words.size() < 2 || !words[1].starts_with("0x")) continue;
        const char32_t character = character_of(words[0]);
        if (character == 0) continue;
        const auto has = [&](std::string_view word) {
            return std::find(words.begin() + 2, words.end(), word) != words.end();
        };
        // A character may lie on several keys; the one with the least to hold is taken.
        const Held held{has("shift"), has("altgr")};
        const auto [known, fresh] = known_.try_emplace(character, held);
        const auto count = [](const Held& one) { return int{one.shift} + int{one.altgr}; };
        if (!fresh && count(held) < count(known->second)) known->second = held;
    }
}

KeyLayout KeyLayout::of(const Host& host, const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos) return {};
    const auto text = host.read(host.system("/usr/share/qemu/keymaps/" + name));
    return text ? KeyLayout(*text) : KeyLayout();
}

KeyLayout::Held KeyLayout::held_for(char32_t character) const {
    if (known_.empty()) return {us_shift(character), false};
    const auto found = known_.find(character);
    return found == known_.end() ? Held{} : found->second;
}

}  // namespace lodge
