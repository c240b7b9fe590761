#include <algorithm>
#include <iterator>

#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/power_knobs.h"
#include "tui/screens/power_parts.h"
#include "tui/screens/scrolled_parts.h"
#include "tui/tabs.h"

namespace lodge {
namespace {

constexpr int side_by_side = 120;
constexpr int roomy_height = 34;

void append(std::vector<HostPart>& parts, std::vector<HostPart> more) {
    std::move(more.begin(), more.end(), std::back_inserter(parts));
}

// PowerScreen is what the machine takes, how hot it is, how deep it idles and what is in the way.
class PowerScreen : public Screen {
  public:
    explicit PowerScreen(App& app) : Screen(app), knobs_(app) {}

    void look() override {
        app_.state().look_at_power();
        if (at_knobs()) knobs_.look();
    }

    void draw(Area area) override {
        std::vector<TabWord> words;
        for (size_t place = 0; place < std::size(tabs); ++place)
            words.push_back({std::string(tabs[place].name),
                             Key{.name = "Detail", .y = static_cast<int>(place)}});
        draw_tabs(area.row(0), 0, words, tab_, app_.glyphs());
        const Seen& seen = app_.state().seen();
        const Area below = area.rows(1, area.height() - 1);
        if (seen.power)
            (this->*tabs[tab_].draw)(below, seen);
        else
            below.put(1, 0, "nothing was looked at yet", Role::dim);
    }

    bool key(const Key& key) override {
        if (at_knobs() && knobs_.types()) return knobs_.key(key);
        size_t to = tab_;
        if (key.is("]") || key.is("Tab") || key.is("Right"))
            to = (tab_ + 1) % std::size(tabs);
        else if (key.is("[") || key.is("Left"))
            to = (tab_ + std::size(tabs) - 1) % std::size(tabs);
        else if (key.is("Detail"))
            to = static_cast<size_t>(key.y);
        else
            return at_knobs() ? knobs_.key(key) : parts_.key(key);
        if (to != tab_) parts_.to_top();
        tab_ = to;
        if (at_knobs()) knobs_.look();
        return true;
    }

    Chosen chosen() override { return at_knobs() ? knobs_.chosen() : Chosen{"power", {}}; }

    std::span<const OwnKey> own_keys() const override {
        static constexpr OwnKey keys[] = {
            {"]", "Next", "Overview, sensors, watts, idle states, what is in the way, knobs.",
             true},
            {"Enter", "Turn", "On a knob: what it may be."},
        };
        return keys;
    }

  private:
    void overview(const Area& area, const Seen& seen) {
        const PowerView& view = *seen.power;
        const bool beside = area.width() >= side_by_side, roomy = area.height() >= roomy_height;
        auto left = watt_parts(seen, app_.glyphs(), roomy);
        append(left,
               idle_parts(view, app_.glyphs(), beside ? area.width() / 2 : area.width(), roomy));
        std::vector<HostPart> right = blocker_parts(view, roomy ? 8 : 2);
        append(right, share_parts(view, app_.glyphs()));
        if (beside) {
            if (roomy && !seen.sensors.empty()) {
                right.push_back(heading_part("SENSORS"));
                right.push_back(sensors_part(seen.sensors, area.width() / 2));
            }
            parts_.draw(area, left, right);
            return;
        }
        append(left, std::move(right));
        parts_.draw(area, left);
    }
    void sensors(const Area& area, const Seen& seen) {
        parts_.draw(area, sensor_parts(seen, app_.glyphs()));
    }
    void idle(const Area& area, const Seen& seen) {
        parts_.draw(area, idle_parts(*seen.power, app_.glyphs(), area.width(), true));
    }
    void blockers(const Area& area, const Seen& seen) {
        parts_.draw(area, blocker_parts(*seen.power, 1000));
    }
    void knobs(const Area& area, const Seen&) { knobs_.draw(area); }
    void watts(const Area& area, const Seen& seen) {
        auto parts = meter_parts(*seen.power);
        append(parts, share_parts(*seen.power, app_.glyphs()));
        parts_.draw(area, parts);
    }

    struct Tab {
        std::string_view name;
        void (PowerScreen::*draw)(const Area& area, const Seen& seen);
    };
    static constexpr Tab tabs[] = {
        {"Overview", &PowerScreen::overview},   {"Sensors", &PowerScreen::sensors},
        {"Watts", &PowerScreen::watts},         {"Idle", &PowerScreen::idle},
        {"In the way", &PowerScreen::blockers}, {"Knobs", &PowerScreen::knobs}};
    bool at_knobs() const { return tabs[tab_].draw == &PowerScreen::knobs; }

    KnobList knobs_;
    size_t tab_ = 0;
    ScrolledParts parts_;
};

}  // namespace

std::unique_ptr<Screen> make_power_screen(App& app) {
    return std::make_unique<PowerScreen>(app);
}

}  // namespace lodge
