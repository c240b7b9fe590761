#include "tui/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/wrap.h"

namespace lodge {
namespace {

constexpr int page = 80;

std::vector<const Command*> commands_of(CommandTables tables, std::string_view subject) {
    std::vector<const Command*> found;
    for (const auto& table : tables)
        for (const Command& command : table)
            if (command.subject == subject) found.push_back(&command);
    return found;
}

// "  name   sentence", the sentence wrapped beside its column.
std::string entry(const std::string& name, std::string_view sentence, int column) {
    std::string line = "  " + name;
    if (text_width(line) > column - 2) {
        line += '\n' + std::string(static_cast<size_t>(column), ' ');
    } else {
        line.append(static_cast<size_t>(column - text_width(line)), ' ');
    }
    const std::string wrapped = wrap_text(sentence, page, column);
    return line + wrapped.substr(std::min(wrapped.size(), static_cast<size_t>(column)));
}

int column_for(const std::vector<std::string>& names) {
    int widest = 0;
    for (const std::string& name : names)
        if (text_width(name) <= 24) widest = std::max(widest, text_width(name));
    return widest + 4;
}

std::string entries(const std::vector<std::pair<std::string, std::string>>& rows) {
    std::vector<std::string> names;
    for (const auto& row : rows)
        names.push_back(row.first);
    const int column = column_for(names);
    std::string text;
    for (const auto& [name, sentence] : rows)
        text += entry(name, sentence, column);
    return text;
}

std::string_view kind_words(WordKind kind) {
    switch (kind) {
        case WordKind::guest:
            return "a guest's id or name";
        case WordKind::guests:
            return "ids or names of guests; all for every one";
        case WordKind::storage:
            return "a storage";
        case WordKind::volume:
            return "a volume as storage:name";
        case WordKind::snapshot:
            return "a snapshot's name";
        case WordKind::job:
            return "a job's number";
        case WordKind::key_value:
            return "keys of the configuration: lodge help keys";
        case WordKind::path:
            return "a file or folder";
        case WordKind::command:
            return "a program and its words";
        case WordKind::text:
            return "";
    }
    return "";
}

std::string field_facts(const Field& field) {
    std::string facts = allowed_words(field);
    if (!field.fallback.empty()) facts += fmt::format("; default {}", field.fallback);
    if (field.required) facts += "; must be there";
    if (field.bare) facts += "; its name may be left out";
    return facts;
}

std::string field_help(const Field& field, std::string_view kind, const Output& output) {
    std::string text = output.bold(key_words(field)) + fmt::format("  ({})\n", kind);
    text += wrap_text(field.help, page, 2);
    if (field.type != ValueType::property) {
        text += wrap_text("Allowed: " + field_facts(field), page, 2);
        return text;
    }
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Field& part : field.parts) {
        if (!part.alias.empty()) continue;
        std::string words(part.help);
        rows.emplace_back(part.key, words + " (" + field_facts(part) + ")");
    }
    return text + "  Parts, separated by commas, each as part=value:\n" + entries(rows);
}

std::string all_keys(const Schema& schema, const Output& output) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Field& field : schema.fields)
        if (!field.internal && field.alias.empty())
            rows.emplace_back(key_words(field), std::string(field.help));
    std::sort(rows.begin(), rows.end());
    const bool vm = schema.kind == "qemu";
    return output.bold(vm ? "Keys of a virtual machine" : "Keys of a container") + "\n" +
           entries(rows);
}

std::vector<std::string_view> all_key_names() {
    std::vector<std::string_view> names;
    for (const Schema* schema : {&vm_schema(), &container_schema()})
        for (const Field& field : schema->fields)
            names.push_back(field.key);
    return names;
}

}  // namespace

std::string key_words(const Field& field) {
    if (field.count == 0) return std::string(field.key);
    return fmt::format("{}0...{}", field.key, field.count - 1);
}

std::string_view subject_words(std::string_view subject) {
    struct Entry {
        std::string_view subject, words;
    };
    static constexpr Entry table[] = {
        {"guest", "virtual machines and containers"},
        {"disk", "disks of guests"},
        {"snapshot", "states of guests to come back to"},
        {"storage", "places for disks, ISO images and backups"},
        {"network", "links, bridges, and networks of Lodge's own"},
        {"image", "root filesystems that containers are made of"},
        {"agent", "the agent that runs in a guest"},
        {"job", "work that is being done or was done"},
        {"trial", "changes that take themselves back unless they are kept"},
        {"power", "the machine's power: knobs, profiles, links, who else tunes"},
        {"device", "devices of this machine, handed to guests and taken back"},
        {"boot", "what this machine is started by and with"},
        {"keeper", "what acts while nobody looks"},
        {"demo", "a small guest to try things with"},
        {"host", "this machine"},
    };
    for (const Entry& entry : table)
        if (entry.subject == subject) return entry.words;
    return "";
}

