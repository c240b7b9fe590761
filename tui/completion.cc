#include "tui/completion.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state.h"
#include "engine/units.h"
#include "tui/global_options.h"

namespace lodge {
namespace {

// LineEnd is the command line up to the cursor as the shell would split it.
struct LineEnd {
    std::vector<std::string> words;  // the last one is being typed
    size_t raw_begin = 0;            // where the last one begins in the line
    bool quoted = false;             // it began with a quote
};

LineEnd split_line(std::string_view line) {
    LineEnd end;
    end.words.emplace_back();
    char quote = 0;
    bool fresh = true;
    for (size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote == 0 && (c == ' ' || c == '\t')) {
            if (!fresh) end.words.emplace_back();
            fresh = true;
            end.quoted = false;
            end.raw_begin = i + 1;
            continue;
        }
        if (quote == 0 && (c == '\'' || c == '"')) {
            if (fresh) end.quoted = true;
            quote = c;
        } else if (c == quote && quote != 0) {
            quote = 0;
        } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
            end.words.back() += line[++i];
        } else {
            end.words.back() += c;
        }
        fresh = false;
    }
    return end;
}

void add_guests(std::vector<std::string>& found, Engine& engine) {
    for (const Guest& guest : list_guests(engine)) {
        found.push_back(std::to_string(guest.id));
        if (guest.config.current.has("name") || guest.config.current.has("hostname"))
            found.push_back(guest.name);
    }
}

std::optional<Guest> guest_in(Engine& engine, const std::vector<std::string>& given) {
    if (given.empty()) return std::nullopt;
    try {
        return find_guest(engine, given[0]);
    } catch (const Error&) {
        return std::nullopt;
    }
}

void add_keys(std::vector<std::string>& found, Engine& engine,
              const std::vector<std::string>& given) {
    const auto guest = guest_in(engine, given);
    const Schema& schema = guest ? guest->kind->schema() : vm_schema();
    for (const Field& field : schema.fields) {
        if (field.internal || !field.alias.empty()) continue;
        found.push_back(std::string(field.key) + (field.count > 0 ? "0=" : "="));
    }
}

void add_values(std::vector<std::string>& found, Engine& engine,
                const std::vector<std::string>& given, const std::string& word) {
    const auto guest = guest_in(engine, given);
    const std::string key = word.substr(0, word.find('='));
    const Field* field = (guest ? guest->kind->schema() : vm_schema()).find(key);
    if (!field) return;
    if (field->type == ValueType::boolean) found.insert(found.end(), {key + "=0", key + "=1"});
    if (field->type == ValueType::choice)
        for (const std::string& choice : split(field->choices, '|'))
            found.push_back(key + "=" + choice);
    if (field->type == ValueType::property && bare_part(*field) &&
        bare_part(*field)->type == ValueType::volume)
        for (const auto& storage : engine.storages.all())
            found.push_back(key + "=" + storage->id() + ":");
    // What it holds now, to be edited.
    if (guest)
        if (const auto now = guest->config.current.get(key)) found.push_back(key + "=" + *now);
}

// Where someone looks all the time, what was seen last: a storage may not answer now.
void add_volumes(std::vector<std::string>& found, Engine& engine) {
    if (engine.seen) {
        for (const StorageView& storage : engine.seen->seen().storages)
            for (const VolumeView& volume : storage.volumes)
                found.push_back(volume.info.id);
        return;
    }
    for (const auto& storage : engine.storages.all()) {
        if (!storage->enabled()) continue;
        for (const VolumeInfo& volume : storage->list())
            found.push_back(volume.id);
    }
}

// What a word of this kind may be, given the words before it.
std::vector<std::string> of_kind(Engine& engine, WordKind kind,
                                 const std::vector<std::string>& given, const std::string& word) {
    std::vector<std::string> found;
    switch (kind) {
        case WordKind::guest:
        case WordKind::guests:
            add_guests(found, engine);
            break;
        case WordKind::storage:
            for (const auto& storage : engine.storages.all())
                found.push_back(storage->id());
            break;
        case WordKind::volume:
            add_volumes(found, engine);
            break;
        case WordKind::snapshot:
            if (const auto guest = guest_in(engine, given))
                for (const auto& snapshot : guest->config.snapshots())
                    found.push_back(snapshot.first);
            break;
        case WordKind::job:
            for (const int number : engine.jobs.numbers())
                found.push_back(std::to_string(number));
            break;
        case WordKind::key_value:
            if (word.find('=') == std::string::npos)
                add_keys(found, engine, given);
            else
                add_values(found, engine, given, word);
            break;
        case WordKind::path:
        case WordKind::command:
        case WordKind::text:
            break;
    }
    return found;
}

const Option* option_named(std::span<const Option> options, std::string_view dashed) {
    for (const Option& option : options)
        if (dashed == "--" + std::string(option.name)) return &option;
    return nullptr;
}

