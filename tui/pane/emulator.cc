#include "tui/pane/emulator.h"

#include <vterm.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/text.h"
#include "tui/pane/emulator_parts.h"

namespace lodge {
namespace {

constexpr char32_t unknown = 0xfffd;
constexpr uint32_t right_half = 0xffffffff;  // libvterm's sign for the second cell of a wide one

int32_t color_of(const VTermColor& color, bool is_default) {
    if (is_default) return Paint::inherit;
    if (VTERM_COLOR_IS_INDEXED(&color)) return color.indexed.idx;
    return Paint::rgb_flag | color.rgb.red << 16 | color.rgb.green << 8 | color.rgb.blue;
}

Paint paint_of(const VTermScreenCell& cell) {
    Paint paint;
    const auto add = [&](bool on, uint8_t attribute) {
        if (on) paint.attributes = static_cast<uint8_t>(paint.attributes | attribute);
    };
    add(cell.attrs.bold, Paint::bold);
    add(cell.attrs.underline != 0, Paint::underline);
    add(cell.attrs.reverse, Paint::reverse);
    add(cell.attrs.italic, Paint::italic);
    add(cell.attrs.blink, Paint::blink);
    paint.fg = color_of(cell.fg, VTERM_COLOR_IS_DEFAULT_FG(&cell.fg));
    paint.bg = color_of(cell.bg, VTERM_COLOR_IS_DEFAULT_BG(&cell.bg));
    return paint;
}

bool is_blank(const VTermScreenCell& cell) {
    return cell.chars[0] == 0 && !cell.attrs.reverse && VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
}

// Marks that join or widen what stands around them make terminals disagree on widths.
bool is_plain_mark(char32_t mark) {
    const bool joins = (mark >= 0x200b && mark <= 0x200d) || (mark >= 0xfe00 && mark <= 0xfe0f);
    return character_width(mark) == 0 && !is_unsafe(mark) && !joins;
}

// A row's cells. Where libvterm and Lodge do not agree on a character's width, a sign stands for
// it: a terminal that draws two cells where we reckon with one would shift the pane's neighbours.
template <class At>
void safe_cells(int count, const At& at, std::vector<Cell>& cells) {
    cells.clear();
    for (int i = 0; i < count; ++i) {
        const VTermScreenCell& from = at(i);
        Cell cell{U' ', 0, 1, paint_of(from)};
        const char32_t text = from.chars[0];
        if (text != 0 && text != right_half) {
            const int width = character_width(text);
            const bool wide = from.width == 2 && i + 1 < count;
            const bool fits = text <= 0x10ffff && !is_unsafe(text) && width == (wide ? 2 : 1);
            cell.text = fits ? text : unknown;
            if (fits && from.chars[1] != 0 && is_plain_mark(from.chars[1]))
                cell.mark = from.chars[1];
            if (fits && wide) {
                cell.width = 2;
                cells.push_back(cell);
                cells.push_back(Cell{U' ', 0, 0, cell.paint});
                ++i;
                continue;
            }
        }
        cells.push_back(cell);
    }
}

void set_color(VTermColor& color, int32_t from, uint8_t default_flag) {
    if (from == Paint::inherit) {
        vterm_color_indexed(&color, default_flag == VTERM_COLOR_DEFAULT_FG ? 7 : 0);
        color.type |= default_flag;
    } else if (from & Paint::rgb_flag) {
        vterm_color_rgb(&color, static_cast<uint8_t>(from >> 16), static_cast<uint8_t>(from >> 8),
                        static_cast<uint8_t>(from));
    } else {
        vterm_color_indexed(&color, static_cast<uint8_t>(from));
    }
}

VTermScreenCell vterm_cell(const Cell& from) {
    VTermScreenCell cell{};
    cell.chars[0] = from.width == 0 ? right_half : from.text;
    cell.chars[1] = from.mark;
    cell.width = from.width == 2 ? 2 : 1;
    const uint8_t attributes = from.paint.attributes;
    cell.attrs.bold = (attributes & Paint::bold) != 0;
    cell.attrs.underline = (attributes & Paint::underline) != 0;
    cell.attrs.reverse = (attributes & Paint::reverse) != 0;
    cell.attrs.italic = (attributes & Paint::italic) != 0;
    cell.attrs.blink = (attributes & Paint::blink) != 0;
    set_color(cell.fg, from.paint.fg, VTERM_COLOR_DEFAULT_FG);
    set_color(cell.bg, from.paint.bg, VTERM_COLOR_DEFAULT_BG);
    return cell;
}

Size within(Size size) {
    return {std::clamp(size.width, Emulator::least.width, Emulator::most.width),
            std::clamp(size.height, Emulator::least.height, Emulator::most.height)};
}

}  // namespace

// What libvterm calls; `user` is the Emulator.
struct Emulator::Callbacks {
    static Emulator& of(void* user) { return *static_cast<Emulator*>(user); }
    static int damage(VTermRect, void* user) {
        of(user).changed_ = true;
        return 1;
    }
    static int move_cursor(VTermPos, VTermPos, int, void* user) {
        of(user).changed_ = true;
        return 1;
    }
    static int property(VTermProp property, VTermValue* value, void* user) {
        Emulator& self = of(user);
        if (property == VTERM_PROP_CURSORVISIBLE) self.cursor_visible_ = value->boolean != 0;
        if (property == VTERM_PROP_MOUSE)
            self.wants_mouse_ = value->number != VTERM_PROP_MOUSE_NONE;
        self.changed_ = true;
        return 1;
    }
    static int push_line(int columns, const VTermScreenCell* cells, void* user) {
        Emulator& self = of(user);
        while (columns > 0 && is_blank(cells[columns - 1]))
            --columns;
        safe_cells(
            columns, [&](int i) -> const VTermScreenCell& { return cells[i]; }, self.line_);
        self.history_.push(self.line_);
        return 1;
    }
    static int pop_line(int columns, VTermScreenCell* cells, void* user) {
        Emulator& self = of(user);
        if (!self.history_.pop(self.line_)) return 0;
        self.line_.resize(static_cast<size_t>(columns));
        if (self.line_.back().width == 2) self.line_.back() = Cell{};  // its other half is cut off
        for (int i = 0; i < columns; ++i)
            cells[i] = vterm_cell(self.line_[static_cast<size_t>(i)]);
        return 1;
    }
    static void output(const char* bytes, size_t count, void* user) {
        std::string& all = of(user).output_;
        if (all.size() + count <= most_answers) all.append(bytes, count);
    }
    static constexpr VTermScreenCallbacks table = {
        .damage = damage,
        .moverect = nullptr,
        .movecursor = move_cursor,
        .settermprop = property,
        .bell = nullptr,
        .resize = nullptr,
        .sb_pushline = push_line,
        .sb_popline = pop_line,
    };
};

Emulator::Emulator(Size size) : machine_(std::make_unique<Machine>()), size_(within(size)) {
    machine_->terminal.reset(vterm_new(size_.height, size_.width));
    if (!machine_->terminal) fail(Exit::missing, "no memory for a terminal");
    VTerm* terminal = machine_->terminal.get();
    vterm_set_utf8(terminal, 1);
    vterm_output_set_callback(terminal, Callbacks::output, this);
    machine_->screen = vterm_obtain_screen(terminal);
    vterm_screen_set_callbacks(machine_->screen, &Callbacks::table, this);
    vterm_screen_enable_altscreen(machine_->screen, 1);
    vterm_screen_set_damage_merge(machine_->screen, VTERM_DAMAGE_SCROLL);
    vterm_screen_reset(machine_->screen, 1);
    output_.clear();
}

Emulator::~Emulator() = default;

void Emulator::feed(std::string_view bytes) {
    // In pieces, so that what passes needs no memory of its size.
    constexpr size_t piece = 16384;
    const size_t bells_before = gate_.bells();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        passed_.clear();
        gate_.pass(bytes.substr(0, piece), passed_);
        vterm_input_write(machine_->terminal.get(), passed_.data(), passed_.size());
    }
    vterm_screen_flush_damage(machine_->screen);
    if (gate_.bells() != bells_before) changed_ = true;
}

