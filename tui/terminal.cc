#include "tui/terminal.h"

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string>

#include "engine/error.h"
#include "engine/text.h"
#include "tui/terminal_output.h"
#include "tui/terminal_rescue.h"

namespace lodge {
namespace {

constexpr int escape_wait = 25;  // ms: ESCDELAY
// A terminal that takes nothing for so long when it is given back gets the rest no more.
constexpr auto patience_at_end = std::chrono::milliseconds(1000);
constexpr int paste_begins = KEY_MAX + 1, paste_ends = KEY_MAX + 2;
constexpr size_t longest_paste = 1 << 20, longest_sequence = 64;
constexpr std::string_view paste_on = "\033[?2004h", paste_off = "\033[?2004l";

// What undoes all that is switched on here, for when there is no time to ask terminfo.
std::string rescue_bytes() {
    std::string bytes;
    for (const char* name : {"sgr0", "rmkx", "rmcup", "cnorm"}) {
        const char* text = ::tigetstr(name);
        // NOLINTNEXTLINE(performance-no-int-to-ptr): terminfo's way to say that there is none
        if (text != nullptr && text != reinterpret_cast<const char*>(-1)) bytes += text;
    }
    bytes += "\033[?1000l\033[?1002l\033[?1006l";
    bytes += paste_off;
    return bytes + "\r\n";
}

struct NamedCode {
    int code;
    std::string_view name;
};
constexpr NamedCode codes[] = {
    {KEY_UP, "Up"},
    {KEY_DOWN, "Down"},
    {KEY_LEFT, "Left"},
    {KEY_RIGHT, "Right"},
    {KEY_PPAGE, "PgUp"},
    {KEY_NPAGE, "PgDn"},
    {KEY_HOME, "Home"},
    {KEY_END, "End"},
    {KEY_IC, "Insert"},
    {KEY_DC, "Delete"},
    {KEY_BACKSPACE, "Backspace"},
    {KEY_BTAB, "BackTab"},
    {KEY_ENTER, "Enter"},
    {KEY_A1, "Home"},
    {KEY_A3, "PgUp"},
    {KEY_C1, "End"},
    {KEY_C3, "PgDn"},
    {KEY_SHOME, "Home"},
    {KEY_SEND, "End"},
    {KEY_FIND, "Home"},
    {KEY_SELECT, "End"},
};

std::string name_of_code(int code) {
    for (const NamedCode& named : codes)
        if (named.code == code) return std::string(named.name);
    if (code > KEY_F0 && code <= KEY_F(12)) return "F" + std::to_string(code - KEY_F0);
    return "";
}

// Line drawing where the encoding is not UTF-8: the terminal's own second character set.
const cchar_t* line_sign(char32_t sign) {
    switch (sign) {
        case U'─':
            return WACS_HLINE;
        case U'│':
            return WACS_VLINE;
        case U'┌':
            return WACS_ULCORNER;
        case U'┐':
            return WACS_URCORNER;
        case U'└':
            return WACS_LLCORNER;
        case U'┘':
            return WACS_LRCORNER;
        case U'├':
            return WACS_LTEE;
        case U'┤':
            return WACS_RTEE;
        default:
            return nullptr;
    }
}

attr_t attributes_of(uint8_t attributes) {
    attr_t result = A_NORMAL;
    if ((attributes & Paint::bold) != 0) result |= A_BOLD;
    if ((attributes & Paint::underline) != 0) result |= A_UNDERLINE;
    if ((attributes & Paint::reverse) != 0) result |= A_REVERSE;
    if ((attributes & Paint::italic) != 0) result |= A_ITALIC;
    if ((attributes & Paint::blink) != 0) result |= A_BLINK;
    if ((attributes & Paint::faint) != 0) result |= A_DIM;
    return result;
}

ColorLevel colors_of_terminal() {
    const char* refused = std::getenv("NO_COLOR");  // no-color.org: set and not empty
    if ((refused != nullptr && *refused != '\0') || !has_colors()) return ColorLevel::mono;
    if (COLORS >= 256) return ColorLevel::full;
    return COLORS >= 16 ? ColorLevel::bright : ColorLevel::basic;
}

bool pastes_in_brackets(std::string_view term) {
    for (const std::string_view name :
         {"xterm", "tmux", "screen", "rxvt", "foot", "alacritty", "konsole", "gnome", "vte", "st"})
        if (term.starts_with(name)) return true;
    return false;
}

}  // namespace

struct Terminal::Inside {
    TerminalRescue rescue;  // knows the modes from before ncurses
    TerminalOutput output;
    termios before{}, during{};  // the modes of the line
    ColorLevel colors = ColorLevel::mono;
    GlyphLevel glyphs = GlyphLevel::ascii;
    bool utf8 = false, mouse = false, away = false, gone = false, brackets = false;
    bool all = true;  // write every cell
    SCREEN* screen = nullptr;
    Canvas shown{Size{1, 1}};
    std::map<std::pair<int, int>, int> pairs;
    std::string pasted;
    bool pasting = false;
    mmask_t held = 0;

