#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/pane/terminal_pane.h"

// Each folder of cases/ is a file `play`, a verb a line, and `expected`, what is seen. UPDATE=1
// writes what is seen now.
//   size W H      feed TEXT     replay TEXT     (\e, \r, \n, \xNN as in C; quotes stay out)
//   keys WORDS    what goes to the guest        paste TEXT
//   scroll N      find TEXT     older     newer      forget-modes
//   show          the cells     paints          the cells that are not painted as usual
//   about         title, bells, offset, cursor  answers
namespace lodge {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string unescaped(std::string_view text) {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            result += text[i];
            continue;
        }
        switch (text[++i]) {
            case 'e':
                result += '\x1b';
                break;
            case 'n':
                result += '\n';
                break;
            case 'r':
                result += '\r';
                break;
            case 'x':
                result +=
                    static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
                i += 2;
                break;
            default:
                result += text[i];
        }
    }
    return result;
}

std::string color_words(int32_t color) {
    if (color == Paint::inherit) return "-";
    return color & Paint::rgb_flag ? fmt::format("#{:06x}", color & 0xffffff)
                                   : std::to_string(color);
}

std::string paints(const Canvas& canvas) {
    static constexpr std::pair<uint8_t, std::string_view> names[] = {
        {Paint::bold, " bold"},     {Paint::underline, " underline"}, {Paint::reverse, " reverse"},
        {Paint::italic, " italic"}, {Paint::blink, " blink"},         {Paint::faint, " faint"}};
    std::string text;
    for (int y = 0; y < canvas.size().height; ++y)
        for (int x = 0, begin = 0; x < canvas.size().width; begin = x) {
            const Paint paint = canvas.at(x, y).paint;
            while (x < canvas.size().width && canvas.at(x, y).paint == paint)
                ++x;
            if (paint == Paint{}) continue;
            text += fmt::format("{}:{}-{} {} on {}", y, begin, x - 1, color_words(paint.fg),
                                color_words(paint.bg));
            for (const auto& [attribute, name] : names)
                if (paint.attributes & attribute) text += name;
            if (paint.role != Role::normal)
                text += fmt::format(" role {}", static_cast<int>(paint.role));
            text += '\n';
        }
    return text;
}

// Play is one case: a pane and what was seen of it.
class Play {
  public:
    std::string seen;

    void line(std::string_view line) {
        const size_t space = line.find(' ');
        const std::string verb(line.substr(0, space));
        const std::string rest =
            space == std::string_view::npos ? "" : unescaped(line.substr(space + 1));
        if (verb == "size") {
            const auto parts = split(rest, ' ');
            size_ = {std::stoi(parts[0]), std::stoi(parts[1])};
            pane_.resize(size_);
        } else if (verb == "feed") {
            pane_.feed(rest);
        } else if (verb == "replay") {
            pane_.replay(rest);
        } else if (verb == "keys") {
            for (const Key& key : parse_keys(rest))
                say(key.name + ": " + printable(pane_.key(key)));
        } else if (verb == "paste") {
            Key key;
            key.name = "Paste";
            key.text = rest;
            say("paste: " + printable(pane_.key(key)));
        } else if (verb == "scroll") {
            pane_.scroll(std::stoi(rest));
        } else if (verb == "find") {
            say(pane_.find(rest) ? "found" : "not found");
        } else if (verb == "older" || verb == "newer") {
            say(pane_.find_next(verb == "older") ? "found" : "no further");
        } else if (verb == "forget-modes") {
            pane_.forget_modes();
        } else {
            show(verb);
        }
    }

  private:
    void say(const std::string& words) { seen += words + "\n"; }
    void show(const std::string& verb) {
        Canvas canvas({size_.width + 2, size_.height + 2});
        canvas.all().fill({}, U'.');
        pane_.draw(canvas.all().part(1, 1, size_.width, size_.height));
        if (verb == "show") {
            seen += canvas.text();
        } else if (verb == "paints") {
            seen += paints(canvas);
        } else if (verb == "answers") {
            say("answers: " + printable(pane_.take_answers()));
        } else if (verb == "about") {
            const auto& cursor = canvas.cursor;
            say(fmt::format("title '{}', bells {}, offset {} of {}, cursor {}", pane_.title(),
                            pane_.bells(), pane_.offset(), pane_.most_offset(),
                            cursor ? fmt::format("{},{}{}", cursor->x - 1, cursor->y - 1,
                                                 cursor->visible ? "" : " hidden")
                                   : "elsewhere"));
        } else {
            fail(Exit::usage, "'{}' is no verb of a play", verb);
        }
    }

    Size size_{20, 4};
    TerminalPane pane_;
};

TEST(Pane, Cases) {
    const bool update = std::getenv("UPDATE") != nullptr;
    int tried = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(TESTS_FOLDER) / "pane/cases")) {
        SCOPED_TRACE(entry.path().filename());
        Play play;
        play.line("size 20 4");
        for (const std::string& line : split(read_file(entry.path() / "play"), '\n'))
            if (!line.empty() && line[0] != '#') {
                play.seen += "> " + line + "\n";
                play.line(line);
            }
        const fs::path expected = entry.path() / "expected";
        if (update)
            std::ofstream(expected) << play.seen;
        else
            EXPECT_EQ(play.seen, read_file(expected));
        ++tried;
    }
    EXPECT_GE(tried, 10);
}

}  // namespace
}  // namespace lodge
