#include "engine/trial_record.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr TrialPhase phases[] = {TrialPhase::applying, TrialPhase::waiting, TrialPhase::keeping,
                                 TrialPhase::taking_back, TrialPhase::stuck};
constexpr size_t kept_ended = 50;

TrialPhase phase_of(std::string_view word) {
    for (const TrialPhase phase : phases)
        if (trial_phase_word(phase) == word) return phase;
    fail(Exit::failed, "this is not a trial that Lodge wrote: its phase is '{}'", printable(word));
}

}  // namespace

std::string_view trial_phase_word(TrialPhase phase) {
    switch (phase) {
        case TrialPhase::applying:
            return "applying";
        case TrialPhase::waiting:
            return "waiting";
        case TrialPhase::keeping:
            return "keeping";
        case TrialPhase::taking_back:
            return "taking back";
        case TrialPhase::stuck:
            return "stuck";
    }
    return "unknown";
}

std::string print_trial(const TrialRecord& record) {
    json value = {{"version", 1},
                  {"number", record.number},
                  {"phase", trial_phase_word(record.phase)},
                  {"boot", record.boot},
                  {"deadline", record.deadline},
                  {"begun", record.begun},
                  {"seconds", record.trial.seconds},
                  {"subject", record.trial.subject},
                  {"trouble", record.trouble},
                  {"plan", plan_to_json(record.trial.plan)},
                  {"watch", plan_to_json(record.trial.watch)},
                  {"keep", plan_to_json(record.trial.keep)}};
    if (record.process) value["process"] = record.process->print();
    return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

TrialRecord parse_trial(std::string_view text) {
    try {
        const json value = json::parse(text);
        TrialRecord record;
        if (value.at("version").get<int>() != 1)
            fail(Exit::failed, "this trial was written by another version of Lodge");
        record.number = value.at("number").get<int>();
        record.phase = phase_of(value.at("phase").get<std::string>());
        record.boot = value.at("boot").get<std::string>();
        record.deadline = value.at("deadline").get<int64_t>();
        record.begun = value.at("begun").get<int64_t>();
        record.trouble = value.at("trouble").get<std::string>();
        record.trial.seconds = value.at("seconds").get<int>();
        record.trial.subject = value.at("subject").get<std::string>();
        record.trial.plan = plan_from_json(value.at("plan").get<std::string>());
        record.trial.watch = plan_from_json(value.at("watch").get<std::string>());
        record.trial.keep = plan_from_json(value.at("keep").get<std::string>());
        if (value.contains("process"))
            record.process = ProcessId::parse(value.at("process").get<std::string>());
        return record;
    } catch (const json::exception& trouble) {
        fail(Exit::failed, "this is not a trial that Lodge wrote: {}", trouble.what());
    }
}

namespace trials {

std::string folder(const Host& host) {
    return host.state_folder() + "/trials";
}

std::string path(const Host& host, int number) {
    return folder(host) + "/" + std::to_string(number) + ".json";
}

namespace {

std::vector<int> numbers_in(const Host& host, const std::string& where) {
    std::vector<int> numbers;
    for (const std::string& name : host.list(where)) {
        if (!name.ends_with(".json")) continue;
        const auto number = parse_integer(std::string_view(name).substr(0, name.size() - 5));
        if (number && *number > 0 && *number < 1 << 30)
            numbers.push_back(static_cast<int>(*number));
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

}  // namespace

std::vector<int> active(const Host& host) {
    return numbers_in(host, folder(host));
}

int free_number(const Host& host) {
    int last = 0;
    for (const std::string& where : {folder(host), folder(host) + "/ended"})
        if (const auto numbers = numbers_in(host, where); !numbers.empty())
            last = std::max(last, numbers.back());
    return last + 1;
}

FileLock lock(const Host& host) {
    host.make_folder(folder(host), 0750);
    return FileLock(folder(host) + "/lock", "another Lodge is at work on a trial; try again",
                    std::chrono::seconds(30));
}

std::optional<TrialRecord> load(const Host& host, int number) {
    const auto text = host.read(path(host, number));
    if (!text) return std::nullopt;
    try {
        return parse_trial(*text);
    } catch (const Error& trouble) {
        fail(trouble.exit(), "cannot read {}: {}", path(host, number), trouble.what());
    }
}

void store(const Host& host, const TrialRecord& record) {
    host.make_folder(folder(host), 0750);
    host.write(path(host, record.number), print_trial(record), 0640);
}

void end(const Host& host, const TrialRecord& record, const std::string& how) {
    const std::string ended = folder(host) + "/ended";
    host.make_folder(ended, 0750);
    const json value = {{"number", record.number},
                        {"title", record.trial.plan.title},
                        {"how", how},
                        {"why", record.trouble},
                        {"begun", record.begun},
                        {"ended", host.now_seconds()}};
    host.write(ended + "/" + std::to_string(record.number) + ".json",
               value.dump(1, ' ', false, json::error_handler_t::replace) + "\n", 0640);
    host.remove(path(host, record.number));
    host.remove(watcher_path(host, record.number));
    auto old = numbers_in(host, ended);
    for (size_t i = 0; i + kept_ended < old.size(); ++i)
        host.remove(ended + "/" + std::to_string(old[i]) + ".json");
}

std::string watcher_path(const Host& host, int number) {
    return host.run_folder() + "/trials/" + std::to_string(number);
}

bool alive(const Host& host, const std::optional<ProcessId>& process) {
    return process && open_process(host, *process);
}

bool watched(const Host& host, int number) {
    return alive(host, ProcessId::parse(host.read_line(watcher_path(host, number))));
}

std::string boot_id(const Host& host) {
    return host.read_line(host.system("/proc/sys/kernel/random/boot_id"));
}

int64_t boottime_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

namespace {

std::string failed_path(const Host& host) {
    return folder(host) + "/failed";
}

void store_failed(const Host& host, const std::vector<FailedSubject>& all) {
    std::string text;
    for (const FailedSubject& one : all)
        text += fmt::format("{}\t{}\t{}\n", one.subject, one.when, one.why);
    host.write(failed_path(host), text, 0640);
}

}  // namespace

void remember_failed(const Host& host, const std::string& subject, const std::string& why) {
    if (subject.empty()) return;
    auto all = failed_subjects(host);
    std::erase_if(all, [&](const FailedSubject& one) { return one.subject == subject; });
    std::string line = printable(why);
    std::replace(line.begin(), line.end(), '\n', ' ');
    all.push_back({subject, host.now_seconds(), line});
    store_failed(host, all);
}

bool forget(const Host& host, std::string_view subject) {
    auto all = failed_subjects(host);
    if (std::erase_if(all, [&](const FailedSubject& one) { return one.subject == subject; }) == 0)
        return false;
    store_failed(host, all);
    return true;
}

}  // namespace trials

std::vector<FailedSubject> failed_subjects(const Host& host) {
    std::vector<FailedSubject> all;
    for (const std::string& line : split(host.read(trials::failed_path(host)).value_or(""), '\n')) {
        const auto parts = split(line, '\t');
        if (parts.size() != 3) continue;
        if (const auto when = parse_integer(parts[1])) all.push_back({parts[0], *when, parts[2]});
    }
    return all;
}

bool forget_failed(const Host& host, std::string_view subject) {
    const auto held = trials::lock(host);
    return trials::forget(host, subject);
}

std::vector<TrialView> active_trials(const Host& host) {
    std::vector<TrialView> views;
    for (const int number : trials::active(host)) {
        TrialView view;
        view.number = number;
        try {
            const auto record = trials::load(host, number);
            if (!record) continue;
            view.title = record->trial.plan.title;
            view.phase = record->phase;
            view.trouble = record->trouble;
            if (record->phase == TrialPhase::waiting && record->boot == trials::boot_id(host)) {
                const int64_t left = record->deadline - trials::boottime_ms();
                view.seconds_left = std::max<int64_t>(0, (left + 999) / 1000);
            }
        } catch (const Error& trouble) {
            view.title = fmt::format("trial {}", number);
            view.phase = TrialPhase::stuck;
            view.trouble = trouble.what();
        }
        views.push_back(std::move(view));
    }
    return views;
}

TrialRecord load_trial(const Host& host, int number) {
    if (auto record = trials::load(host, number)) return *record;
    fail(Exit::not_found, "there is no trial {}; lodge trial list shows them", number);
}

std::string trial_end(const Host& host, int number) {
    const auto text = host.read(fmt::format("{}/ended/{}.json", trials::folder(host), number));
    if (!text) return "";
    const json value = json::parse(*text, nullptr, false);
    if (!value.is_object()) return "";
    const std::string how = value.value("how", ""), why = value.value("why", "");
    return why.empty() ? how : how + ": " + why;
}

}  // namespace lodge
