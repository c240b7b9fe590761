#include "engine/vm/agent.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/container/container.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr auto patience = std::chrono::seconds(5);
constexpr auto trim_patience = std::chrono::minutes(10);

// A guest without an agent says so before anything waits for one.
Agent agent_of(Engine& engine, const Values& words) {
    const Guest guest = guest_of(engine, words);
    if (guest.kind->look(engine, guest).state != GuestState::running)
        fail(Exit::refused, "cannot ask the agent of {}: the guest does not run",
             guest_words(guest));
    if (!agent_expected(guest.config))
        fail(Exit::refused,
             "cannot ask the agent of {}: its configuration has none; lodge set {} agent=1, and "
             "restart it",
             guest_words(guest), guest.id);
    return Agent::connect(engine.host, guest.id, patience);
}

Report ping(Engine& engine, const Values& words) {
    agent_of(engine, words).ping(patience);
    return {"the agent answers\n", json_text({{"answers", true}})};
}

Report info(Engine& engine, const Values& words) {
    Agent agent = agent_of(engine, words);
    const Agent::Info info = agent.info(patience);
    const std::string os = agent.os_name(patience), host = agent.host_name(patience);
    const json value = {
        {"version", info.version}, {"os", os}, {"host_name", host}, {"commands", info.commands}};
    return {fmt::format("agent {}\nsystem {}\nname {}\n", info.version, os, host),
            json_text(value)};
}

Report addresses(Engine& engine, const Values& words) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const Agent::Interface& link : agent_of(engine, words).interfaces(patience)) {
        json list = json::array();
        for (const Agent::Address& address : link.addresses) {
            const std::string text = fmt::format("{}/{}", address.ip, address.prefix);
            list.push_back(text);
            rows.push_back({printable(link.name), printable(link.mac), printable(text)});
        }
        if (link.addresses.empty()) rows.push_back({printable(link.name), printable(link.mac), ""});
        value.push_back({{"name", link.name},
                         {"mac", link.mac},
                         {"addresses", std::move(list)},
                         {"received", link.received},
                         {"sent", link.sent}});
    }
    return {format_table({"NIC", "MAC", "ADDRESS"}, rows), json_text(value)};
}

Report file_systems(Engine& engine, const Values& words) {
    json value = json::array();
    std::vector<std::vector<std::string>> rows;
    for (const Agent::FileSystem& system : agent_of(engine, words).file_systems(patience)) {
        value.push_back({{"name", system.name},
                         {"mount", system.mount},
                         {"type", system.type},
                         {"used", system.used},
                         {"total", system.total},
                         {"disks", system.disks}});
        rows.push_back({printable(system.mount), printable(system.type),
                        system.total ? short_size(system.used) : "",
                        system.total ? short_size(system.total) : "", printable(system.name)});
    }
    return {format_table({"MOUNTED", "TYPE", "-USED", "-SIZE", "DEVICE"}, rows), json_text(value)};
}

// Prints what the agent would be asked; true when it is not to be asked.
bool only_shown(const Values& words, std::string_view question) {
    if (words.flag("dry-run")) fmt::print("# guest agent: {}\n", question);
    return words.flag("dry-run");
}

int trim_disks(Engine& engine, const Values& words) {
    Agent agent = agent_of(engine, words);
    if (only_shown(words, "guest-fstrim")) return 0;
    agent.trim(trim_patience);
    return print_outcome(words, "unused blocks are given back", {{"trimmed", true}});
}

int freeze(Engine& engine, const Values& words) {
    Agent agent = agent_of(engine, words);
    if (only_shown(words, "guest-fsfreeze-freeze")) return 0;
    const int count = agent.freeze(std::chrono::minutes(10));
    return print_outcome(words,
                         fmt::format("held still: {}; lodge agent thaw lets them go on",
                                     counted(count, "file system")),
                         {{"frozen", count}});
}

int thaw(Engine& engine, const Values& words) {
    Agent agent = agent_of(engine, words);
    if (only_shown(words, "guest-fsfreeze-thaw")) return 0;
    const int count = agent.thaw(std::chrono::minutes(3));
    return print_outcome(words, fmt::format("going on: {}", counted(count, "file system")),
                         {{"thawed", count}});
}

void write_whole(std::FILE* file, const std::string& bytes) {
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fflush(file);
}

std::string safe_for(FILE* stream, const std::string& bytes) {
    if (::isatty(::fileno(stream)) == 0) return bytes;
    std::vector<std::string> lines = split(bytes, '\n');
    for (std::string& line : lines) {
        if (line.ends_with('\r')) line.pop_back();
        line = printable(line);
    }
    return join(lines, "\n");
}

