#include "tui/app.h"
#include "tui/screens/all.h"
#include "tui/screens/host_parts.h"
#include "tui/screens/scrolled_parts.h"

namespace lodge {
namespace {

// From here on what is in the machine stands beside what it does.
constexpr int side_by_side = 120;
constexpr int roomy_height = 34;

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
        if (beside) {
            parts_.draw(area, machine, hardware);
            return;
        }
        machine.insert(machine.end(), hardware.begin(), hardware.end());
        parts_.draw(area, machine);
    }

    bool key(const Key& key) override { return parts_.key(key); }

  private:
    ScrolledParts parts_;
};

}  // namespace

std::unique_ptr<Screen> make_host_screen(App& app) {
    return std::make_unique<HostScreen>(app);
}

}  // namespace lodge