std::string command_help(const Command& command, const Output& output) {
    std::string text = wrap_text(usage_line(command), page, 0);
    if (!command.short_form.empty() && command.short_form != command.subject) {
        std::string line = "lodge " + std::string(command.short_form);
        for (const Operand& operand : command.operands)
            line += " " + operand_words(operand);
        text += "short: " + line + "\n";
    }
    text += "\n" + wrap_text(command.help, page, 0);
    if (!command.more.empty()) text += "\n" + wrap_text(command.more, page, 0);
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Operand& operand : command.operands) {
        std::string help(operand.help.empty() ? kind_words(operand.kind) : operand.help);
        rows.emplace_back(operand_words(operand), std::move(help));
    }
    for (const Option& option : command.options) {
        std::string help(option.help);
        if (!option.fallback.empty()) help += fmt::format(" Default: {}.", option.fallback);
        rows.emplace_back(option_words(option), std::move(help));
    }
    if (!rows.empty()) text += "\n" + output.bold("Words") + "\n" + entries(rows);
    rows.clear();
    for (const Option& option : global_options())
        if (option.name != "version")
            rows.emplace_back(option_words(option), std::string(option.help));
    return text + "\n" + output.bold("Options of every command") + "\n" + entries(rows);
}

std::string subject_help(CommandTables tables, std::string_view subject, const Output& output) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Command* command : commands_of(tables, subject)) {
        std::string name(command->verb.empty() ? command->subject : command->verb);
        for (const Operand& operand : command->operands)
            name += " " + operand_words(operand);
        std::string help(command->help);
        if (!command->short_form.empty() && command->short_form != command->subject)
            help += fmt::format(" Short: lodge {}.", command->short_form);
        rows.emplace_back(std::move(name), std::move(help));
    }
    return fmt::format("lodge {} VERB ...: {}\n\n", subject, subject_words(subject)) +
           output.bold("Verbs") + "\n" + entries(rows) +
           fmt::format("\nlodge {} VERB --help says more of one.\n", subject);
}

std::string program_help(CommandTables tables, const Output& output) {
    std::string text =
        "lodge [SUBJECT] VERB ...: keeps virtual machines and containers on this machine\n"
        "lodge: an overview\n\n";
    text += output.bold("Begin with") + "\n";
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& table : tables)
        for (const Command& command : table) {
            if (command.short_form.empty()) continue;
            std::string line = "lodge " + std::string(command.short_form);
            for (const Operand& operand : command.operands)
                if (!operand.optional) line += " " + operand_words(operand);
            rows.emplace_back(std::move(line), std::string(command.help));
        }
    text += entries(rows) + "\n" + output.bold("Subjects") + "\n";
    rows.clear();
    for (const std::string_view subject : subjects_of(tables)) {
        std::vector<std::string> verbs;
        for (const Command* command : commands_of(tables, subject))
            if (!command->verb.empty()) verbs.emplace_back(command->verb);
        rows.emplace_back(std::string(subject),
                          fmt::format("{}{}{}", subject_words(subject), verbs.empty() ? "" : ": ",
                                      join(verbs, ", ")));
    }
    text += entries(rows) + "\n" + output.bold("Help") + "\n";
    text += entries({{"lodge SUBJECT --help", "The verbs of a subject."},
                     {"lodge SUBJECT VERB --help", "The words of a command."},
                     {"lodge help keys", "All keys of a guest's configuration."},
                     {"lodge help key net0", "What one key may hold."},
                     {"lodge manual", "The manual page; man lodge when it is installed."},
                     {"lodge completion bash", "What bash completes words with."}});
    rows.clear();
    for (const Option& option : global_options())
        rows.emplace_back(option_words(option), std::string(option.help));
    return text + "\n" + output.bold("Options of every command") + "\n" + entries(rows);
}

std::string key_help(std::string_view key, const Output& output) {
    std::string text;
    for (const Schema* schema : {&vm_schema(), &container_schema()}) {
        const Field* field = schema->find(key);
        if (!field && schema->find(std::string(key) + "0"))
            field = schema->find(std::string(key) + "0");
        if (!field) continue;
        if (!text.empty()) text += "\n";
        text +=
            field_help(*field, schema->kind == "qemu" ? "virtual machine" : "container", output);
    }
    if (!text.empty()) return text;
    const std::string near = nearest_word(key, all_key_names());
    fail(Exit::not_found, "no key '{}'{}; lodge help keys lists them", printable(key),
         near.empty() ? "" : ": did you mean " + near + "?");
}

std::string help_about(CommandTables tables, const std::vector<std::string>& words,
                       const Output& output) {
    if (words.empty()) return program_help(tables, output);
    if (words[0] == "keys") {
        if (words.size() == 1)
            return all_keys(vm_schema(), output) + "\n" + all_keys(container_schema(), output);
        if (words[1] == "vm" || words[1] == "qemu") return all_keys(vm_schema(), output);
        if (words[1] == "ct" || words[1] == "lxc") return all_keys(container_schema(), output);
        fail(Exit::usage, "lodge help keys knows vm and ct, not '{}'", printable(words[1]));
    }
    if (words[0] == "key") {
        if (words.size() < 2) fail(Exit::usage, "which key? lodge help keys lists them");
        std::string text;
        for (size_t i = 1; i < words.size(); ++i)
            text += key_help(words[i], output);
        return text;
    }
    size_t taken = 0;
    if (const Command* command = find_command(tables, words, taken))
        return command_help(*command, output);
    const auto subjects = subjects_of(tables);
    if (words.size() == 1 &&
        std::find(subjects.begin(), subjects.end(), words[0]) != subjects.end())
        return subject_help(tables, words[0], output);
    (void)parse_words(tables, words);  // says what was meant
    fail(Exit::usage, "no help about '{}'", printable(words[0]));
}

}  // namespace lodge
