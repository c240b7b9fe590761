#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "tui/follow.h"
#include "tui/words.h"

namespace lodge {
namespace {

int follow_words(Engine& engine, const Values& words) {
    Output output = Output::find("auto");
    output.json = words.flag("json");
    const int64_t number = words.integer("job");
    if (number < 1 || number > 1 << 30)
        fail(Exit::not_found, "there is no job {}; lodge job list shows them", number);
    const Interrupts counted;
    const Followed followed = follow_job(engine, static_cast<int>(number), output, false);
    if (followed.left_running) return static_cast<int>(Exit::cancelled);
    const JobRecord& record = followed.record;
    const bool well = record.state == JobState::done;
    const Exit exit = !well && record.exit == Exit::ok ? Exit::failed : record.exit;
    if (output.json) {
        nlohmann::json value = {{"job", record.number},
                                {"title", record.plan.title},
                                {"state", job_state_word(record.state)},
                                {"exit", static_cast<int>(exit)}};
        if (!well) value["error"] = trouble_words(record);
        output.print(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    } else if (well) {
        const std::string& words_after = record.plan.afterwards;
        output.say(words_after.empty() ? record.plan.title + ": done" : words_after);
    } else {
        output.trouble(trouble_words(record));
    }
    return static_cast<int>(exit);
}

}  // namespace

std::span<const Command> tui_commands() {
    static const std::vector<Command> table = {
        {.subject = "job",
         .verb = "follow",
         .label = "Follow",
         .help = "Tells what a job does until it ends; Ctrl-C leaves it running.",
         .operands = {{"job", WordKind::job, "The job's number."}},
         .options = {{.name = "json", .help = "Prints how it ended."}},
         .run = follow_words,
         .more = "The exit status is that of the job."},
    };
    return table;
}

}  // namespace lodge
