#include "tui/screen_keys.h"

namespace lodge {
namespace {

constexpr ScreenKeys moving[] = {
    {"Up Down  k j", "the line before or after"},
    {"PgUp PgDn", "a screenful"},
    {"Home End  g G", "the first and the last"},
    {"Enter", "opens what is under the cursor"},
    {"Esc q", "goes back"},
    {"Tab", "the other pane"},
    {"[ ]", "the tab before or after"},
    {"Space", "marks; commands then act on all that are marked"},
    {"/", "filters: words that must be there, !word that must not, re:... an expression"},
    {"n N", "the next and the one before that was found (in texts)"},
    {"< >", "sorts by another column; r turns it round; T groups guests by their tag"},
};
constexpr ScreenKeys everywhere[] = {
    {"1 ... 8", "the screens"},
    {"F2 m", "menu of what can be done here"},
    {": Ctrl-P", "every command, by typing a part of its name"},
    {"Ctrl-L", "draws everything again"},
    {"Ctrl-G", "other signs: ASCII, lines, blocks"},
    {"M", "gives the mouse to the terminal, to select text, and back"},
    {"Ctrl-Z", "the shell; fg comes back"},
    {"F10 Q", "quits; guests and jobs go on"},
    {"Esc 5", "stands for F5 where function keys do not arrive, and so on; 0 is F10"},
};

}  // namespace

std::span<const ScreenKeys> moving_keys() {
    return moving;
}

std::span<const ScreenKeys> everywhere_keys() {
    return everywhere;
}

}  // namespace lodge
