#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "engine/error.h"
#include "engine/schema.h"
#include "engine/store.h"
#include "engine/units.h"
#include "tui/global_options.h"
#include "tui/words.h"

namespace lodge {
namespace {

constexpr std::string_view others[] = {"help", "manual", "completion", "complete"};

std::string name_of_option(std::string_view word) {
    return std::string(word.substr(0, word.find('=')));
}

bool is_option(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && word != "--";
}

bool has_option(std::span<const Option> options, std::string_view name) {
    return std::any_of(options.begin(), options.end(),
                       [&](const Option& option) { return option.name == name; });
}

bool takes_keys(const Command& command) {
    return std::any_of(command.operands.begin(), command.operands.end(),
                       [](const Operand& operand) { return operand.kind == WordKind::key_value; });
}

// Hands that know qm write `--memory 2048` where we write `memory=2048`: both are taken.
std::vector<std::string> keys_without_dashes(const Command& command,
                                             const std::vector<std::string>& words) {
    if (!takes_keys(command)) return words;
    std::vector<std::string> taken;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--") {
            taken.insert(taken.end(), words.begin() + static_cast<ptrdiff_t>(i), words.end());
            break;
        }
        if (word.size() < 3 || word.compare(0, 2, "--") != 0) {
            taken.push_back(word);
            continue;
        }
        const std::string name = name_of_option(word).substr(2);
        const bool is_key = !has_option(command.options, name) &&
                            !has_option(global_options(), name) &&
                            (vm_schema().find(name) || container_schema().find(name));
        if (!is_key) {
            taken.push_back(word);
        } else if (word.find('=') != std::string::npos) {
            taken.push_back(word.substr(2));
        } else if (i + 1 < words.size()) {
            taken.push_back(name + "=" + words[++i]);
        } else {
            fail(Exit::usage, "'{}' needs a value: {}=VALUE", word, name);
        }
    }
    return taken;
}

// Parser is a CLI11 app for one command: only what was meant is built.
class Parser {
  public:
    explicit Parser(const Command* command) : command_(command) {
        app_.set_help_flag();
        for (const Option& option : global_options()) {
            if (bool* flag = global_flag(parsed_.options, option.name))
                app_.add_flag(global_flag_names(option.name), *flag);
            else
                add_global_word(option.name);
        }
        if (!command) return;
        for (const Option& option : command->options)
            add(option);
        for (const Operand& operand : command->operands)
            add(operand);
    }

    ParsedWords parse(std::vector<std::string> words) {
        for (std::string& word : words)
            if (word.starts_with('[')) word.insert(word.begin(), guard);
        std::reverse(words.begin(), words.end());  // as CLI11 takes them
        app_.parse(std::move(words));
        for (Slot& slot : slots_) {
            for (std::string& word : slot.words)
                if (word.starts_with(guard)) word.erase(0, 1);
            if (slot.flag) {
                if (slot.is_set) parsed_.values.set({std::string(slot.name), true});
                // An option of the command's own that is called like one of all is both, but for
                // the full screen's: that is not what a command's --console means.
                bool* flag = global_flag(parsed_.options, slot.name);
                if (flag && flag != &parsed_.options.console && slot.is_set) *flag = true;
            } else if (!slot.words.empty()) {
                parsed_.values.set({std::string(slot.name), slot.words});
            } else if (!slot.fallback.empty()) {
                parsed_.values.set({std::string(slot.name), slot.fallback});
            }
        }
        parsed_.command = command_;
        return std::move(parsed_);
    }
    const GlobalOptions& options() const { return parsed_.options; }

  private:
    void add_global_word(std::string_view name) {
        const std::string dashed = "--" + std::string(name);
        app_.add_option(dashed, *global_word(parsed_.options, name))
            ->check([dashed](const std::string& word) { return global_problem(dashed, word); });
    }

    // CLI11 takes "[a,b]" for two words; with this in front it does not.
    static constexpr char guard = '\x01';

    struct Slot {
        std::string_view name, fallback;
        bool flag = false, is_set = false;
        std::vector<std::string> words;
    };

