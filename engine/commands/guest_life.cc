#include "engine/commands/common.h"
#include "engine/units.h"

// The verbs of a guest's life: from start to reset.

namespace lodge {
namespace {

using enum GuestState;

std::string why_not_start(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto known = known_guest(engine, words);
    const Guest& guest = *known;
    if (guest.config.flag("template"))
        return fmt::format("cannot start {}: it is a template; lodge clone {}", guest_words(guest),
                           guest.id);
    return why_not_in(engine, words, "start", {stopped, suspended});
}
std::string why_not_shutdown(Engine& engine, const Values& words) {
    return why_not_in(engine, words, "shut down", {running, paused});
}
std::string why_not_reboot(Engine& engine, const Values& words) {
    return why_not_in(engine, words, "reboot", {running, paused});
}
std::string why_not_stop(Engine& engine, const Values& words) {
    return why_not_in(engine, words, "stop", {running, paused, starting, unknown});
}
std::string why_not_reset(Engine& engine, const Values& words) {
    return why_not_in(engine, words, "reset", {running, paused});
}
std::string why_not_suspend(Engine& engine, const Values& words) {
    if (words.flag("to-disk")) return why_not_in(engine, words, "suspend", {running, paused});
    return why_not_in(engine, words, "suspend", {running});
}
std::string why_not_resume(Engine& engine, const Values& words) {
    return why_not_in(engine, words, "resume", {paused, suspended});
}

const Operand some_guests{"guests", WordKind::guests, "Ids or names; all for every guest.", false,
                          true};

}  // namespace

std::vector<Command> life_command_table() {
    return {
        {.subject = "guest",
         .verb = "start",
         .short_form = "start",
         .label = "Start",
         .help = "Starts guests; a suspended one goes on where it was.",
         .key = "F5",
         .twin = "s",
         .risk = Risk::undoable,
         .operands = {some_guests},
         .why_not = why_not_start,
         .plan = plan_of<&GuestKind::start>},
        {.subject = "guest",
         .verb = "shutdown",
         .short_form = "shutdown",
         .label = "Shut down",
         .help = "Asks guests to shut down, through the agent or the power button.",
         .key = "F6",
         .twin = "d",
         .risk = Risk::interrupts,
         .operands = {some_guests},
         .options = {{.name = "timeout", .value = "SECONDS", .help = "How long to wait."},
                     {.name = "force", .help = "Stops it when the time is over."}},
         .why_not = why_not_shutdown,
         .plan = plan_of<&GuestKind::shutdown>},
        {.subject = "guest",
         .verb = "reboot",
         .short_form = "reboot",
         .label = "Reboot",
         .help = "Shuts guests down and starts them again, with what waits for a start.",
         .twin = "b",
         .risk = Risk::interrupts,
         .operands = {some_guests},
         .options = {{.name = "timeout", .value = "SECONDS", .help = "How long to wait."}},
         .why_not = why_not_reboot,
         .plan = plan_of<&GuestKind::reboot>},
        {.subject = "guest",
         .verb = "stop",
         .short_form = "stop",
         .label = "Stop",
         .help = "Ends guests at once, as if their power was cut.",
         .twin = "S",
         .risk = Risk::interrupts,
         .operands = {some_guests},
         .options = {{.name = "timeout", .value = "SECONDS", .help = "Until it is killed."},
                     {.name = "force", .help = "Kills it at once."}},
         .why_not = why_not_stop,
         .plan = plan_of<&GuestKind::stop>},
        {.subject = "guest",
         .verb = "reset",
         .short_form = "reset",
         .label = "Reset",
         .help = "Resets guests, as their reset button would.",
         .twin = "R",
         .risk = Risk::interrupts,
         .operands = {some_guests},
         .why_not = why_not_reset,
         .plan = plan_of<&GuestKind::reset>},
        {.subject = "guest",
         .verb = "suspend",
         .short_form = "suspend",
         .label = "Suspend",
         .help = "Pauses guests; with --to-disk their memory is saved and their program ended.",
         .twin = "p",
         .risk = Risk::undoable,
         .operands = {some_guests},
         .options = {{.name = "to-disk", .help = "Saves the memory to a volume."},
                     {.name = "storage",
                      .value = "STORAGE",
                      .help = "Where the memory goes.",
                      .kind = WordKind::storage}},
         .why_not = why_not_suspend,
         .plan = plan_of<&GuestKind::suspend>},
        {.subject = "guest",
         .verb = "resume",
         .short_form = "resume",
         .label = "Resume",
         .help = "Lets paused or suspended guests go on.",
         .twin = "u",
         .risk = Risk::undoable,
         .operands = {some_guests},
         .why_not = why_not_resume,
         .plan = plan_of<&GuestKind::resume>},
        {.subject = "guest",
         .verb = "start-all",
         .label = "Start all",
         .help = "Starts the guests with onboot=1 in the order of their startup key.",
         .risk = Risk::undoable,
         .options = {{.name = "dry-run", .help = "Says the order and does nothing."}},
         .run = start_all,
         .more = "Guests of the same order start together; the next ones follow when those are "
                 "up and the largest of their `up` delays is over. lodge-guests.service runs it "
                 "when the machine starts."},
        {.subject = "guest",
         .verb = "stop-all",
         .label = "Stop all",
         .help = "Shuts all running guests down, in the reverse order.",
         .risk = Risk::interrupts,
         .options = {{.name = "dry-run", .help = "Says the order and does nothing."}},
         .run = stop_all,
         .more = "A guest that does not end within its startup key's `down` seconds (180 when it "
                 "has none) is stopped. lodge-guests.service runs it when the machine ends."},
    };
}

}  // namespace lodge