    int pair_of(const Looks& looks) {
        if (looks.fg < 0 && looks.bg < 0) return 0;
        const auto known = pairs.find({looks.fg, looks.bg});
        if (known != pairs.end()) return known->second;
        const int next = static_cast<int>(pairs.size()) + 1;
        if (next >= COLOR_PAIRS || init_extended_pair(next, looks.fg, looks.bg) == ERR) return 0;
        pairs[{looks.fg, looks.bg}] = next;
        return next;
    }

    void put(int x, int y, const Cell& cell) {
        const Looks looks = looks_of(cell.paint, colors);
        int pair = colors == ColorLevel::mono ? 0 : pair_of(looks);
        const attr_t attributes = attributes_of(looks.attributes);
        cchar_t out{};
        char32_t text = cell.text;
        if (!utf8 && text > 0x7e) {
            if (const cchar_t* line = line_sign(text)) {
                out = *line;
                out.attr = (out.attr & A_ALTCHARSET) | attributes;
                out.ext_color = pair;
                mvadd_wch(y, x, &out);
                return;
            }
            text = U'?';
        }
        const std::array<wchar_t, 3> characters = {static_cast<wchar_t>(text),
                                                   static_cast<wchar_t>(utf8 ? cell.mark : 0), 0};
        if (setcchar(&out, characters.data(), attributes, 0, &pair) == OK) mvadd_wch(y, x, &out);
    }

    void take_mouse(std::vector<Key>& keys);
    void take_paste(int code, bool is_code, std::vector<Key>& keys);
    Key after_escape();
    Key take_sequence();
    std::string device_attributes;  // DA1, as it was answered
};

Terminal::Terminal(const Wishes& wishes) : inside_(std::make_unique<Inside>()) {
    Inside& in = *inside_;
    const char* term = std::getenv("TERM");
    if (term == nullptr || *term == '\0')
        fail(Exit::missing,
             "TERM is not set, so that Lodge does not know this terminal: "
             "TERM=vt100 lodge, or lodge --linear");
    std::setlocale(LC_CTYPE, "");
    in.utf8 = std::string_view(nl_langinfo(CODESET)) == "UTF-8";
    ::tcgetattr(STDIN_FILENO, &in.before);
    in.screen = newterm(term, in.output.file(), stdin);
    if (in.screen == nullptr)
        fail(Exit::missing,
             "the terminal '{}' is not known here: TERM=vt100 lodge, or lodge --linear",
             printable(term));
    set_term(in.screen);
    set_escdelay(escape_wait);
    raw();  // Ctrl-S and Ctrl-C are keys
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    idlok(stdscr, FALSE);
    typeahead(-1);  // a frame is finished, whatever is typed
    if (has_colors()) {
        start_color();
        use_default_colors();
    }
    in.colors = wishes.colors.value_or(colors_of_terminal());
    if (!has_colors()) in.colors = ColorLevel::mono;
    in.glyphs = wishes.glyphs.value_or(glyph_level_for(term, in.utf8));
    in.brackets = pastes_in_brackets(term);
    define_key("\033[200~", paste_begins);
    define_key("\033[201~", paste_ends);
    TerminalRescue::set(rescue_bytes());
    if (in.brackets) write(paste_on);
    mouse(wishes.mouse);
}

Terminal::~Terminal() {
    leave();
    delscreen(inside_->screen);
}

ColorLevel Terminal::colors() const {
    return inside_->colors;
}

GlyphLevel Terminal::glyphs() const {
    return inside_->glyphs;
}

Size Terminal::size() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0)
        return {window.ws_col, window.ws_row};
    return {COLS, LINES};  // a serial line does not know: terminfo and LINES, COLUMNS
}

