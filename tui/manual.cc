#include "tui/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "tui/help.h"
#include "tui/screen.h"
#include "tui/screen_keys.h"

namespace lodge {
namespace {

// A macro with one argument, quoted.
std::string macro(std::string_view name, std::string_view argument) {
    std::string safe;
    for (const char c : roff_text(argument))
        safe += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return fmt::format(".{} \"{}\"\n", name, safe);
}

std::string paragraph(std::string_view text) {
    return ".PP\n" + roff_text(text) + "\n";
}

std::string item(std::string_view name, std::string_view text) {
    return ".TP\n.B " + roff_text(name) + "\n" + roff_text(text) + "\n";
}

std::string nested(std::string_view text) {
    return ".RS\n" + std::string(text) + ".RE\n";
}

std::string command_page(const Command& command) {
    std::string usage = command_words(command);
    std::string text = ".TP\n.B " + roff_text(usage);
    std::string words;
    for (const Operand& operand : command.operands)
        words += " " + operand_words(operand);
    text += roff_text(words) + "\n";
    std::string help(command.help);
    if (!command.short_form.empty() && command.short_form != usage)
        help += fmt::format(" Short: lodge {}.", command.short_form);
    if (command.risk == Risk::interrupts) help += " Asks first.";
    if (command.risk == Risk::destroys) help += " Asks for the name first.";
    text += roff_text(help) + "\n";
    std::string options;
    for (const Option& option : command.options) {
        std::string about(option.help);
        if (option.risk == Risk::destroys) about += " Asks for the name first.";
        if (!option.fallback.empty()) about += fmt::format(" Default: {}.", option.fallback);
        options += item(option_words(option), about);
    }
    if (!options.empty()) text += nested(options);
    if (!command.more.empty()) text += ".IP\n" + roff_text(command.more) + "\n";
    return text;
}

std::string commands_part(CommandTables tables) {
    std::string text = ".SH COMMANDS\n";
    for (const std::string_view subject : subjects_of(tables)) {
        text += macro("SS", subject);
        const std::string_view about = subject_words(subject);
        if (!about.empty()) text += roff_text(about) + ".\n";
        for (const auto& table : tables)
            for (const Command& command : table)
                if (command.subject == subject) text += command_page(command);
    }
    text += ".SS help and files\n";
    text += item("help [SUBJECT [VERB]]", "The same as --help behind them.");
    text += item("help keys [vm|ct]", "All keys of a guest's configuration.");
    text += item("help key KEY...", "What a key may hold.");
    text += item("manual", "Prints this page as roff.");
    text += item("completion bash", "Prints what bash completes the words of lodge with.");
    return text;
}

std::string field_facts(const Field& field) {
    std::string facts = allowed_words(field);
    if (!field.fallback.empty()) facts += fmt::format("; default {}", field.fallback);
    return facts;
}

std::string keys_part(const Schema& schema) {
    std::vector<const Field*> fields;
    for (const Field& field : schema.fields)
        if (!field.internal && field.alias.empty()) fields.push_back(&field);
    std::sort(fields.begin(), fields.end(),
              [](const Field* a, const Field* b) { return a->key < b->key; });
    std::string text;
    for (const Field* field : fields) {
        std::string about(field->help);
        if (field->type != ValueType::property) about += " (" + field_facts(*field) + ")";
        text += item(key_words(*field), about);
        std::string parts;
        for (const Field& part : field->parts)
            if (part.alias.empty())
                parts += item(part.key, fmt::format("{} ({})", part.help, field_facts(part)));
        if (!parts.empty()) text += nested(parts);
    }
    return text;
}

std::string exits_part() {
    struct Entry {
        Exit exit;
        std::string_view words;
    };
    static constexpr Entry entries[] = {
        {Exit::ok, "It is done."},
        {Exit::failed, "It was tried and did not work."},
        {Exit::usage,
         "The words were wrong, or it asks first and nobody can answer; nothing was "
         "tried."},
        {Exit::not_found, "There is no such guest, volume, snapshot, job or key."},
        {Exit::refused, "It is not possible in this state."},
        {Exit::busy, "Somebody else holds it: a lock, a running job."},
        {Exit::missing, "The machine lacks something: a program, a permission, space."},
        {Exit::cancelled, "The person stopped it, or said no."},
    };
    std::string text = ".SH EXIT STATUS\n";
    for (const Entry& entry : entries)
        text += item(std::to_string(static_cast<int>(entry.exit)), entry.words);
    return text + paragraph(
                      "Of several guests, the highest. lodge exec ends with the status of the "
                      "program in the guest.");
}

std::string files_part() {
    return ".SH FILES\n" +
           item("/etc/lodge/qemu-server/ID.conf, /etc/lodge/lxc/ID.conf",
                "The guests, one file each, in Proxmox VE's format.") +
           item("/etc/lodge/storage.cfg", "The storages, in that format too.") +
           item("/run/lodge", "Sockets, process ids and locks; empty after a reboot.") +
           item("/var/lib/lodge", "Disks of the storage local, jobs, logs.") +
           paragraph(
               "For a user other than root they are $XDG_CONFIG_HOME/lodge, "
               "$XDG_RUNTIME_DIR/lodge and $XDG_STATE_HOME/lodge.") +
           ".SH ENVIRONMENT\n" +
           item("LODGE_ROOT",
                "A folder in which all of the above lie, as etc/lodge, run/lodge and "
                "var/lib/lodge.") +
           item("XDG_CONFIG_HOME, XDG_RUNTIME_DIR, XDG_STATE_HOME, HOME",
                "Where a user's files lie.") +
           item("NO_COLOR", "Set: no colours.") +
           item("TERM", "dumb, or none: no line moves and nothing is coloured.");
}

std::string screen_part() {
    std::string text = ".SH FULL SCREEN\n" +
                       roff_text(
                           "Without words, on a terminal. What can be done with the thing under "
                           "the cursor is at the bottom; F2 has all of it, and every function key "
                           "has a letter beside it. Nothing is lost when it ends: guests and jobs "
                           "go on.") +
                       "\n";
    for (const ScreenKind& kind : screen_kinds())
        text += item(fmt::format("{} {}", kind.number, kind.name), kind.help);
    for (const ScreenKeys& keys : everywhere_keys())
        text += item(keys.keys, keys.words);
    for (const ScreenKeys& keys : moving_keys())
        text += item(keys.keys, keys.words);
    return text;
}

std::string habits_part() {
    std::string text = ".SH FROM QM AND PCT\n" +
                       roff_text("Each pct verb that qm has too is the same word here.") + "\n";
    for (const Habit& habit : habits())
        text += ".TP\n.B " + roff_text(habit.theirs) + "\n" + roff_text(habit.ours) + "\n";
    return text;
}

}  // namespace

std::string roff_text(std::string_view text) {
    std::string safe;
    bool line_start = true;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (line_start && (c == '.' || c == '\'')) safe += "\\&";
        line_start = c == '\n';
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\\') {
            safe += "\\e";
        } else if (c == '-') {
            safe += "\\-";
        } else if (c == '~') {
            safe += "\\(ti";
        } else if (c == '^') {
            safe += "\\(ha";
        } else if (c == '`') {
            safe += "\\(ga";
        } else if (byte >= 0xc2 && byte < 0xf5) {
            const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            uint32_t point = byte & (0x7fU >> length);
            for (size_t k = 1; k < length && i + 1 < text.size(); ++k)
                point = point << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fU);
            safe += fmt::format("\\[u{:04X}]", point);
        } else {
            safe += c;
        }
    }
    return safe;
}

