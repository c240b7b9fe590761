#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr size_t kept_jobs = 50;

int number_of(const Values& words) {
    const int64_t number = words.integer("job");
    if (number < 1 || number > 1 << 30)
        fail(Exit::not_found, "there is no job {}; lodge job list shows them", number);
    return static_cast<int>(number);
}

json job_json(const JobRecord& record) {
    json value = {{"number", record.number},
                  {"state", job_state_word(record.state)},
                  {"title", record.plan.title},
                  {"guests", record.plan.guests},
                  {"started", record.started},
                  {"steps", record.plan.steps.size()},
                  {"steps_begun", record.steps_begun},
                  {"steps_done", record.steps_done},
                  {"exit", static_cast<int>(record.exit)}};
    value["ended"] = record.ended == 0 ? json(nullptr) : json(record.ended);
    if (record.state == JobState::running && record.total > 0)
        value["progress"] = {{"done", record.done}, {"total", record.total}, {"unit", record.unit}};
    if (!record.error.empty()) value["error"] = record.error;
    return value;
}

std::string took_words(Engine& engine, const JobRecord& record) {
    if (record.state == JobState::interrupted) return "";
    const int64_t end = record.ended == 0 ? engine.host.now_seconds() : record.ended;
    return short_duration(std::max<int64_t>(0, end - record.started));
}

Report list_jobs(Engine& engine, const Values& words) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const JobRecord& record : engine.jobs.list()) {
        if (words.flag("running") && record.state != JobState::running) continue;
        value.push_back(job_json(record));
        rows.push_back({std::to_string(record.number), std::string(job_state_word(record.state)),
                        time_words(record.started), took_words(engine, record),
                        fit_text(printable(record.plan.title), 40)});
    }
    if (rows.empty()) return {"no jobs\n", "[]\n"};
    return {format_table({"-JOB", "STATE", "BEGUN", "-TOOK", "WHAT"}, rows), json_text(value)};
}

Report show_job(Engine& engine, const Values& words) {
    const JobRecord record = engine.jobs.load(number_of(words));
    json value = job_json(record);
    value["log"] = record.log;
    value["warnings"] = record.plan.warnings;
    value["plan"] = json::array();
    std::string text = fmt::format("job {}: {}\n{}", record.number, printable(record.plan.title),
                                   job_state_word(record.state));
    if (record.started) text += ", begun " + time_words(record.started);
    if (const std::string took = took_words(engine, record); !took.empty()) text += ", " + took;
    text += "\n\n";
    for (size_t i = 0; i < record.plan.steps.size(); ++i) {
        const Step& step = record.plan.steps[i];
        const bool begun = i < record.steps_begun, done = i < record.steps_done;
        text += fmt::format("  {} {}\n",
                            done    ? "done "
                            : begun ? "begun"
                                    : "     ",
                            printable(step.why));
        value["plan"].push_back(
            {{"why", step.why}, {"verb", step.action.verb}, {"begun", begun}, {"done", done}});
    }
    if (!record.log.empty()) text += "\n";
    for (const std::string& line : record.log)
        text += "  " + printable(line) + "\n";
    if (!record.error.empty()) text += "\n" + record.error + "\n";
    if (record.state == JobState::interrupted)
        text += fmt::format(
            "\nIts process ended in the middle. lodge job clean {} takes back (or finishes) what "
            "it "
            "had begun.\n",
            record.number);
    return {text, json_text(value)};
}

std::string why_not_cancel(Engine& engine, const Values& words) {
    if (!words.has("job")) return "";
    const JobRecord record = engine.jobs.load(number_of(words));
    if (record.state == JobState::running) return "";
    return fmt::format("cannot cancel job {} ({}): it is {}", record.number,
                       printable(record.plan.title), job_state_word(record.state));
}

int cancel_job(Engine& engine, const Values& words) {
    const int number = number_of(words);
    if (words.flag("dry-run")) {
        const auto process = engine.jobs.load(number).process;
        fmt::print("kill -INT {}\n", process ? process->pid : 0);
        return 0;
    }
    engine.jobs.cancel(number);
    return print_outcome(
        words,
        fmt::format("job {} is asked to stop and take back what it did: lodge job follow {}",
                    number, number),
        {{"number", number}, {"asked", true}});
}

std::string why_not_clean(Engine& engine, const Values& words) {
    if (!words.has("job")) return "";
    const JobRecord record = engine.jobs.load(number_of(words));
    if (record.state == JobState::interrupted) return "";
    return fmt::format("nothing to clean: job {} ({}) is {}", record.number,
                       printable(record.plan.title), job_state_word(record.state));
}

Plan clean_job(Engine& engine, const Values& words) {
    return engine.jobs.clean(number_of(words));
}

int prune_jobs(Engine& engine, const Values& words) {
    const int64_t keep = words.integer("keep");
    if (keep < 0) fail(Exit::usage, "--keep {} is not allowed: 0 or more", keep);
    if (words.flag("dry-run")) {
        for (const int number : engine.jobs.prunable(static_cast<size_t>(keep)))
            fmt::print("{}\n", shell_line({"rm", "-r", engine.jobs.folder(number)}));
        return 0;
    }
    const size_t before = engine.jobs.numbers().size();
    engine.jobs.prune(static_cast<size_t>(keep));
    const size_t left = engine.jobs.numbers().size();
    return print_outcome(words, fmt::format("{} removed, {} left", before - left, left),
                         {{"removed", before - left}, {"left", left}});
}

}  // namespace

std::span<const Command> job_commands() {
    static const Operand one_job{"job", WordKind::job, "The job's number."};
    static const std::string kept = std::to_string(kept_jobs);
    static const std::vector<Option> prune_options = [] {
        std::vector<Option> options = outcome_options();
        options.insert(
            options.begin(),
            {.name = "keep", .value = "COUNT", .help = "How many stay.", .fallback = kept});
        return options;
    }();
    static const std::vector<Command> table = {
        {.subject = "job",
         .verb = "list",
         .short_form = "jobs",
         .label = "Jobs",
         .help = "Lists the jobs, the newest first.",
         .options = {{.name = "running", .help = "Only those that run."}},
         .show = list_jobs},
        {.subject = "job",
         .verb = "show",
         .label = "Details",
         .help = "Shows a job's steps, what it said and how it ended.",
         .key = "Enter",
         .operands = {one_job},
         .show = show_job},
        {.subject = "job",
         .verb = "cancel",
         .label = "Cancel",
         .help = "Asks a running job to stop and take back what it did.",
         .twin = "C",
         .risk = Risk::undoable,
         .operands = {one_job},
         .options = outcome_options(),
         .why_not = why_not_cancel,
         .run = cancel_job},
        {.subject = "job",
         .verb = "clean",
         .label = "Clean",
         .help = "Takes back what an interrupted job had begun, or finishes it past the point of "
                 "no return.",
         .twin = "c",
         .risk = Risk::undoable,
         .operands = {one_job},
         .why_not = why_not_clean,
         .plan = clean_job},
        {.subject = "job",
         .verb = "prune",
         .label = "Prune",
         .help = "Forgets the oldest jobs that have ended.",
         .risk = Risk::undoable,
         .options = prune_options,
         .run = prune_jobs},
    };
    return table;
}

}  // namespace lodge