Size Terminal::cell() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
        window.ws_row == 0)
        return {};
    return {window.ws_xpixel / window.ws_col, window.ws_ypixel / window.ws_row};
}

void Terminal::show(const Canvas& canvas) {
    Inside& in = *inside_;
    if (in.away) return;
    const Size size = canvas.size();
    if (size.width != COLS || size.height != LINES) {
        resizeterm(size.height, size.width);
        in.all = true;
    }
    const bool all = in.all || !(in.shown.size() == size);
    if (all) {
        clearok(curscr, TRUE);
        erase();
    }
    const Cell blank;
    bool changed = all || in.shown.cursor != canvas.cursor;
    for (int y = 0; y < size.height; ++y)
        for (int x = 0; x < size.width; ++x) {
            const Cell& cell = canvas.at(x, y);
            // When all is written it is written on a screen that was made blank.
            if (cell.width == 0 || cell == (all ? blank : in.shown.at(x, y))) continue;
            in.put(x, y, cell);
            changed = true;
        }
    in.all = false;
    if (!changed) return;
    const auto cursor = canvas.cursor.value_or(Canvas::Cursor{0, size.height - 1, false});
    in.output.capture([&] {
        curs_set(cursor.visible ? 1 : 0);
        move(cursor.y, cursor.x);
        refresh();
    });
    in.shown = canvas;
}

bool Terminal::ready() const {
    return !inside_->output.busy();
}

void Terminal::write(std::string_view bytes) {
    inside_->output.add(bytes);
}

bool Terminal::pending() const {
    return inside_->output.pending();
}

int Terminal::output() const {
    return inside_->output.descriptor();
}

void Terminal::flush() {
    inside_->output.flush();
}

void Terminal::Inside::take_mouse(std::vector<Key>& keys) {
    MEVENT event{};
    while (getmouse(&event) == OK) {
        Key key;
        key.x = std::max(event.x, 0);
        key.y = std::max(event.y, 0);
        const mmask_t state = event.bstate;
        if ((state & BUTTON4_PRESSED) != 0)
            key.name = "WheelUp";
        else if ((state & BUTTON5_PRESSED) != 0)
            key.name = "WheelDown";
        else if ((state & (BUTTON1_PRESSED | BUTTON2_PRESSED | BUTTON3_PRESSED)) != 0)
            key.name = "Press";
        else if ((state & (BUTTON1_RELEASED | BUTTON2_RELEASED | BUTTON3_RELEASED)) != 0)
            key.name = "Release";
        else if ((state & REPORT_MOUSE_POSITION) != 0)
            key.name = "Drag";
        if (key.name.empty()) continue;
        key.button = (state & (BUTTON2_PRESSED | BUTTON2_RELEASED)) != 0   ? 2
                     : (state & (BUTTON3_PRESSED | BUTTON3_RELEASED)) != 0 ? 3
                                                                           : 1;
        keys.push_back(std::move(key));
    }
}

void Terminal::Inside::take_paste(int code, bool is_code, std::vector<Key>& keys) {
    if (is_code && code == paste_ends) {
        pasting = false;
        Key key{.name = "Paste", .text = std::move(pasted)};
        pasted.clear();
        keys.push_back(std::move(key));
        return;
    }
    if (!is_code && pasted.size() < longest_paste)
        append_character(pasted, static_cast<char32_t>(code));
}

// A control sequence that terminfo does not name: an answer of the terminal, or a key with Ctrl and
// the like. It is no row of letters. ECMA-48, 5.4: parameters and intermediates up to a final byte.
Key Terminal::Inside::take_sequence() {
    std::string sequence;
    for (;;) {
        wint_t code = 0;
        pollfd input{STDIN_FILENO, POLLIN, 0};
        int kind = get_wch(&code);
        if (kind == ERR && ::poll(&input, 1, escape_wait) == 1) kind = get_wch(&code);
        if (kind != OK || code < 0x20 || code > 0x7e || sequence.size() == longest_sequence) break;
        sequence += static_cast<char>(code);
        if (code >= 0x40) break;
    }
    if (sequence.empty()) return Key{.name = "Alt-["};
    if (sequence[0] == '?' && sequence.back() == 'c') device_attributes = "\033[" + sequence;
    return Key{.name = std::string(key_of_sequence(sequence))};
}

