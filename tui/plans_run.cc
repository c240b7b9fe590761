#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "engine/engine.h"
#include "engine/units.h"
#include "tui/follow.h"
#include "tui/words_run.h"

namespace lodge {

using nlohmann::json;

namespace {

// Task is the plan for one guest (or for none) and what became of it.
struct Task {
    std::optional<Guest> guest;
    Plan plan;
    int number = 0;  // of the job
    bool detached = false;
    bool over = false;
    Exit exit = Exit::ok;
    std::string error;
    std::string state;
};

std::string dump(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

json task_json(const Task& task) {
    json value = {{"title", task.plan.title},
                  {"state", task.state},
                  {"exit", static_cast<int>(task.exit)},
                  {"warnings", task.plan.warnings}};
    if (task.guest) value["guest"] = task.guest->id;
    if (task.number > 0) value["job"] = task.number;
    if (!task.error.empty()) value["error"] = task.error;
    if (task.state == "done" && !task.plan.afterwards.empty())
        value["words"] = task.plan.afterwards;
    return value;
}

// Batch carries out one command for several guests, a few at once.
class Batch {
  public:
    Batch(Engine& engine, const ParsedWords& parsed, const Output& output)
        : engine_(engine),
          parsed_(parsed),
          command_(*parsed.command),
          risk_(risk_of(*parsed.command, parsed.values)),
          output_(output) {}

    int run() {
        make_tasks();
        if (parsed_.options.dry_run) return print_plans();
        ask();
        for (Task& task : tasks_)
            warn(task);
        const Interrupts counted;
        carry_out();
        return report();
    }

  private:
    void make_tasks() {
        const Operand* many = nullptr;
        for (const Operand& operand : command_.operands)
            if (operand.kind == WordKind::guests) many = &operand;
        if (!many) {
            several_ = false;
            Task& task = tasks_.emplace_back();
            Values values = parsed_.values;
            for (const Operand& operand : command_.operands) {
                if (operand.kind != WordKind::guest || !values.has(operand.name)) continue;
                if (names_volume(values.text(operand.name))) continue;
                task.guest = find_guest(engine_, values.text(operand.name));
                values.set({std::string(operand.name), task.guest->id});
            }
            fill(task, values);
            return;
        }
        several_ = true;
        for (Guest& guest : named(parsed_.values.list(many->name))) {
            Task& task = tasks_.emplace_back();
            Values values = parsed_.values;
            values.erase(many->name);
            values.set({"guest", guest.id});
            task.guest = std::move(guest);
            fill_or_fail(task, values);
        }
    }

    // "all" is every guest, where nothing is destroyed and no guest is called so.
    std::vector<Guest> named(const std::vector<std::string>& words) {
        std::vector<Guest> guests;
        std::vector<std::string> unknown;
        for (const std::string& word : words) {
            try {
                guests.push_back(find_guest(engine_, word));
            } catch (const Error& error) {
                if (word != "all" || error.exit() != Exit::not_found) throw;
                if (risk_ == Risk::destroys)
                    fail(Exit::usage, "'all' destroys nothing: name each guest");
                all_ = true;
                for (Guest& guest : list_guests(engine_))
                    guests.push_back(std::move(guest));
            }
        }
        std::vector<Guest> once;
        for (Guest& guest : guests)
            if (std::none_of(once.begin(), once.end(),
                             [&](const Guest& other) { return other.id == guest.id; }))
                once.push_back(std::move(guest));
        return once;
    }

    void fill(Task& task, const Values& values) {
        if (command_.why_not) {
            const std::string why = command_.why_not(engine_, values);
            if (!why.empty()) throw Error(Exit::refused, why);
        }
        task.plan = command_.plan(engine_, values);
    }

    // What is wrong with one guest does not stop the others.
    void fill_or_fail(Task& task, const Values& values) {
        try {
            fill(task, values);
        } catch (const Error& error) {
            // Of "all", those are meant for which it makes sense.
            if (all_ && error.exit() == Exit::refused) {
                task.over = true;
                task.state = "refused";
                return;
            }
            fail_task(task, error.exit(), error.what());
        }
    }

    void fail_task(Task& task, Exit exit, const std::string& words) {
        task.over = true;
        task.exit = exit;
        task.error = words;
        task.state = exit == Exit::cancelled ? "cancelled" : "failed";
        if (!output_.json) output_.trouble(words);
    }

    int print_plans() {
        json plans = json::array();
        for (const Task& task : tasks_) {
            if (task.over) {
                if (!task.error.empty()) plans.push_back(task_json(task));
            } else if (output_.json) {
                plans.push_back(json::parse(plan_to_json(task.plan)));
            } else {
                output_.print(printable_lines(plan_as_shell(task.plan, engine_.actions)));
            }
        }
        if (output_.json) output_.print(dump(several_ ? plans : plans.at(0)));
        return worst();
    }

    std::string since_words(const Task& task) {
        if (!task.guest) return "";
        const Sighting sighting = task.guest->kind->look(engine_, *task.guest);
        if (sighting.state != GuestState::running && sighting.state != GuestState::paused)
            return "";
        return fmt::format(" ({} since {})", guest_state_word(sighting.state),
                           short_duration(sighting.uptime));
    }

    void ask() {
        if (parsed_.options.yes) return;
        if (risk_ == Risk::interrupts) {
            std::string question;
            for (const Task& task : tasks_) {
                if (task.over) continue;
                if (!question.empty()) question += "\n";
                question += printable(task.plan.title) + since_words(task);
                for (const std::string& words : task.plan.warnings)
                    question += "\n  " + printable(words);
            }
            if (question.empty()) return;
            ask_yes(output_, question + (question.find('\n') == std::string::npos ? " " : "\n"),
                    [this] { return plans_text(); });
            for (Task& task : tasks_)
                task.plan.warnings.clear();  // were in the question
        } else if (risk_ == Risk::destroys || risk_ == Risk::cuts_off) {
            for (Task& task : tasks_) {
                if (task.over) continue;
                std::string question = printable(task.plan.title) + since_words(task);
                for (const Step& step : task.plan.steps)
                    question += "\n  " + printable(step.why);
                for (const std::string& words : task.plan.warnings)
                    question += "\n  " + printable(words);
                ask_name(output_, question, name_to_type(task),
                         [&] { return plan_as_shell(task.plan, engine_.actions); });
                task.plan.warnings.clear();
            }
        }
    }

    std::string plans_text() const {
        std::string text;
        for (const Task& task : tasks_)
            if (!task.over) text += plan_as_shell(task.plan, engine_.actions);
        return text;
    }

    std::string name_to_type(const Task& task) {
        if (task.guest) return task.guest->name;
        for (const Operand& operand : command_.operands)
            if (parsed_.values.has(operand.name)) return parsed_.values.text(operand.name);
        return std::string(command_.verb.empty() ? command_.subject : command_.verb);
    }

    void warn(const Task& task) {
        if (task.over || output_.quiet || output_.json) return;
        for (const std::string& words : task.plan.warnings)
            output_.warning(words);
    }

    void start(Task& task) {
        if (task.plan.steps.empty()) {
            task.over = true;
            task.state = "done";
            tell_done(task);
            return;
        }
        try {
            task.number = engine_.jobs.start(engine_, task.plan);
        } catch (const Error& error) {
            fail_task(task, error.exit(), error.what());
            return;
        }
        if (!parsed_.options.detach) return;
        task.over = task.detached = true;
        task.state = "running";
        if (!output_.json && !output_.quiet)
            output_.print(fmt::format("job {}: {}\n", task.number, printable(task.plan.title)));
    }

    void carry_out() {
        const size_t at_once = std::clamp<size_t>(std::thread::hardware_concurrency(), 2, 8);
        size_t next = 0;
        std::vector<Task*> running;
        const auto stop_others = [&] {
            for (const Task* task : running) {
                try {
                    if (task != running.front()) engine_.jobs.cancel(task->number);
                } catch (const Error&) {
                    continue;  // it has ended meanwhile
                }
            }
        };
        while (next < tasks_.size() || !running.empty()) {
            while (next < tasks_.size() && running.size() < at_once) {
                Task& task = tasks_[next++];
                if (task.over) continue;
                if (Interrupts::count() > 0) {
                    fail_task(task, Exit::cancelled, task.plan.title + ": not begun");
                    continue;
                }
                start(task);
                if (!task.over) running.push_back(&task);
            }
            if (running.empty()) continue;
            take(*running.front(),
                 follow_job(engine_, running.front()->number, output_, true, stop_others));
            running.erase(running.begin());
        }
    }

    void take(Task& task, const Followed& followed) {
        task.over = true;
        if (followed.left_running) {
            task.state = "running";
            task.exit = Exit::cancelled;
            return;
        }
        const JobRecord& record = followed.record;
        task.state = job_state_word(record.state);
        if (record.state == JobState::done) {
            tell_done(task);
            return;
        }
        fail_task(task, record.exit == Exit::ok ? Exit::failed : record.exit,
                  trouble_words(record));
        task.state = job_state_word(record.state);
    }

    void tell_done(const Task& task) {
        if (output_.json || output_.quiet) return;
        const std::string& words = task.plan.afterwards;
        output_.say(words.empty() ? task.plan.title + ": done" : words);
    }

    int worst() const {
        Exit worst = Exit::ok;
        for (const Task& task : tasks_)
            worst = std::max(worst, task.exit);
        return static_cast<int>(worst);
    }

    int report() {
        if (!output_.json) return worst();
        json all = json::array();
        for (const Task& task : tasks_)
            all.push_back(task_json(task));
        output_.print(dump(several_ ? all : all.at(0)));
        return worst();
    }

    Engine& engine_;
    const ParsedWords& parsed_;
    const Command& command_;
    const Risk risk_;
    const Output& output_;
    std::vector<Task> tasks_;
    bool several_ = false;
    bool all_ = false;
};

}  // namespace

int run_plans(Engine& engine, const ParsedWords& parsed, const Output& output) {
    return Batch(engine, parsed, output).run();
}

}  // namespace lodge