std::vector<std::string> in_command(Engine& engine, const Command& command,
                                    const std::vector<std::string>& before,
                                    const std::string& word) {
    std::vector<std::string> given;
    bool only_operands = false;
    for (size_t i = 0; i < before.size(); ++i) {
        if (before[i] == "--") {
            only_operands = true;
        } else if (!only_operands && before[i].starts_with("-")) {
            const Option* option = option_named(command.options, before[i]);
            if (!option) option = option_named(global_options(), before[i]);
            if (!option || option->value.empty()) continue;
            if (i + 1 == before.size())
                return global_takes_word(before[i]) && !option_named(command.options, before[i])
                           ? global_choices(before[i])
                           : of_kind(engine, option->kind, given, word);
            ++i;
        } else {
            given.push_back(before[i]);
        }
    }
    if (!only_operands && word.starts_with("-")) {
        std::vector<std::string> found;
        for (const Option& option : command.options)
            found.push_back("--" + std::string(option.name));
        for (const Option& option : global_options())
            if (option.name != "version") found.push_back("--" + std::string(option.name));
        return found;
    }
    if (command.operands.empty()) return {};
    const size_t last = command.operands.size() - 1;
    if (given.size() > last && !command.operands[last].many) return {};
    const Operand& operand = command.operands[std::min(given.size(), last)];
    auto found = of_kind(engine, operand.kind, given, word);
    // Of several words each is given once.
    std::erase_if(found, [&](const std::string& candidate) {
        return std::find(given.begin(), given.end(), candidate) != given.end();
    });
    return found;
}

std::vector<std::string> first_words(CommandTables tables) {
    std::vector<std::string> found{"help", "manual", "completion"};
    for (const std::string_view subject : subjects_of(tables))
        found.emplace_back(subject);
    for (const auto& table : tables)
        for (const Command& command : table)
            if (!command.short_form.empty()) found.emplace_back(command.short_form);
    return found;
}

std::vector<std::string> verbs_of(CommandTables tables, const std::string& subject) {
    std::vector<std::string> found;
    for (const auto& table : tables)
        for (const Command& command : table)
            if (command.subject == subject && !command.verb.empty())
                found.emplace_back(command.verb);
    return found;
}

std::vector<std::string> all_candidates(CommandTables tables, Engine& engine,
                                        const std::vector<std::string>& words) {
    const std::string& word = words.back();
    std::vector<std::string> before(words.begin(), words.end() - 1);
    while (!before.empty() && before[0].starts_with("-"))
        before.erase(before.begin(),
                     before.begin() + (global_takes_word(before[0]) && before.size() > 1 ? 2 : 1));
    size_t taken = 0;
    if (before.empty()) {
        auto found = first_words(tables);
        for (const Option& option : global_options())
            found.push_back("--" + std::string(option.name));
        return found;
    }
    if (const Command* command = find_command(tables, before, taken)) {
        before.erase(before.begin(), before.begin() + static_cast<ptrdiff_t>(taken));
        return in_command(engine, *command, before, word);
    }
    if (before.size() == 1 && before[0] == "completion") return {"bash"};
    if (before[0] == "help") {
        if (before.size() == 1) {
            auto found = first_words(tables);
            found.insert(found.end(), {"keys", "key"});
            return found;
        }
        if (before[1] == "keys") return {"vm", "ct"};
        if (before[1] == "key") {
            std::vector<std::string> found;
            for (const Schema* schema : {&vm_schema(), &container_schema()})
                for (const Field& field : schema->fields)
                    found.push_back(std::string(field.key) + (field.count > 0 ? "0" : ""));
            return found;
        }
        return verbs_of(tables, before[1]);
    }
    return before.size() == 1 ? verbs_of(tables, before[0]) : std::vector<std::string>{};
}

}  // namespace

std::vector<std::string> candidates(CommandTables tables, Engine& engine,
                                    const std::vector<std::string>& words) {
    std::vector<std::string> fitting;
    if (words.empty()) return fitting;
    for (std::string& candidate : all_candidates(tables, engine, words)) {
        // What a file holds must not reach the terminal as an escape sequence.
        if (candidate.starts_with(words.back()) && printable(candidate) == candidate)
            fitting.push_back(std::move(candidate));
    }
    std::sort(fitting.begin(), fitting.end());
    fitting.erase(std::unique(fitting.begin(), fitting.end()), fitting.end());
    return fitting;
}

std::string complete_words(CommandTables tables, Engine& engine,
                           const std::vector<std::string>& words) {
    if (words.empty()) return "";
    LineEnd end = split_line(words[0]);
    if (end.words.size() < 2) return "";
    end.words.erase(end.words.begin());  // "lodge"
    // Bash cuts words at these too; what stands before the last one is not ours to print again.
    const std::string typed = end.words.back();
    const std::string breaks = words.size() > 1 ? words[1] : "";
    size_t cut = 0;
    for (const char c : {'=', ':'})
        if (breaks.find(c) != std::string::npos)
            if (const auto at = typed.rfind(c); at != std::string::npos)
                cut = std::max(cut, at + 1);
    std::string text;
    for (const std::string& candidate : candidates(tables, engine, end.words)) {
        const std::string rest = candidate.substr(cut);
        const bool open_ended = rest.ends_with('=') || rest.ends_with(':');
        text += (end.quoted ? rest : open_ended ? rest : shell_quote(rest)) + "\n";
    }
    return text;
}

std::string bash_completion() {
    return R"(# bash completion of lodge: what it can do and the names it knows, asked of lodge
_lodge() {
    local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=($(lodge complete "$line" "$COMP_WORDBREAKS" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]] && compopt -o nospace
    return 0
}
complete -o default -F _lodge lodge
)";
}

}  // namespace lodge
