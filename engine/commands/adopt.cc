#include "engine/adopt.h"

#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

Report examine_folder(Engine& engine, const Values& words) {
    const AdoptReport report = examine(engine, words.text("folder"));
    std::string text;
    json lines = json::array();
    for (const AdoptLine& line : report.lines) {
        if (words.flag("all")) text += print_line(line) + "\n";
        lines.push_back({{"file", line.file},
                         {"line", line.line},
                         {"section", line.section},
                         {"key", line.key},
                         {"verdict", verdict_word(line.verdict)},
                         {"words", line.words}});
    }
    json files = json::array();
    for (const AdoptFile& file : report.files)
        files.push_back({{"source", file.source}, {"target", file.target}, {"guest", file.id}});
    text += words.flag("all") ? "" : print_report(report);
    return {text, json_text({{"lines", lines}, {"files", files}})};
}

// nullptr for what is no guest, and for guests that cannot be run here and are kept all the same.
const GuestKind* kind_of(Engine& engine, const AdoptFile& file) {
    for (const GuestKind* kind : engine.kinds)
        if (file.id != 0 && file.target == engine.store.path(kind->folder(), file.id)) return kind;
    return nullptr;
}

// Files are copied as they are; what is mapped is mapped at each start.
Plan adopt_folder(Engine& engine, const Values& words) {
    const std::string& folder = words.text("folder");
    const AdoptReport report = examine(engine, folder);
    Plan plan;
    plan.title = "adopt the guests of " + printable(folder);
    auto lines = split(trim(print_report(report)), '\n');
    const std::string counts = lines.back();
    lines.pop_back();
    for (std::string& line : lines)
        plan.warn(std::move(line));
    for (const AdoptFile& file : report.files) {
        const auto text = engine.host.read(file.source);
        if (!text) fail(Exit::not_found, "{} is not there any more", printable(file.source));
        if (file.id != 0) plan.guests.push_back(file.id);
        const GuestKind* kind = kind_of(engine, file);
        if (!kind) {
            plan.step("copy " + printable(file.source),
                      {"write", {{"path", file.target}, {"content", *text}, {"mode", "640"}}},
                      Action{"remove", {{"path", file.target}}});
            continue;
        }
        const Values on{{"guest", file.id}, {"folder", kind->folder()}, {"text", *text}};
        plan.step(fmt::format("copy the configuration of guest {}", file.id), {"config-create", on},
                  Action{"config-remove", on});
    }
    plan.afterwards = counts + "\n";
    plan.afterwards += report.files.empty()
                           ? "nothing to adopt"
                           : "lodge list shows the guests. Their disks stay where they are: "
                             "storage.cfg says where";
    return plan;
}

}  // namespace

std::vector<Command> adopt_command_table() {
    const Operand folder{"folder", WordKind::path,
                         "Copied from a Proxmox VE node: etc/pve, or a folder within."};
    return {
        {.subject = "guest",
         .verb = "adopt",
         .short_form = "adopt",
         .label = "Adopt",
         .help = "Copies the guests of a Proxmox VE node's folder, and says what of them cannot be "
                 "honoured here.",
         .risk = Risk::undoable,
         .operands = {folder},
         .plan = adopt_folder,
         .more = "Files are copied byte for byte, so that they can go back. Guests whose number is "
                 "taken are left out."},
        {.subject = "guest",
         .verb = "examine",
         .label = "Examine",
         .help = "Says what adopt would make of a folder, and changes nothing.",
         .operands = {folder},
         .options = {{.name = "all", .help = "Each line, not only those with something to say."}},
         .show = examine_folder},
    };
}

}  // namespace lodge
