#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/values.h"

namespace lodge {

struct Engine;

// Action is one thing that changes the machine, as data: a verb of the table and what it works on.
struct Action {
    std::string verb;
    Values on;
};

// Step is an action with the reason for it and the way back. An undo must not mind when its step
// was carried out by half or not at all: after a crash nobody knows.
struct Step {
    std::string why;
    Action action;
    std::optional<Action> undo;
    // Past it there is no way back: what came before stays done, and a plan that broke off is
    // completed instead of taken back. It and all after it must be content to be done again.
    bool no_way_back = false;
};

// Plan is what a command would do. It can be shown, compared in a test as text, carried out by a
// job, and undone in reverse when a step fails.
struct Plan {
    std::string title;        // "start 101 (web)"
    std::vector<int> guests;  // whose locks the job takes
    std::vector<Step> steps;
    std::vector<std::string> warnings;  // for the person, before it happens
    std::string afterwards;  // for the person, when it worked; "" says the title + ": done"

    Plan& step(std::string why, Action action, std::optional<Action> undo = std::nullopt);
    // The last step (or all from `first` on) have no way back.
    Plan& no_way_back();
    Plan& no_way_back_from(size_t first);
    Plan& warn(std::string words);
    // The steps, warnings and guests of another plan after ours.
    Plan& append(Plan other);
};

// Work is what an action has at hand while it runs: the engine, a way to tell how far it is, and
// whether the person still wants it.
class Work {
  public:
    virtual ~Work() = default;
    virtual Engine& engine() = 0;
    virtual void say(const std::string& line) = 0;  // into the log
    // `done` of `total` in `unit` ("bytes", "%"); total 0 when it is not known.
    virtual void progress(int64_t done, int64_t total, std::string_view unit) = 0;
    virtual bool going() = 0;  // false: cancelled; end soon by throwing what check() throws
    void check();              // throws Error(Exit::cancelled) when not going()
};

// ActionKind is a verb: how it is done and how it looks as shell.
struct ActionKind {
    std::string_view verb;
    void (*run)(Work&, const Values& on);
    std::string (*shell)(const Values& on);  // one or more lines without a final newline
};

// Actions is the table of all verbs, joined from the modules' tables.
class Actions {
  public:
    explicit Actions(std::vector<std::span<const ActionKind>> tables)
        : tables_(std::move(tables)) {}
    const ActionKind& find(std::string_view verb) const;  // throws Error for an unknown verb
    std::string shell(const Action& action) const { return find(action.verb).shell(action.on); }

  private:
    std::vector<std::span<const ActionKind>> tables_;
};

// The plan as a shell script for reading and copying: "# why" above each step, undo as a comment.
std::string plan_as_shell(const Plan& plan, const Actions& actions);
// As JSON text and back, for a job's folder. plan_from_json throws Error when the text is no plan.
std::string plan_to_json(const Plan& plan);
Plan plan_from_json(std::string_view text);

// Verbs for files and programs, which every module uses:
//   mkdir path [mode] | write path content [mode] | remove path | rmdir path (when empty)
//   remove-tree path | rename from to | run argv… [folder] [limit seconds] [input] [user]
// remove, rmdir and remove-tree are content when there is nothing.
std::span<const ActionKind> file_actions();

// Carries steps out in order; when one fails or is cancelled, undoes those done (the failed one
// included) in reverse and throws what happened, with words on what could not be undone. A step
// without a way back that is done ends both: the undoing, and the cancelling between steps.
// `on_step(i, event)` hears "begin", "done", "undo", "undone" before and after each.
void carry_out(const Plan& plan, const Actions& actions, Work& work,
               void (*on_step)(void*, size_t, std::string_view), void* with);

}  // namespace lodge
