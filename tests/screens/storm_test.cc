// Any key at any moment at any size: nothing that is drawn leaves its place, and nothing breaks.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "engine/text.h"
#include "tests/screens/machine.h"
#include "tui/app.h"

namespace lodge {
namespace {

std::string machine_file(const std::string& name) {
    std::ifstream stream(std::string(TESTS_FOLDER) + "/screens/machines/" + name);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

void expect_safe(const Canvas& canvas) {
    const Size size = canvas.size();
    for (int y = 0; y < size.height; ++y)
        for (int x = 0; x < size.width; ++x) {
            const Cell& cell = canvas.at(x, y);
            ASSERT_FALSE(is_unsafe(cell.text)) << x << "," << y;
            // Two cells of one character stand together.
            if (cell.width != 2) continue;
            ASSERT_LT(x + 1, size.width);
            ASSERT_EQ(canvas.at(x + 1, y).width, 0);
        }
}

class Storm : public testing::TestWithParam<unsigned> {};

TEST_P(Storm, keys_and_sizes) {
    Machine machine(machine_file("home"));
    const std::vector<std::span<const Command>> tables = {
        guest_commands(),   snapshot_commands(), disk_commands(), storage_commands(),
        network_commands(), image_commands(),    job_commands(),  demo_commands()};
    Loop loop;
    machine.state().look();
    std::mt19937 random(GetParam());
    const auto any = [&](int below) {
        return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    // Read-only: what a storm does to guests is not what is looked at here.
    App app(machine.engine(), machine.state(), loop, tables,
            {.colors = static_cast<ColorLevel>(any(4)),
             .glyphs = static_cast<GlyphLevel>(any(3)),
             .readonly = true},
            App::Outside{});
    const auto keys = parse_keys(
        "Up Down Left Right PgUp PgDn Home End Enter Esc Tab BackTab Space Backspace Delete F1 F2 "
        "F3 F4 F5 F6 F7 F8 F9 F10 a b c d e f g j k l m n q r s t u v x z / [ ] < > : ? D S C M 1 "
        "2 3 4 5 6 7 8 9 Ctrl-P Ctrl-L Ctrl-G Ctrl-U Ctrl-] 'é日本' WheelUp WheelDown");
    Canvas canvas(Size{80, 24});
    app.draw(canvas);
    for (int turn = 0; turn < 400; ++turn) {
        if (any(4) == 0) canvas.clear({1 + any(220), 1 + any(70)});
        Key key = keys[static_cast<size_t>(any(static_cast<int>(keys.size())))];
        if (any(8) == 0) key = Key{.name = "Press", .x = any(220), .y = any(70), .button = 1};
        app.key(key);
        if (any(10) == 0) {
            machine.become(machine_file(any(3) == 0   ? "bare"
                                        : any(2) == 0 ? "home"
                                                      : "home-later"));
            machine.state().look();
            app.seen();
        }
        app.draw(canvas);
        expect_safe(canvas);
        if (HasFatalFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Storm, testing::Range(0U, 4U));

}  // namespace
}  // namespace lodge
