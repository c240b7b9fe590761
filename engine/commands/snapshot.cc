#include "engine/vm/snapshot.h"

#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

Report list_snapshots(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const SnapshotNode& node : snapshot_tree(guest.config)) {
        const std::string name(static_cast<size_t>(2 * node.depth), ' ');
        std::string note = first_line(node.description);
        if (!node.state.empty()) note = "broken off (" + node.state + ") " + note;
        rows.push_back({name + (node.now ? "now" : node.name), time_words(node.time),
                        node.with_memory ? "yes" : "", fit_text(printable(note), 40)});
        json one = {{"name", node.now ? json(nullptr) : json(node.name)},
                    {"now", node.now},
                    {"depth", node.depth},
                    {"time", node.time},
                    {"memory", node.with_memory},
                    {"description", node.description}};
        one["parent"] = node.parent.empty() ? json(nullptr) : json(node.parent);
        if (!node.state.empty()) one["state"] = node.state;
        value.push_back(std::move(one));
    }
    if (guest.config.snapshots().empty())
        return {fmt::format("{} has no snapshots\n", guest_words(guest)), "[]\n"};
    return {format_table({"SNAPSHOT", "TAKEN", "RAM", "NOTE"}, rows), json_text(value)};
}

std::string why_not_take(Engine& engine, const Values& words) {
    return why_not_changed(engine, words, "take a snapshot of");
}

// What is wrong with the snapshot that the words name.
std::string why_not_there(Engine& engine, const Values& words) {
    if (!words.has("guest") || !words.has("name")) return "";
    const auto known = known_guest(engine, words);
    const Guest& guest = *known;
    if (guest.config.snapshot(words.text("name"))) return "";
    std::vector<std::string> names;
    for (const auto& [name, section] : guest.config.snapshots())
        names.push_back(name);
    fail(Exit::not_found, "{} has no snapshot '{}'{}", guest_words(guest),
         printable(words.text("name")), names.empty() ? "" : "; it has " + join(names, ", "));
}

std::string why_not_rollback(Engine& engine, const Values& words) {
    const std::string why = why_not_there(engine, words);
    if (!why.empty() || !words.has("guest")) return why;
    // One that broke off is completed by doing it again; saved memory may be left behind.
    const auto lock = known_guest(engine, words)->config.current.get("lock");
    if (lock == "rollback" || lock == "suspended") return "";
    return why_not_changed(engine, words, "roll back");
}

}  // namespace

std::span<const Command> snapshot_commands() {
    static const Operand guest{"guest", WordKind::guest, "The guest's id or name."};
    static const Operand name{"name", WordKind::snapshot, "The snapshot's name."};
    static const std::vector<Command> table = {
        {.subject = "snapshot",
         .verb = "list",
         .short_form = "snapshots",
         .label = "Snapshots",
         .help = "Lists a guest's snapshots as a tree, with where the guest is now.",
         .operands = {guest},
         .show = list_snapshots},
        {.subject = "snapshot",
         .verb = "take",
         .label = "Snapshot",
         .help = "Keeps the state of a guest's disks, and with --ram of its memory.",
         .key = "F9",
         .twin = "z",
         .risk = Risk::undoable,
         .operands = {guest, {"name", WordKind::text, "Letters, digits, - and _; a letter first."}},
         .options = {{.name = "ram", .help = "The memory too; the guest must run."},
                     {.name = "description", .value = "TEXT", .help = "What it is for."}},
         .why_not = why_not_take,
         .plan = plan_of<&GuestKind::snapshot>},
        {.subject = "snapshot",
         .verb = "rollback",
         .short_form = "rollback",
         .label = "Roll back",
         .help = "Brings a guest back to a snapshot; what came after on its disks is lost.",
         .risk = Risk::interrupts,
         .operands = {guest, name},
         .options = {{.name = "start", .help = "Starts the guest then."}},
         .why_not = why_not_rollback,
         .plan = plan_of<&GuestKind::rollback>},
        {.subject = "snapshot",
         .verb = "delete",
         .label = "Delete",
         .help = "Removes a snapshot; the guest stays as it is.",
         .risk = Risk::destroys,
         .operands = {guest, name},
         .options = {{.name = "force", .help = "Drops it even where a disk does not know it."}},
         .why_not = why_not_there,
         .plan = plan_of<&GuestKind::delete_snapshot>},
    };
    return table;
}

}  // namespace lodge