int exec(Engine& engine, const Values& words) {
    const int64_t seconds = words.integer("timeout");
    if (seconds < 1) fail(Exit::usage, "--timeout {} is not allowed: 1 or more", seconds);
    if (const Guest guest = guest_of(engine, words); guest.kind->name() == "ct") {
        if (words.has("input") || words.flag("json"))
            fail(Exit::usage,
                 "--input and --json go through a guest agent: a container's program "
                 "has our own standard input and output");
        return ct_attach(engine, guest, words.list("command"));
    }
    Agent agent = agent_of(engine, words);
    const auto result =
        agent.exec(words.list("command"), words.text("input", ""), std::chrono::seconds(seconds));
    if (words.flag("json")) {
        write_whole(stdout, json_text({{"ended", result.ended},
                                       {"status", result.status},
                                       {"output", result.output},
                                       {"trouble", result.trouble},
                                       {"cut", result.cut}}));
        return result.ended ? result.status : static_cast<int>(Exit::failed);
    }
    // A pipe gets the program's own bytes; a person's terminal none that steer it.
    write_whole(stdout, safe_for(stdout, result.output));
    write_whole(stderr, safe_for(stderr, result.trouble));
    if (result.cut) fmt::print(stderr, "lodge: the agent kept only the beginning of the output\n");
    if (!result.ended)
        fail(Exit::failed, "it still runs in the guest after {} seconds; --timeout waits longer",
             seconds);
    return result.status;
}

std::string why_not_entered(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto guest = known_guest(engine, words);
    if (guest->kind->name() != "ct")
        return fmt::format("cannot enter {}: it is no container; lodge console {} is its console",
                           guest_words(*guest), guest->id);
    return why_not_in(engine, words, "enter", {GuestState::running});
}

std::string why_not_gpu(Engine& engine, const Values& words) {
    if (!words.has("guest")) return "";
    const auto guest = known_guest(engine, words);
    if (guest->kind->name() == "ct") return why_not_changed(engine, words, "change");
    return fmt::format("cannot share the graphics processor with {}: it is no container",
                       guest_words(*guest));
}

Plan share_gpu(Engine& engine, const Values& words) {
    return ct_gpu_plan(engine, guest_of(engine, words), words);
}

int enter(Engine& engine, const Values& words) {
    if (const std::string why = why_not_entered(engine, words); !why.empty())
        throw Error(Exit::refused, why);
    return ct_attach(engine, guest_of(engine, words), {});
}

}  // namespace

std::vector<Command> agent_command_table() {
    const Operand guest{"guest", WordKind::guest, "The guest's id or name."};
    return {
        {.subject = "guest",
         .verb = "exec",
         .short_form = "exec",
         .label = "Run a program",
         .help = "Runs a program in the guest; its exit status is ours.",
         .risk = Risk::undoable,
         .operands = {guest, {"command", WordKind::command, "After --.", false, true}},
         .options = {{.name = "timeout",
                      .value = "SECONDS",
                      .help = "How long to wait for its end.",
                      .fallback = "30"},
                     {.name = "input", .value = "TEXT", .help = "For its standard input."},
                     {.name = "json", .help = "Output, errors and status as one JSON value."}},
         .run = exec,
         .more = "In a virtual machine its agent runs it; in a container it is ours: our standard "
                 "input, output and terminal are the program's."},
        {.subject = "guest",
         .verb = "enter",
         .short_form = "enter",
         .label = "Shell",
         .help = "Opens a shell in a container, as its root.",
         .twin = "!",
         .risk = Risk::undoable,
         .operands = {guest},
         .why_not = why_not_entered,
         .run = enter,
         .keyboard = true},
        {.subject = "guest",
         .verb = "gpu",
         .label = "Share the GPU",
         .help = "Lets a container use this machine's graphics processor, which is shared.",
         .risk = Risk::undoable,
         .operands = {guest},
         .options = {{.name = "device",
                      .value = "NODE",
                      .help = "Which one, such as /dev/dri/renderD128; all of them.",
                      .kind = WordKind::path}},
         .why_not = why_not_gpu,
         .plan = share_gpu},
        {.subject = "agent",
         .verb = "ping",
         .label = "Ping",
         .help = "Asks whether the guest's agent answers.",
         .operands = {guest},
         .show = ping},
        {.subject = "agent",
         .verb = "info",
         .label = "Agent",
         .help = "Shows the agent's version, the guest's system and its name.",
         .operands = {guest},
         .show = info},
        {.subject = "agent",
         .verb = "addresses",
         .short_form = "addresses",
         .label = "Addresses",
         .help = "Shows the guest's network addresses.",
         .operands = {guest},
         .show = addresses},
        {.subject = "agent",
         .verb = "filesystems",
         .label = "File systems",
         .help = "Shows the guest's file systems and how full they are.",
         .operands = {guest},
         .show = file_systems},
        {.subject = "agent",
         .verb = "trim",
         .label = "Trim",
         .help = "Lets the guest give unused blocks of its disks back.",
         .risk = Risk::undoable,
         .operands = {guest},
         .options = outcome_options(),
         .run = trim_disks},
        {.subject = "agent",
         .verb = "freeze",
         .label = "Freeze",
         .help = "Holds the guest's file systems still until they are thawed.",
         .risk = Risk::interrupts,
         .operands = {guest},
         .options = outcome_options(),
         .run = freeze},
        {.subject = "agent",
         .verb = "thaw",
         .label = "Thaw",
         .help = "Lets frozen file systems go on.",
         .risk = Risk::undoable,
         .operands = {guest},
         .options = outcome_options(),
         .run = thaw},
    };
}

}  // namespace lodge
