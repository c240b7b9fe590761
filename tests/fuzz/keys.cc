#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/table.h"
#include "tui/terminal.h"
#include "tui/text_field.h"
#include "tui/text_view.h"

namespace {

using namespace lodge;

// A terminal whose input is a pipe and whose output is nobody's.
struct Line {
    Line() {
        int pair[2];
        if (::pipe2(pair, O_NONBLOCK) != 0) std::abort();
        const int nobody = ::open("/dev/null", O_WRONLY);
        ::dup2(pair[0], STDIN_FILENO);
        ::dup2(nobody, STDOUT_FILENO);
        ::setenv("TERM", "xterm-256color", 1);
        ::setenv("LC_ALL", "C.UTF-8", 1);
        writes = pair[1];
        terminal = std::make_unique<Terminal>(Terminal::Wishes{});
    }
    int writes = -1;
    std::unique_ptr<Terminal> terminal;
};

class Names : public Rows {
  public:
    size_t count() const override { return 30; }
    std::string id(size_t row) const override { return std::to_string(row); }
    TableCell cell(size_t row, size_t column) const override {
        return {column == 0 ? id(row) : "name \xff\x1b[2J" + id(row), {}};
    }
};

void use(const Key& key, Table& table, TextView& view, TextField& field, Canvas& canvas) {
    static const Names names;
    table.key(key, names);
    view.key(key);
    field.key(key);
    table.draw(canvas.all().rows(0, 8), names, glyphs_of(GlyphLevel::full), true);
    view.draw(canvas.all().rows(8, 8));
    field.draw(canvas.all(), 0, 16, 30, true);
}

}  // namespace

// Bytes that a terminal (or whoever sits at the other end of a line) sends: keys, mouse, pastes.
// Whatever comes, each key has a name that is safe, and lists, texts and fields can take it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Line line;
    static const Names names;
    Table table({{.title = "ID", .width = 4, .right = true}, {.title = "NAME", .grow = 1}}, 0);
    table.update(names);
    TextView view;
    view.set("one\ntwo\tthree\nfour \xc3\xa9\n");
    TextField field;
    Canvas canvas(Size{60, 24});
    size = std::min<size_t>(size, 4000);  // a pipe takes it at once
    if (::write(line.writes, data, size) != static_cast<ssize_t>(size)) return 0;
    for (int turn = 0; turn < 3; ++turn)
        for (const Key& key : line.terminal->keys()) {
            if (key.name.empty() || printable(key.name) != key.name) __builtin_trap();
            use(key, table, view, field, canvas);
        }
    for (int y = 0; y < canvas.size().height; ++y)
        for (int x = 0; x < canvas.size().width; ++x)
            if (is_unsafe(canvas.at(x, y).text)) __builtin_trap();
    line.terminal->show(canvas);
    return 0;
}
