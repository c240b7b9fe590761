// Plays the full screen without a terminal: each folder of cases/ has a `script`, and a `screen`
// for what has to be seen; UPDATE=1 writes the screens anew. A line of a script:
//
//     machine NAME        of machines/ (see machine.h); needed first
//     size 80x24          before the first keys; 80x24 when not said. Later it is a resize
//     glyphs ascii        ascii, line, utf8; ascii when not said
//     colors mono         mono, 8, 16, 256; mono when not said
//     readonly
//     console PASSWORD [CODE]   as at the machine's own console, with what root is asked
//     lock                nobody was there for a while
//     rest                and for longer
//     trial SECONDS WORDS something is on trial for so long; what becomes of it is told
//     marked              roles are shown too: "{danger:3 lost}"
//     devices NAME        a text of machines/ for FakeKernel: what lies in /sys; after the machine
//     keys WORDS          parse_keys(); then the screen is compared
//     then NAME           the machine is another one now, and State looks again
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/error.h"
#include "engine/modules.h"
#include "engine/units.h"
#include "passthrough/passthrough.h"
#include "power/power.h"
#include "power/sight.h"
#include "tests/passthrough/fake_kernel.h"
#include "tests/screens/machine.h"
#include "tui/app.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
    return fs::path(TESTS_FOLDER) / "screens";
}

std::string read(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error("no file " + file.string());
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder() / "cases"))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

// Play is one script being played.
class Play {
  public:
    std::string run(const std::string& script) {
        for (const std::string& line : split(script, '\n')) {
            if (line.empty() || line[0] == '#') continue;
            const size_t blank = line.find(' ');
            const std::string word = line.substr(0, blank);
            const std::string rest = blank == std::string::npos ? "" : line.substr(blank + 1);
            if (!setting(word, rest)) act(word, rest, line);
        }
        return machine_->steady(seen_);
    }

  private:
    bool setting(const std::string& word, const std::string& rest) {
        if (word == "machine") {
            machine_ = std::make_unique<Machine>(read(folder() / "machines" / rest));
        } else if (word == "devices") {
            devices_ = std::make_unique<FakeKernel>(read(folder() / "machines" / rest),
                                                    machine_->engine().host.system(""));
        } else if (word == "glyphs") {
            settings_.glyphs = parse_glyph_level(rest).value();
        } else if (word == "colors") {
            settings_.colors = parse_color_level(rest).value();
        } else if (word == "readonly") {
            settings_.readonly = true;
        } else if (word == "console") {
            settings_.console = true;
            outside_.unlock = [wanted = split(rest, ' ')](const std::string& user,
                                                          const PasswordTalk& talk) {
                bool right = user == "root";
                right = talk.ask("Password: ", true) == wanted[0] && right;
                if (right && wanted.size() > 1) {
                    talk.tell("A code was sent to the telephone that ends in 17.");
                    right = talk.ask("Code of six digits: ", false) == wanted[1];
                }
                return std::string(right ? "" : "Authentication failure");
            };
        } else if (word == "marked") {
            marked_ = true;
        } else if (word == "size" && !app_) {
            size_ = size_of(rest);
        } else {
            return false;
        }
        return true;
    }

    void act(const std::string& word, const std::string& rest, const std::string& line) {
        if (!app_) begin();
        if (word == "size") {
            canvas_.clear(size_of(rest));
        } else if (word == "then") {
            machine_->become(read(folder() / "machines" / rest));
            machine_->state().look();
            app_->seen();
        } else if (word == "lock") {
            app_->lock();
        } else if (word == "rest") {
            app_->rest();
        } else if (word == "trial") {
            try_out(rest);
        } else if (word == "keys") {
            for (const Key& key : parse_keys(rest)) {
                app_->key(key);
                while (app_->waits())
                    if (!loop_.run_once(std::chrono::seconds(20))) throw Error("it waits: " + line);
                app_->draw(canvas_);
            }
        } else {
            throw Error("no line of a script: " + line);
        }
        app_->draw(canvas_);
        seen_ += "== " + line + "\n" + (marked_ ? canvas_.marked_text() : canvas_.text());
        if (app_->over()) seen_ += "== it is over\n";
    }

    void try_out(const std::string& rest) {
        const auto words = split(rest, ' ');
        const int64_t until =
            machine_->engine().host.now_seconds() + parse_integer(words.at(0)).value();
        on_trial_ = true;
        const auto settle = [this](const char* how) {
            return [this, how] {
                on_trial_ = false;
                seen_ += fmt::format("== {}\n", how);
            };
        };
        const Standing line = {rest.substr(words[0].size() + 1), until, settle("kept"),
                               settle("undone")};
        app_->stand([this, line](App&) {
            return on_trial_ ? std::vector<Standing>{line} : std::vector<Standing>{};
        });
    }

    void begin() {
        canvas_.clear(size_);
        machine_->state().look();
        app_ = std::make_unique<App>(machine_->engine(), machine_->state(), loop_, tables_,
                                     settings_, outside_);
        app_->draw(canvas_);
    }

    static Size size_of(const std::string& words) {
        const auto parts = split(words, 'x');
        return {static_cast<int>(parse_integer(parts.at(0)).value()),
                static_cast<int>(parse_integer(parts.at(1)).value())};
    }

    const std::vector<std::span<const Command>> tables_ = {
        guest_commands(),   snapshot_commands(), disk_commands(),        storage_commands(),
        network_commands(), image_commands(),    job_commands(),         tui_commands(),
        device_commands(),  demo_commands(),     power_sight_commands(), keeper_commands(),
        power_commands(),   trial_commands()};
    std::unique_ptr<Machine> machine_;
    std::unique_ptr<FakeKernel> devices_;
    Loop loop_;
    Size size_{80, 24};
    App::Outside outside_;
    App::Settings settings_{.colors = ColorLevel::mono, .glyphs = GlyphLevel::ascii};
    bool marked_ = false, on_trial_ = false;
    Canvas canvas_{Size{80, 24}};
    std::unique_ptr<App> app_;
    std::string seen_;
};

class Screens : public testing::TestWithParam<std::string> {};

TEST_P(Screens, Case) {
    const fs::path path = folder() / "cases" / GetParam();
    const std::string seen = Play().run(read(path / "script"));
    if (std::getenv("UPDATE") != nullptr) {
        std::ofstream(path / "screen", std::ios::binary) << seen;
        return;
    }
    EXPECT_EQ(seen, read(path / "screen"));
}

INSTANTIATE_TEST_SUITE_P(Cases, Screens, testing::ValuesIn(case_names()), [](const auto& tested) {
    std::string name = tested.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
    return name;
});

}  // namespace
}  // namespace lodge