std::span<const Habit> habits() {
    static constexpr Habit table[] = {
        {"qm list, pct list", "lodge guest list"},
        {"qm status ID", "lodge guest state ID"},
        {"qm config ID", "lodge guest config ID"},
        {"qm pending ID", "lodge guest show ID"},
        {"qm create ID --KEY VALUE", "lodge guest create --id ID KEY=VALUE"},
        {"qm set ID --KEY VALUE", "lodge guest set ID KEY=VALUE"},
        {"qm set ID --delete KEYS", "lodge guest set ID --delete KEYS"},
        {"qm destroy ID", "lodge guest destroy ID"},
        {"qm clone ID NEW", "lodge guest clone ID NEW"},
        {"qm template ID", "lodge guest template ID"},
        {"qm unlock ID", "lodge guest unlock ID"},
        {"pct create ID TEMPLATE", "lodge guest create --id ID --template TEMPLATE"},
        {"pct enter ID", "lodge guest enter ID"},
        {"pct exec ID -- COMMAND", "lodge guest exec ID -- COMMAND"},
        {"pct push ID FILE PATH", "lodge guest push ID FILE PATH"},
        {"pct pull ID PATH FILE", "lodge guest pull ID PATH FILE"},
        {"pct mount ID", "lodge guest mount ID"},
        {"pct unmount ID", "lodge guest unmount ID"},
        {"pct resize ID rootfs SIZE", "lodge disk resize ID rootfs SIZE"},
        {"qm start ID", "lodge guest start ID"},
        {"qm shutdown ID", "lodge guest shutdown ID"},
        {"qm stop ID", "lodge guest stop ID"},
        {"qm reboot ID", "lodge guest reboot ID"},
        {"qm reset ID", "lodge guest reset ID"},
        {"qm suspend ID", "lodge guest suspend ID"},
        {"qm suspend ID --todisk 1", "lodge guest suspend ID --to-disk"},
        {"qm resume ID", "lodge guest resume ID"},
        {"qm terminal ID, pct console ID", "lodge guest console ID"},
        {"qm showcmd ID", "lodge guest show-command ID"},
        {"qm snapshot ID NAME", "lodge snapshot take ID NAME"},
        {"qm snapshot ID NAME --vmstate 1", "lodge snapshot take ID NAME --ram"},
        {"qm listsnapshot ID", "lodge snapshot list ID"},
        {"qm rollback ID NAME", "lodge snapshot rollback ID NAME"},
        {"qm delsnapshot ID NAME", "lodge snapshot delete ID NAME"},
        {"qm agent ID ping", "lodge agent ping ID"},
        {"qm agent ID network-get-interfaces", "lodge agent addresses ID"},
        {"qm agent ID get-fsinfo", "lodge agent filesystems ID"},
        {"qm agent ID fstrim", "lodge agent trim ID"},
        {"qm guest exec ID -- PROGRAM", "lodge guest exec ID -- PROGRAM"},
        {"qm disk resize ID DISK SIZE", "lodge disk resize ID DISK SIZE"},
        {"qm disk move ID DISK STORAGE", "lodge disk move ID DISK --storage STORAGE"},
        {"qm disk import ID FILE STORAGE", "lodge disk import ID FILE"},
        {"qm disk unlink ID --idlist DISK", "lodge disk detach ID DISK"},
        {"qm importovf ID FILE STORAGE", "lodge guest import FILE --id ID"},
        {"pvesm status", "lodge storage list"},
        {"pvesm list STORAGE", "lodge storage volumes STORAGE"},
        {"pvesh create .../startall", "lodge guest start-all"},
        {"pvesh create .../stopall", "lodge guest stop-all"},
    };
    return table;
}

