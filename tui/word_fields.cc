#include "tui/word_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "engine/engine.h"
#include "engine/guest.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "tui/completion.h"

namespace lodge {
namespace {

using Kind = FormField::Kind;

std::optional<Guest> guest_in(Engine& engine, const Values& known) {
    const auto id = known.get("guest");
    if (!id) return std::nullopt;
    return find_guest(engine, *id);
}

// "before-2026-11-21", with a number behind it when there is one of that day already.
std::string snapshot_name(Engine& engine, const Values& known) {
    const std::time_t now = engine.host.now_seconds();
    std::tm local{};
    ::localtime_r(&now, &local);
    const std::string day = fmt::format("before-{:04}-{:02}-{:02}", local.tm_year + 1900,
                                        local.tm_mon + 1, local.tm_mday);
    const auto guest = guest_in(engine, known);
    std::string name = day;
    for (int number = 2; guest && guest->config.snapshot(name); ++number)
        name = fmt::format("{}-{}", day, number);
    return name;
}

std::string now_called(Engine& engine, const Values& known) {
    const auto guest = guest_in(engine, known);
    return guest ? guest->name : "";
}

std::string copy_name(Engine& engine, const Values& known) {
    const auto guest = guest_in(engine, known);
    return guest && guest->config.current.has("name") ? guest->name + "-copy" : "";
}

// What stands in a field from the start.
struct Prefilled {
    std::string_view subject, verb, word;
    std::string (*value)(Engine&, const Values& known);
};
constexpr Prefilled prefilled[] = {
    {"snapshot", "take", "name", snapshot_name},
    {"guest", "rename", "name", now_called},
    {"guest", "clone", "name", copy_name},
};

std::vector<std::string> image_formats(Engine&, const Values&) {
    return {"qcow2", "raw"};
}

// The guest's disks, of a command of disks.
std::vector<std::string> disk_keys(Engine& engine, const Values& known) {
    std::vector<std::string> keys;
    const auto guest = guest_in(engine, known);
    if (!guest) return keys;
    for (const auto& [key, value] : guest->config.current.entries())
        if ((is_disk_key(key) && !is_cdrom_value(key, value)) || key.starts_with("unused"))
            keys.push_back(key);
    return keys;
}

// What a word may be, where its kind does not tell.
struct Offered {
    std::string_view subject, word;  // subject "": of every command
    std::vector<std::string> (*values)(Engine&, const Values& known);
    bool only;  // nothing else is allowed
};
constexpr Offered offered[] = {
    {"", "format", image_formats, true},
    {"disk", "key", disk_keys, false},
};

// What completion offers for the word that would stand behind those.
std::vector<std::string> completed(CommandTables tables, Engine& engine, const Command& command,
                                   const Values& known, std::string_view option) {
    std::vector<std::string> line = split(command_words(command), ' ');
    for (const Operand& operand : command.operands)
        if (const auto value = known.get(operand.name)) line.push_back(*value);
    if (!option.empty()) line.push_back("--" + std::string(option));
    line.emplace_back();
    return candidates(tables, engine, line);
}

Kind kind_of(WordKind kind) {
    switch (kind) {
        case WordKind::guest:
        case WordKind::storage:
        case WordKind::snapshot:
        case WordKind::job:
            return Kind::choice;
        case WordKind::path:
            return Kind::path;
        default:
            return Kind::text;
    }
}

class Words {
  public:
    Words(CommandTables tables, Engine& engine, const Command& command, const Values& known)
        : tables_(tables), engine_(engine), command_(command), known_(known) {}

    FormField of_operand(const Operand& operand) const {
        FormField field = field_of(operand.name, operand.kind, "");
        field.help = operand.help;
        field.needed = !operand.optional;
        settle(field);
        return field;
    }

    FormField of_option(const Option& option) const {
        FormField field;
        if (option.value.empty()) {
            field.kind = Kind::flag;
            field.name = option.name;
            field.label = label_of(option.name);
        } else {
            field = field_of(option.name, option.kind, option.name);
        }
        field.help = option.help;
        field.value = option.fallback;
        settle(field);
        return field;
    }

  private:
    FormField field_of(std::string_view name, WordKind kind, std::string_view option) const {
        FormField field;
        field.name = name;
        field.label = label_of(name);
        field.kind = kind_of(kind);
        if (kind != WordKind::text && kind != WordKind::path)
            field.choices = completed(tables_, engine_, command_, known_, option);
        for (const Offered& one : offered) {
            if (one.word != name || (!one.subject.empty() && one.subject != command_.subject))
                continue;
            field.choices = one.values(engine_, known_);
            if (one.only) field.kind = Kind::choice;
        }
        return field;
    }

    // A word that may be left out can be chosen to be left out; of one that may not, the only
    // choice is the answer.
    void settle(FormField& field) const {
        for (const Prefilled& one : prefilled)
            if (one.subject == command_.subject && one.verb == command_.verb &&
                one.word == field.name)
                field.value = one.value(engine_, known_);
        if (field.kind != Kind::choice) return;
        if (field.choices.empty()) {
            field.kind = Kind::text;
        } else if (!field.needed) {
            field.choices.insert(field.choices.begin(), "");
            field.labels = field.choices;
            field.labels[0] = "as usual";
        } else if (field.value.empty()) {
            field.value = field.choices.front();
        }
    }

    CommandTables tables_;
    Engine& engine_;
    const Command& command_;
    const Values& known_;
};

}  // namespace

std::string label_of(std::string_view name) {
    std::string label(name);
    std::replace(label.begin(), label.end(), '-', ' ');
    if (!label.empty() && label[0] >= 'a' && label[0] <= 'z')
        label[0] = static_cast<char>(label[0] - 'a' + 'A');
    return label;
}

std::vector<FormField> word_fields(CommandTables tables, Engine& engine, const Command& command,
                                   const Values& known, bool with_options) {
    const Words words(tables, engine, command, known);
    std::vector<FormField> fields;
    for (const Operand& operand : command.operands) {
        if (operand.kind == WordKind::guests || known.has(operand.name)) continue;
        if (operand.optional && !with_options) continue;
        fields.push_back(words.of_operand(operand));
    }
    for (const Option& option : command.options)
        fields.push_back(words.of_option(option));
    return fields;
}

Values said_words(const Command& command, const Values& said) {
    Values words = said;
    const auto take_apart = [&](std::string_view name) {
        if (!said.has(name)) return;
        std::vector<std::string> list;
        for (const std::string& word : split(said.text(name), ' '))
            if (!word.empty()) list.push_back(word);
        words.set({std::string(name), list});
    };
    for (const Operand& operand : command.operands)
        if (operand.many) take_apart(operand.name);
    for (const Option& option : command.options)
        if (option.many) take_apart(option.name);
    return words;
}

}  // namespace lodge