// Alt and a key arrive as Esc and the key.
Key Terminal::Inside::after_escape() {
    wint_t code = 0;
    const int kind = get_wch(&code);
    if (kind == ERR) return Key{.name = "Esc"};
    if (kind == OK && code == 0x1b) {  // pressed twice, and the second may begin something
        unget_wch(static_cast<wchar_t>(code));
        return Key{.name = "Esc"};
    }
    if (kind == OK && code == U'[') return take_sequence();
    const std::string name = kind == KEY_CODE_YES ? name_of_code(static_cast<int>(code))
                                                  : key_name_of(static_cast<char32_t>(code));
    if (name.empty() || name == "Esc") return Key{.name = "Esc"};
    const std::string_view function = function_key_after_escape(name);
    return Key{.name = function.empty() ? "Alt-" + name : std::string(function)};
}

std::vector<Key> Terminal::keys() {
    Inside& in = *inside_;
    std::vector<Key> keys;
    if (in.away) return keys;
    wint_t code = 0;
    for (int kind = get_wch(&code); kind != ERR; kind = get_wch(&code)) {
        const bool is_code = kind == KEY_CODE_YES;
        if (is_code && code == static_cast<wint_t>(paste_begins)) {
            in.pasting = true;
        } else if (in.pasting) {
            in.take_paste(static_cast<int>(code), is_code, keys);
        } else if (is_code && code == KEY_MOUSE) {
            in.take_mouse(keys);
        } else if (is_code && code == KEY_RESIZE) {
            keys.push_back(Key{.name = "Resize"});
        } else if (!is_code && code == 0x1b) {
            if (Key key = in.after_escape(); !key.name.empty()) keys.push_back(std::move(key));
        } else {
            std::string name = is_code ? name_of_code(static_cast<int>(code))
                                       : key_name_of(static_cast<char32_t>(code));
            if (!name.empty()) keys.push_back(Key{.name = std::move(name)});
        }
    }
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (keys.empty() && ::poll(&input, 1, 0) == 1) {
        int waiting = 0;
        const bool ended = ::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0;
        if ((input.revents & (POLLHUP | POLLERR)) != 0 && ended) in.gone = true;
    }
    return keys;
}

bool Terminal::gone() const {
    return inside_->gone;
}

// DA1 (XTerm's ctlseqs): what it can, such as sixel. Only of those that have a modern window's
// wits: others take their time, or print what they do not know.
void Terminal::ask_attributes() {
    if (inside_->brackets) write("\033[c");
}

const std::string& Terminal::attributes() const {
    return inside_->device_attributes;
}

void Terminal::mouse(bool on) {
    inside_->mouse = on;
    if (inside_->away) return;
    mouseinterval(0);
    inside_->output.capture([on] { mousemask(on ? ALL_MOUSE_EVENTS : 0, nullptr); });
}

void Terminal::leave() {
    Inside& in = *inside_;
    if (in.away) return;
    if (in.brackets) write(paste_off);
    in.output.capture([] {
        mousemask(0, nullptr);
        curs_set(1);
        endwin();
    });
    in.output.drain(patience_at_end);
    // endwin() could not: what gathers its bytes is no terminal. Nor would it do it at once, but
    // wait for a terminal that may never take the rest.
    ::tcgetattr(STDIN_FILENO, &in.during);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &in.before);
    TerminalRescue::wanted(false);
    in.away = true;
}

void Terminal::enter() {
    Inside& in = *inside_;
    if (!in.away) return;
    in.away = false;
    TerminalRescue::wanted(true);
    in.all = true;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &in.during);
    in.output.capture([] { refresh(); });
    if (in.brackets) write(paste_on);
    mouse(in.mouse);
}

void Terminal::forget() {
    inside_->all = true;
}

}  // namespace lodge
