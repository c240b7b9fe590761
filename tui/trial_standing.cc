// What is on trial, as the line over everything.
#include <fmt/format.h>

#include "engine/text.h"
#include "engine/trial.h"
#include "tui/app.h"
#include "tui/screens/all.h"

namespace lodge {
namespace {

std::string words_of(const TrialView& trial) {
    const std::string title = printable(trial.title);
    switch (trial.phase) {
        case TrialPhase::applying:
            return title + ": being done";
        case TrialPhase::waiting:
            return title;
        case TrialPhase::keeping:
            return title + ": being kept";
        case TrialPhase::taking_back:
            return title + ": being taken back";
        case TrialPhase::stuck:
            break;
    }
    return fmt::format("{}: could not be taken back: {}", title, printable(trial.trouble));
}

}  // namespace

std::vector<Standing> trials_standing(App& app) {
    std::vector<Standing> lines;
    // State has just looked whether there is any; nearly always there is none.
    if (app.state().seen().trials.empty()) return lines;
    for (const TrialView& trial : active_trials(app.engine().host)) {
        Standing line;
        line.words = words_of(trial);
        const auto command = [&app, number = trial.number](std::string_view words) {
            return [&app, number, words] {
                app.carry_out(app.command(words), {{.values = {{"trial", number}},
                                                    .name = fmt::format("trial {}", number),
                                                    .title = ""}});
            };
        };
        if (trial.phase == TrialPhase::waiting) {
            line.until = app.engine().host.now_seconds() + trial.seconds_left;
            line.keep = command("trial confirm");
        }
        if (trial.phase == TrialPhase::waiting || trial.phase == TrialPhase::stuck)
            line.undo = command("trial take-back");
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace lodge
