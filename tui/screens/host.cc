#include <fmt/format.h>

#include <algorithm>

#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/host_parts.h"

namespace lodge {
namespace {

// From here on what is in the machine stands beside what it does.
constexpr int side_by_side = 120;
constexpr int roomy_height = 34;

int height_of(const std::vector<HostPart>& parts) {
    int height = 0;
    for (const HostPart& part : parts)
        height += part.height;
    return height;
}

// HostScreen is the machine itself: CPUs, memory, rates, sensors, disks. It scrolls where there is
// more than fits.
class HostScreen : public Screen {
  public:
    using Screen::Screen;

    void look() override {
        app_.state().look_at_host();
        app_.state().look_at_disks();
    }

    void draw(Area area) override {
        const bool beside = area.width() >= side_by_side;
        const int width = beside ? area.width() / 2 : area.width();
        const Seen& seen = app_.state().seen();
        auto machine = machine_parts(seen, app_.glyphs(), width, area.height() >= roomy_height);
        const auto hardware = hardware_parts(seen, app_.glyphs(), width);
        height_ = area.height();
        if (beside) {
            whole_ = std::max(height_of(machine), height_of(hardware));
            Canvas canvas(Size{area.width(), std::max(whole_, 1)});
            draw_parts(canvas.all().part(0, 0, width, whole_), machine);
            draw_parts(canvas.all().part(width, 0, area.width() - width, whole_), hardware);
            show(area, canvas);
            return;
        }
        machine.insert(machine.end(), hardware.begin(), hardware.end());
        whole_ = height_of(machine);
        Canvas canvas(Size{area.width(), std::max(whole_, 1)});
        draw_parts(canvas.all(), machine);
        show(area, canvas);
    }

    bool key(const Key& key) override {
        if (key.is("Up") || key.is("k"))
            --top_;
        else if (key.is("Down") || key.is("j"))
            ++top_;
        else if (key.is("WheelUp"))
            top_ -= 3;
        else if (key.is("WheelDown"))
            top_ += 3;
        else if (key.is("PgUp"))
            top_ -= height_ - 1;
        else if (key.is("PgDn") || key.is("Space"))
            top_ += height_ - 1;
        else if (key.is("Home") || key.is("g"))
            top_ = 0;
        else if (key.is("End") || key.is("G"))
            top_ = whole_;
        else
            return false;
        return true;
    }

  private:
    static void draw_parts(const Area& area, const std::vector<HostPart>& parts) {
        int y = 0;
        for (const HostPart& part : parts) {
            part.draw(area.rows(y, part.height));
            y += part.height;
        }
    }

    // The part of the whole picture that is scrolled to.
    void show(const Area& area, const Canvas& whole) {
        const bool more = whole_ > height_;
        const int rows = more ? height_ - 1 : height_;
        top_ = std::clamp(top_, 0, std::max(0, whole_ - rows));
        for (int y = 0; y < rows && top_ + y < whole_; ++y)
            for (int x = 0; x < area.width(); ++x)
                area.set(x, y, whole.at(x, top_ + y));
        if (more)
            area.put_right(
                area.width() - 1, height_ - 1,
                fmt::format("{}-{} of {} lines", top_ + 1, std::min(top_ + rows, whole_), whole_),
                Role::dim);
    }

    int top_ = 0, height_ = 0, whole_ = 0;
};

}  // namespace

std::unique_ptr<Screen> make_host_screen(App& app) {
    return std::make_unique<HostScreen>(app);
}

}  // namespace lodge