    void add(const Option& option) {
        Slot& slot = slots_.emplace_back();
        slot.name = option.name;
        slot.fallback = option.fallback;
        slot.flag = option.value.empty();
        const std::string dashed = "--" + std::string(option.name);
        // A command may have an option of its own that is called like one of all.
        if (has_option(global_options(), option.name)) app_.remove_option(app_.get_option(dashed));
        if (slot.flag) {
            app_.add_flag(global_flag_names(option.name), slot.is_set);
        } else {
            app_.add_option(dashed, slot.words)
                ->expected(1)
                ->allow_extra_args(false)
                ->multi_option_policy(option.many ? CLI::MultiOptionPolicy::TakeAll
                                                  : CLI::MultiOptionPolicy::Throw);
        }
    }

    void add(const Operand& operand) {
        Slot& slot = slots_.emplace_back();
        slot.name = operand.name;
        auto* option = app_.add_option(std::string(operand.name), slot.words);
        option->required(!operand.optional);
        option->allow_extra_args(operand.many);
        option->expected(1, operand.many ? 1 << 20 : 1);
    }

    const Command* command_;
    CLI::App app_;
    ParsedWords parsed_;
    std::deque<Slot> slots_;  // CLI11 keeps references into it
};

// What stands between "no command 'x'" and where to look.
std::string meant(const std::string& near) {
    return near.empty() ? ";" : ": did you mean " + near + "?";
}

std::string see_help(const Command* command) {
    return command ? "usage: " + usage_line(*command) : "lodge --help";
}

// What CLI11 found wrong, in our words.
[[noreturn]] void explain(const Command* command, const CLI::ParseError& error,
                          const std::vector<std::string>& words) {
    if (dynamic_cast<const CLI::ExtrasError*>(&error)) {
        std::vector<std::string_view> known;
        for (const Option& option : global_options())
            known.push_back(option.name);
        if (command)
            for (const Option& option : command->options)
                known.push_back(option.name);
        const std::string message = error.what();
        for (const std::string& word : words) {
            if (!is_option(word) || message.find(word) == std::string::npos) continue;
            const std::string name = name_of_option(word);
            const std::string near =
                name.size() > 3 ? nearest_word(std::string_view(name).substr(2), known) : "";
            fail(Exit::usage, "no option '{}'{} {}", name, meant(near.empty() ? near : "--" + near),
                 see_help(command));
        }
        for (auto word = words.rbegin(); word != words.rend(); ++word)
            if (message.find(*word) != std::string::npos)
                fail(Exit::usage, "'{}' is one word too many; {}", *word, see_help(command));
    }
    if (dynamic_cast<const CLI::RequiredError*>(&error) && command) {
        for (const Operand& operand : command->operands)
            if (std::string_view(error.what()).starts_with(operand.name))
                fail(Exit::usage, "{} is missing; {}", operand_words(operand), see_help(command));
    }
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
        const std::string_view message = error.what();
        fail(Exit::usage, "{} needs one value; {}", message.substr(0, message.find(':')),
             see_help(command));
    }
    fail(Exit::usage, "{}; {}", error.what(), see_help(command));
}

ParsedWords parse_with(const Command* command, const std::vector<std::string>& words) {
    Parser parser(command);
    try {
        return parser.parse(words);
    } catch (const CLI::RequiredError& error) {
        // `lodge guest start --help` asks for words, not for a guest.
        if (parser.options().help) {
            ParsedWords parsed;
            parsed.command = command;
            parsed.options = parser.options();
            return parsed;
        }
        explain(command, error, words);
    } catch (const CLI::ParseError& error) {
        explain(command, error, words);
    }
}

[[noreturn]] void no_such(CommandTables tables, const std::string& word) {
    std::vector<std::string_view> known = subjects_of(tables);
    for (const auto& table : tables)
        for (const Command& command : table)
            if (!command.short_form.empty()) known.push_back(command.short_form);
    known.insert(known.end(), std::begin(others), std::end(others) - 1);
    const std::string near = nearest_word(word, known);
    fail(Exit::usage, "no command '{}'{} lodge --help lists them", word, meant(near));
}

[[noreturn]] void no_such_verb(CommandTables tables, const std::string& subject,
                               const std::string& verb) {
    std::vector<std::string_view> known;
    for (const auto& table : tables)
        for (const Command& command : table)
            if (command.subject == subject) known.push_back(command.verb);
    const std::string near = nearest_word(verb, known);
    fail(Exit::usage, "no command '{} {}'{} lodge {} --help lists them", subject, verb, meant(near),
         subject);
}

}  // namespace

