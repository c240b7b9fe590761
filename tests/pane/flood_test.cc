#include <gtest/gtest.h>

#include <random>

#include "engine/text.h"
#include "tui/pane/terminal_pane.h"

namespace lodge {
namespace {

std::vector<Cell> cells_of(std::string_view text, Paint paint = {}) {
    std::vector<Cell> cells;
    while (!text.empty())
        cells.push_back({take_character(text), 0, 1, paint});
    return cells;
}

TEST(PaneHistory, ForgetsTheOldestLines) {
    PaneHistory history;
    for (size_t i = 0; i < PaneHistory::most_lines + 7; ++i)
        history.push(cells_of("line " + std::to_string(i)));
    EXPECT_EQ(history.size(), PaneHistory::most_lines);
    EXPECT_EQ(history.dropped(), 7);
    std::vector<Cell> cells;
    history.read(0, cells);
    EXPECT_EQ(cells, cells_of("line 7"));
    ASSERT_TRUE(history.pop(cells));
    EXPECT_EQ(cells, cells_of("line 10006"));
    // A usual line of 80 characters.
    history.clear();
    for (int i = 0; i < 1000; ++i)
        history.push(cells_of(std::string(80, 'x')));
    EXPECT_LT(history.bytes() / 1000, 200u);
    history.clear();
    EXPECT_EQ(history.bytes(), 0u);
    EXPECT_FALSE(history.pop(cells));
}

TEST(PaneHistory, KeepsPaintsAndStaysWithinItsBytes) {
    PaneHistory history;
    Paint red;
    red.fg = 1;
    std::vector<Cell> painted = cells_of("red", red);
    painted.push_back({U'中', 0x301, 2, {}});
    painted.push_back({U' ', 0, 0, {}});
    painted.push_back({U'e', 0x301, 1, red});
    history.push(painted);
    std::vector<Cell> cells;
    history.read(0, cells);
    EXPECT_EQ(cells, painted);
    std::vector<Cell> motley = cells_of(std::string(1000, 'm'));
    for (size_t i = 0; i < motley.size(); ++i)
        motley[i].paint.fg = static_cast<int32_t>(i % 256);
    for (int i = 0; i < 2000; ++i)
        history.push(motley);
    EXPECT_LE(history.bytes(), PaneHistory::most_bytes);
    EXPECT_GT(history.dropped(), 0);
}

// What comes in pieces is what comes at once.
TEST(OutputGate, TakesAnyPieces) {
    const std::string text =
        "a\x1b[31;1mb\x1b]0;title\x07\xe4\xb8\xad\x1b[3b\x1b(0q\x1b("
        "B\xf0\x9f\x98\x80\x1bPq\x1b\\\xc3";
    OutputGate whole, pieces;
    std::string all, parts;
    whole.pass(text, all);
    for (const char byte : text)
        pieces.pass({&byte, 1}, parts);
    EXPECT_EQ(all, parts);
    EXPECT_EQ(whole.title(), "title");
}

TEST(OutputGate, BoundsWhatNeverEnds) {
    OutputGate gate;
    std::string out;
    gate.pass("\x1b[" + std::string(1 << 20, '1') + "mx", out);
    gate.pass("\x1b]0;" + std::string(1 << 20, 't') + "\x07y", out);
    gate.pass("\x1bP" + std::string(1 << 20, 'd') + "\x1b\\z", out);
    EXPECT_EQ(out, "xyz");
    EXPECT_LE(gate.title().size(), OutputGate::most_title);
    gate.pass(std::string(1000, '\x07'), out);
    EXPECT_EQ(gate.bells(), 1000u);
}

// A guest that floods: memory stays within bounds, answers too.
TEST(TerminalPane, StandsAFlood) {
    TerminalPane pane;
    std::mt19937 random(1);
    std::string noise;
    for (int i = 0; i < 1 << 20; ++i)
        noise += static_cast<char>(random());
    pane.feed(noise);
    std::string lines;
    for (int i = 0; i < 50000; ++i)
        lines += "\x1b[3" + std::to_string(i % 8) + "mline " + std::to_string(i) + "\x1b[c\r\n";
    pane.forget_modes();
    pane.feed(lines);
    EXPECT_LE(pane.most_offset(), static_cast<int>(PaneHistory::most_lines));
    EXPECT_LE(pane.take_answers().size(), Emulator::most_answers);
    Canvas canvas({80, 24});
    pane.draw(canvas.all());
    EXPECT_NE(canvas.text().find("line 49999"), std::string::npos) << canvas.text();
    EXPECT_FALSE(pane.changed());
    pane.feed("x");
    EXPECT_TRUE(pane.changed());
}

TEST(TerminalPane, TakesAnySize) {
    TerminalPane pane({80, 24});
    for (const Size size : {Size{0, 0}, {-1, 5}, {100000, 100000}, {1, 1}, {3, 200}, {200, 3}}) {
        pane.resize(size);
        pane.feed("\xe4\xb8\xad\xe6\x96\x87\r\n\x1b#6wide\x1b[999;999Hend\xe4\xb8\xad\r\n");
        EXPECT_LE(pane.size().width, Emulator::most.width);
        EXPECT_GE(pane.size().height, 24);
    }
}

}  // namespace
}  // namespace lodge
