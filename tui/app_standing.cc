// The line over everything that something on trial has, with its countdown and its keys.
#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "tui/app.h"

namespace lodge {
namespace {

// As clocks that count down do: "0:09", "2:00", "1:00:00".
std::string left_words(int64_t seconds) {
    seconds = std::max<int64_t>(seconds, 0);
    if (seconds >= 3600)
        return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

void App::stand(StandingSource source) {
    standing_sources_.push_back(std::move(source));
    look_at_standing();
}

void App::look_at_standing() {
    std::vector<Standing> found;
    std::erase_if(standing_sources_, [&](const StandingSource& source) {
        try {
            for (Standing& line : source(*this))
                found.push_back(std::move(line));
            return false;
        } catch (const std::exception& error) {
            trouble("What is on trial cannot be seen", error.what());
            return true;
        }
    });
    // Those that wait for nobody come last.
    std::stable_sort(found.begin(), found.end(), [](const Standing& a, const Standing& b) {
        if ((a.until == 0) != (b.until == 0)) return b.until == 0;
        return a.until < b.until;
    });
    if (found.empty() && standing_.empty()) return;
    standing_ = std::move(found);
    stale_ = true;
    if (standing_.empty())
        standing_timer_.cancel();
    else if (!standing_timer_)
        // State looks less often when no guest runs; the count goes on, also while the screen
        // rests.
        standing_timer_ =
            loop_.every(std::chrono::seconds(1), std::chrono::milliseconds(100), [this] {
                look_at_standing();
                close_dialogs();
            });
}

// K and U, where they type nothing.
bool App::standing_key(const Key& key) {
    if (standing_.empty() || (!key.is("K") && !key.is("U"))) return false;
    if (!dialogs_.empty() && dialogs_.back()->types()) return false;
    settle_standing(key.name);
    return true;
}

void App::settle_standing(std::string_view key) {
    if (standing_.empty()) return;
    const auto& settled = key == "K" ? standing_.front().keep : standing_.front().undo;
    if (!settled) return;
    const auto settle = [this, settled] {
        guarded("It did not work", settled);
        look_at_standing();
    };
    if (!refuses(settle)) settle();
}

// What is left for everything else.
Area App::draw_standing(const Area& all) {
    if (standing_.empty()) return all;
    const Standing& line = standing_.front();
    const Area row = all.row(0);
    row.fill(Paint(Role::danger, Paint::reverse));
    const Paint paint(Role::danger, Paint::reverse | Paint::bold);
    int end = all.width();
    const auto put = [&](std::string_view words, std::string_view key) {
        const int width = text_width(words) + 2;
        end -= width;
        row.put(end + 1, 0, words, paint);
        row.hit(end, 0, width, 1, Key{.name = "Standing", .text = std::string(key)});
    };
    const bool taken = dialogs_.empty() ? screen().takes_all_keys() : dialogs_.back()->types();
    const std::string first = taken ? (dialogs_.empty() ? "Ctrl-] " : "Esc ") : "";
    if (line.undo) put("U Undo", "U");
    if (line.keep) put(first + "K Keep", "K");
    if (line.until != 0) put(left_words(line.until - engine_.host.now_seconds()), "");
    std::string words = "ON TRIAL " + line.words;
    if (standing_.size() > 1) words += fmt::format(" (and {} more)", standing_.size() - 1);
    row.part(1, 0, end - 1, 1).put(0, 0, words, paint);
    return all.rows(1, all.height() - 1);
}

}  // namespace lodge