void Emulator::resize(Size size) {
    size = within(size);
    if (size == size_) return;
    // libvterm 0.1.4 keeps a scroll region that begins below the new last row, and scrolling there
    // writes outside of its memory. xterm forgets the region and the margins too.
    const Cursor at = cursor();
    const std::string forget = fmt::format("\x1b[?69l\x1b[r\x1b[{};{}H", at.row + 1, at.column + 1);
    vterm_input_write(machine_->terminal.get(), forget.data(), forget.size());
    size_ = size;
    vterm_set_size(machine_->terminal.get(), size.height, size.width);
    vterm_screen_flush_damage(machine_->screen);
    changed_ = true;
}

void Emulator::forget_modes() {
    gate_.reset();
    feed(
        "\x1b[?1049l\x1b[?9;1000;1002;1003;1005;1006;1015l\x1b[?1;5;1004;2004l\x1b[?7;25h"
        "\x1b[4;20l\x1b>\x1b[r\x1b[!p\x1b[m\x1b(B\x0f");
    // DECSTBM and its kin go home: down to behind the last line that has text.
    std::vector<Cell> cells;
    int last = -1;
    for (int row = 0; row < size_.height; ++row) {
        read(row, cells);
        if (std::any_of(cells.begin(), cells.end(), [](const Cell& c) { return c.text != U' '; }))
            last = row;
    }
    feed(fmt::format("\x1b[{};1H", std::max(last, 0) + 1));
    if (last >= 0) feed("\r\n");
    output_.clear();
}

void Emulator::read(int row, std::vector<Cell>& cells) const {
    VTermScreenCell cell{};
    safe_cells(
        size_.width,
        [&](int column) -> const VTermScreenCell& {
            vterm_screen_get_cell(machine_->screen, {row, column}, &cell);
            return cell;
        },
        cells);
}

Emulator::Cursor Emulator::cursor() const {
    VTermPos position{};
    vterm_state_get_cursorpos(vterm_obtain_state(machine_->terminal.get()), &position);
    return {std::clamp(position.col, 0, size_.width - 1),
            std::clamp(position.row, 0, size_.height - 1), cursor_visible_};
}

bool Emulator::take_changed() {
    return std::exchange(changed_, false);
}

std::string Emulator::take_answers() {
    return std::exchange(output_, {});
}

}  // namespace lodge