std::vector<std::string_view> subjects_of(CommandTables tables) {
    std::vector<std::string_view> subjects;
    for (const auto& table : tables)
        for (const Command& command : table)
            if (std::find(subjects.begin(), subjects.end(), command.subject) == subjects.end())
                subjects.push_back(command.subject);
    return subjects;
}

std::string operand_words(const Operand& operand) {
    std::string name;
    for (const char c : operand.name)
        name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (operand.kind == WordKind::key_value) name = "KEY=VALUE";
    if (operand.many) name += "...";
    return operand.optional ? "[" + name + "]" : name;
}

std::string option_words(const Option& option) {
    std::string words = "--" + std::string(option.name);
    if (!option.value.empty()) words += " " + std::string(option.value);
    return words;
}

std::string command_words(const Command& command) {
    if (command.verb.empty()) return std::string(command.subject);
    return std::string(command.subject) + " " + std::string(command.verb);
}

std::string usage_line(const Command& command) {
    std::string line = "lodge " + command_words(command);
    for (const Operand& operand : command.operands)
        line += " " + operand_words(operand);
    for (const Option& option : command.options)
        line += " [" + option_words(option) + "]";
    return line;
}

namespace {

// Words that may stand between operands for reading: `lodge device give 01:00.0 to 101`.
struct Filler {
    std::string_view subject, verb, word;
    size_t place;  // operands before it
};
constexpr Filler fillers[] = {{"device", "give", "to", 1}, {"device", "use", "for", 1}};

std::vector<std::string> without_fillers(const Command& command, std::vector<std::string> words) {
    for (const Filler& filler : fillers) {
        if (filler.subject != command.subject || filler.verb != command.verb) continue;
        size_t place = 0;
        for (size_t i = 0; i < words.size(); ++i) {
            if (is_option(words[i])) continue;
            if (place++ != filler.place) continue;
            if (words[i] == filler.word) words.erase(words.begin() + static_cast<ptrdiff_t>(i));
            break;
        }
    }
    return words;
}

}  // namespace

ParsedWords parse_words(CommandTables tables, const std::vector<std::string>& words) {
    // Global options may stand before the command too.
    size_t first = 0;
    while (first < words.size() && is_option(words[first]))
        first += global_takes_word(words[first]) ? 2 : 1;
    first = std::min(first, words.size());
    const std::vector<std::string> front(words.begin(),
                                         words.begin() + static_cast<ptrdiff_t>(first));
    std::vector<std::string> rest(words.begin() + static_cast<ptrdiff_t>(first), words.end());
    if (rest.empty()) return parse_with(nullptr, front);

    size_t taken = 0;
    if (const Command* command = find_command(tables, rest, taken)) {
        rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(taken));
        rest = without_fillers(*command, keys_without_dashes(*command, rest));
        rest.insert(rest.begin(), front.begin(), front.end());
        return parse_with(command, rest);
    }
    const bool is_other =
        std::find(std::begin(others), std::end(others), rest[0]) != std::end(others);
    const auto subjects = subjects_of(tables);
    const bool is_subject = std::find(subjects.begin(), subjects.end(), rest[0]) != subjects.end();
    if (!is_other && !is_subject) no_such(tables, rest[0]);
    if (is_subject && rest.size() > 1 && !is_option(rest[1]))
        no_such_verb(tables, rest[0], rest[1]);
    // Their words are taken as they are; `--help` behind them is ours.
    ParsedWords parsed;
    if (rest[0] == "complete") {
        parsed.other = rest[0];
        parsed.rest.assign(rest.begin() + 1, rest.end());
        return parsed;
    }
    std::vector<std::string> flags = front;
    std::vector<std::string> plain;
    for (size_t i = 1; i < rest.size(); ++i)
        (is_option(rest[i]) ? flags : plain).push_back(rest[i]);
    parsed = parse_with(nullptr, flags);
    (is_other ? parsed.other : parsed.subject) = rest[0];
    parsed.rest = plain;
    return parsed;
}

}  // namespace lodge