std::string manual_page(CommandTables tables) {
    std::string text = fmt::format(".TH LODGE 1 \"\" \"Lodge {}\" \"Lodge\"\n", LODGE_VERSION);
    text += ".SH NAME\nlodge \\- keeps virtual machines and containers on one machine\n";
    text +=
        ".SH SYNOPSIS\n.B lodge\n.br\n.B lodge\n.I SUBJECT VERB\n[\\fIWORD\\fR...] "
        "[\\fIOPTION\\fR...]\n";
    text += ".SH DESCRIPTION\n";
    text += roff_text(
        "Runs QEMU virtual machines from files that Proxmox VE would read too. Without words it "
        "is a full screen, or prints the machine and its guests where there is no terminal. With "
        "words it does one thing: a subject and a verb, as "
        "in lodge guest start web, or the short form, lodge start web. A guest is named by its id "
        "or its name; several at once where the command says GUESTS, and all for every one. No "
        "service is needed, and a guest goes on when lodge ends.");
    text += "\n.SH OPTIONS\n" + roff_text("Every command takes these.") + "\n";
    for (const Option& option : global_options())
        text += item(option_words(option), option.help);
    text += commands_part(tables);
    text += screen_part();
    text += ".SH JOBS\n";
    text += roff_text(
        "What changes something is a plan first (--dry-run prints it) and then a job, a process of "
        "its own that goes on when the terminal is closed. A step that fails takes back those "
        "before it. Ctrl-C asks the job to stop and take back what it did; a second Ctrl-C leaves "
        "it running, and lodge job follow finds it again. A job whose process was killed is shown "
        "as interrupted; lodge job clean takes back what it had begun. On a terminal a line shows "
        "how far it is; elsewhere lines are printed, none by a job that is over in a moment.");
    text += "\n.SH ASKING\n";
    text += roff_text(
        "What interrupts a guest is asked about, and Enter alone means no. What cannot be undone "
        "wants the name to be typed. Where nobody can answer (input or errors are no terminal) "
        "such "
        "a command is refused without --yes.");
    text += "\n.SH JSON\n";
    text += roff_text(
        "With --json a command that lists or shows prints one JSON value on standard output. One "
        "that changes something prints an object with title, state, exit, job, warnings and error; "
        "an array of those when it takes several guests. What goes wrong before that is "
        "{\"error\": WORDS, \"exit\": STATUS} on standard error. Times are Unix seconds, sizes "
        "bytes.");
    text += "\n" + exits_part() + files_part() + habits_part();
    text += ".SH KEYS OF A VIRTUAL MACHINE\n" + keys_part(vm_schema());
    text += ".SH KEYS OF A CONTAINER\n" + keys_part(container_schema());
    text += ".SH EXAMPLES\n";
    text += item("lodge create --name web --memory 2048 --disk 16G --iso debian.iso --start",
                 "Makes a machine with a disk of 16 GiB and starts it from the ISO.");
    text += item("lodge list --json | jq -r '.[] | select(.state == \"running\") | .name'",
                 "The names of those that run.");
    text += item("lodge set web memory=4096 && lodge show web",
                 "Changes it, and shows what waits for the next start.");
    return text;
}

}  // namespace lodge
