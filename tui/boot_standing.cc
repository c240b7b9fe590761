// What this start of the machine tries, as the line over everything.
#include <fmt/format.h>

#include "engine/text.h"
#include "passthrough/boot_pending.h"
#include "tui/app.h"
#include "tui/screens/all.h"

namespace lodge {

std::vector<Standing> boot_standing(App& app) {
    const auto pending = pending_boot(app.engine().host);
    if (!pending) return {};
    Standing line;
    const auto command = [&app](std::string_view words) {
        return [&app, words] {
            app.carry_out(app.command(words), {{.values = {}, .name = "the start", .title = ""}});
        };
    };
    switch (pending->phase) {
        case BootPhase::writing:
            return {};
        case BootPhase::prepared:
            line.words = printable(pending->title) + ": restart to try it";
            break;
        case BootPhase::trying:
            line.words = printable(pending->title) + ": until the next restart";
            line.keep = command("boot confirm");
            break;
        case BootPhase::stuck:
            line.words =
                fmt::format("{}: {}", printable(pending->title), printable(pending->trouble));
            break;
        case BootPhase::kept:
            return {};
    }
    line.undo = command("boot revert");
    return {line};
}

}  // namespace lodge
