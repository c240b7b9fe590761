#include <algorithm>

#include "engine/commands/common.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/snapshot.h"

namespace lodge {
namespace {

using enum GuestState;

std::string why_not_set(Engine& engine, const Values& words) {
    return why_not_changed(engine, words, "change");
}
std::string why_not_clone(Engine& engine, const Values& words) {
    return why_not_changed(engine, words, "clone");
}
std::string why_not_destroy(Engine& engine, const Values& words) {
    if (words.flag("force")) return "";
    return why_not_in(engine, words, "destroy", {stopped, suspended});
}
std::string why_not_template(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto known = known_guest(engine, words);
    const Guest& guest = *known;
    if (guest.config.flag("template"))
        return fmt::format("{} is a template already", guest_words(guest));
    return why_not_in(engine, words, "make a template of", {stopped});
}
std::string why_not_revert(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto known = known_guest(engine, words);
    const Guest& guest = *known;
    if (!has_pending(guest.config))
        return fmt::format("nothing of {} waits for the next start", guest_words(guest));
    return "";
}
std::string why_not_unlock(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto known = known_guest(engine, words);
    const Guest& guest = *known;
    if (guest.config.current.has("lock")) return "";
    return fmt::format("cannot unlock {}: it is not locked", guest_words(guest));
}

Plan plan_set(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    Values given = words;
    given.set({"delete", comma_list(words.list("delete"))});
    given.set({"revert", comma_list(words.list("revert"))});
    if (words.list("values").empty() && given.list("delete").empty() &&
        given.list("revert").empty())
        fail(Exit::usage, "nothing to change: lodge set {} KEY=VALUE; lodge help keys lists them",
             guest.id);
    return guest.kind->set(engine, guest, given);
}

Plan plan_revert(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    auto keys = comma_list(words.list("keys"));
    if (keys.empty()) keys = {"all"};
    return guest.kind->set(engine, guest, {{"revert", keys}});
}

Plan plan_rename(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    // Virtual machines have a name, containers a hostname.
    const std::string key = guest.kind->schema().find("name") ? "name" : "hostname";
    return guest.kind->set(engine, guest,
                           {{"values", std::vector<std::string>{key + "=" + words.text("name")}}});
}

Plan plan_unlock(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    const std::string lock = guest.config.current.get("lock").value_or("");
    const auto job = engine.jobs.of_guest(guest.id);
    if (job && job->state == JobState::running)
        fail(Exit::busy, "cannot unlock {}: job {} ({}) is at work on it", guest_words(guest),
             job->number, printable(job->plan.title));
    Plan plan;
    if (job)
        plan.warn(
            fmt::format("job {} ({}) broke off; lodge job clean {} takes back what it had "
                        "begun, the lock as well",
                        job->number, printable(job->plan.title), job->number));
    plan.title = "unlock " + guest_words(guest);
    plan.guests = {guest.id};
    plan.warn(
        fmt::format("the lock '{}' says that work on it was begun and not ended", printable(lock)));
    // Saved memory that is not gone on from is of no use: the disks would leave it behind.
    if (plan_forget_memory(engine, guest, plan)) return plan;
    Edit edit;
    edit.erase = {"lock"};
    add_config_step(plan, "take the lock out of the configuration", guest.id, guest.kind->folder(),
                    edit, guest.config);
    return plan;
}

int run_console(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    return guest.kind->console(engine, guest, words);
}

const Operand one_guest{"guest", WordKind::guest, "The guest's id or name."};
const Operand some_guests{"guests", WordKind::guests, "Ids or names; all for every guest.", false,
                          true};
const Operand keys_and_values{"values", WordKind::key_value,
                              "Keys of the configuration: lodge help keys.", true, true};

std::vector<Command> looks() {
    return {
        {.subject = "guest",
         .verb = "list",
         .short_form = "list",
         .label = "List",
         .help = "Lists the guests: what they are, whether they run, what needs attention.",
         .operands = {{"guests", WordKind::guests, "Only these.", true, true}},
         .options = {{.name = "running", .help = "Only those that run."}},
         .show = list_report},
        {.subject = "guest",
         .verb = "show",
         .short_form = "show",
         .label = "Details",
         .help = "Shows all of one guest: state, configuration, what waits, disks, snapshots, "
                 "warnings.",
         .key = "Enter",
         .operands = {one_guest},
         .show = show_report},
        {.subject = "guest",
         .verb = "state",
         .short_form = "state",
         .label = "State",
         .help = "Prints one word: stopped, running, paused, suspended, starting or unknown.",
         .operands = {one_guest},
         .show = state_report},
        {.subject = "guest",
         .verb = "config",
         .short_form = "config",
         .label = "Configuration",
         .help = "Prints the guest's configuration file.",
         .operands = {one_guest},
         .show = config_report},
        {.subject = "guest",
         .verb = "show-command",
         .short_form = "show-command",
         .label = "Command line",
         .help = "Prints what a start would use, to read or copy: QEMU's command line, or a "
                 "container's liblxc configuration.",
         .operands = {one_guest},
         .show = command_report},
        {.subject = "guest",
         .verb = "log",
         .short_form = "log",
         .label = "Log",
         .help = "Prints what the guest's program said last, or its serial console.",
         .operands = {one_guest},
         .options = {{.name = "console", .help = "The serial console's last lines instead."},
                     {.name = "lines", .value = "COUNT", .help = "How many.", .fallback = "40"}},
         .show = log_report},
    };
}

std::vector<Command> changes() {
    return {
        {.subject = "guest",
         .verb = "set",
         .short_form = "set",
         .label = "Edit",
         .help =
             "Changes a guest's configuration: at once what can be, the rest at the next start.",
         .key = "F4",
         .twin = "e",
         .risk = Risk::undoable,
         .operands = {one_guest, keys_and_values},
         .options = {{.name = "delete", .value = "KEYS", .help = "Removes keys.", .many = true},
                     {.name = "revert",
                      .value = "KEYS",
                      .help = "Drops what waits for the next start; all for all of it.",
                      .many = true},
                     {.name = "next-start", .help = "Changes nothing before the next start."},
                     {.name = "digest",
                      .value = "DIGEST",
                      .help = "Refuses when the file is another one (lodge guest show --json)."}},
         .why_not = why_not_set,
         .plan = plan_set,
         .more = "lodge help keys lists the keys, lodge help key net0 says what one may hold. "
                 "--KEY VALUE is taken too."},
        {.subject = "guest",
         .verb = "revert",
         .label = "Revert",
         .help = "Drops changes that wait for the next start.",
         .risk = Risk::undoable,
         .operands = {one_guest, {"keys", WordKind::text, "Only these keys.", true, true}},
         .why_not = why_not_revert,
         .plan = plan_revert},
        {.subject = "guest",
         .verb = "rename",
         .short_form = "rename",
         .label = "Rename",
         .help = "Gives a guest another name.",
         .risk = Risk::undoable,
         .operands = {one_guest, {"name", WordKind::text, "The new name."}},
         .why_not = why_not_set,
         .plan = plan_rename},
        {.subject = "guest",
         .verb = "clone",
         .short_form = "clone",
         .label = "Clone",
         .help = "Makes a copy of a guest; of a template a linked one.",
         .twin = "c",
         .risk = Risk::undoable,
         .operands = {one_guest,
                      {"id", WordKind::text, "The copy's number; the lowest free one.", true}},
         .options = {{.name = "name", .value = "NAME", .help = "The copy's name."},
                     {.name = "full", .help = "Copies all data, of a template too."},
                     {.name = "storage",
                      .value = "STORAGE",
                      .help = "Where its disks go.",
                      .kind = WordKind::storage},
                     {.name = "format", .value = "FORMAT", .help = "raw or qcow2."},
                     {.name = "snapshot",
                      .value = "SNAPSHOT",
                      .help = "The state to copy.",
                      .kind = WordKind::snapshot}},
         .why_not = why_not_clone,
         .plan =
             [](Engine& engine, const Values& words) {
                 if (words.has("id")) (void)id_for(engine, words);
                 return plan_of<&GuestKind::clone>(engine, words);
             }},
        {.subject = "guest",
         .verb = "template",
         .short_form = "template",
         .label = "Template",
         .help = "Makes a template of a guest, for linked clones. There is no way back.",
         .risk = Risk::interrupts,
         .operands = {one_guest},
         .why_not = why_not_template,
         .plan = plan_of<&GuestKind::make_template>},
        {.subject = "guest",
         .verb = "unlock",
         .short_form = "unlock",
         .label = "Unlock",
         .help = "Removes the lock that broken-off work left.",
         .risk = Risk::interrupts,
         .operands = {some_guests},
         .why_not = why_not_unlock,
         .plan = plan_unlock},
        {.subject = "guest",
         .verb = "destroy",
         .short_form = "destroy",
         .label = "Destroy",
         .help = "Removes guests with their disks and snapshots.",
         .twin = "D",
         .risk = Risk::destroys,
         .operands = {some_guests},
         .options = {{.name = "keep-disks", .help = "Leaves the disks where they are."},
                     {.name = "force", .help = "Stops a running one first."}},
         .why_not = why_not_destroy,
         .plan = plan_of<&GuestKind::destroy>},
    };
}

std::vector<Command> terminals() {
    return {
        {.subject = "guest",
         .verb = "console",
         .short_form = "console",
         .label = "Console",
         .help = "Attaches this terminal to the guest's console; Ctrl-] leaves.",
         .key = "F3",
         .twin = "t",
         .operands = {one_guest},
         .options =
             {{.name = "serial", .value = "NUMBER", .help = "Which serial port.", .fallback = "0"},
              {.name = "lines",
               .value = "COUNT",
               .help = "Last lines shown first; 0 shows none, with --log all.",
               .fallback = "20"},
              {.name = "watch", .help = "Looks on without typing, also while someone else types."},
              {.name = "stay", .help = "Waits for the guest's next start when it stops."},
              {.name = "log", .help = "Prints the last lines and ends; also of a stopped guest."},
              {.name = "until",
               .value = "TEXT",
               .help = "Ends as soon as the guest has said this (for scripts)."},
              {.name = "timeout",
               .value = "SECONDS",
               .help = "Ends after so long; with --until that is a failure."}},
         .run = run_console,
         .keyboard = true,
         .more = "A script can feed commands: lodge console 101 < commands. It ends when the input "
                 "is used up and the guest has been silent for two seconds, or by --until."},
        {.subject = "guest",
         .verb = "watch",
         .short_form = "watch",
         .label = "Watch",
         .help = "Prints what happens to guests as it happens, until Ctrl-C.",
         .operands = {{"guests", WordKind::guests, "Only these.", true, true}},
         .options = {{.name = "json", .help = "A JSON value a line."}},
         .run = watch_guests,
         .keyboard = true},
    };
}

}  // namespace

std::span<const Command> guest_commands() {
    static const std::vector<Command> table = [] {
        std::vector<Command> all;
        for (auto part :
             {looks(), life_command_table(), creation_command_table(), changes(),
              adopt_command_table(), terminals(), agent_command_table(), container_command_table()})
            all.insert(all.end(), std::make_move_iterator(part.begin()),
                       std::make_move_iterator(part.end()));
        return all;
    }();
    return table;
}

}  // namespace lodge
