#include "tui/words_run.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/engine.h"
#include "engine/units.h"
#include "tui/completion.h"
#include "tui/help.h"
#include "tui/manual.h"
#include "tui/overview.h"

namespace lodge {

using nlohmann::json;

namespace {

const Operand* operand_of(const Command& command, WordKind kind) {
    for (const Operand& operand : command.operands)
        if (operand.kind == kind) return &operand;
    return nullptr;
}

std::string dump(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

void tell_error(const Output& output, const Error& error) {
    if (output.json)
        output.error(dump({{"error", error.what()}, {"exit", static_cast<int>(error.exit())}}));
    else
        output.trouble(error.what());
}

int status_of(Exit exit) {
    return static_cast<int>(exit);
}

// Names become ids, so that commands and jobs see only those.
void resolve_guest(Engine& engine, const Command& command, Values& values) {
    const Operand* operand = operand_of(command, WordKind::guest);
    if (!operand || !values.has(operand->name)) return;
    if (names_volume(values.text(operand->name))) return;
    const Guest guest = find_guest(engine, values.text(operand->name));
    values.set({std::string(operand->name), guest.id});
}

void refuse_when(Engine& engine, const Command& command, const Values& values) {
    if (!command.why_not) return;
    const std::string why = command.why_not(engine, values);
    if (!why.empty()) throw Error(Exit::refused, why);
}

int show(Engine& engine, const ParsedWords& parsed, const Output& output) {
    Values values = parsed.values;
    resolve_guest(engine, *parsed.command, values);
    refuse_when(engine, *parsed.command, values);
    const Report report = parsed.command->show(engine, values);
    if (output.json)
        output.print(report.json.ends_with('\n') ? report.json : report.json + "\n");
    else if (!output.quiet)
        output.print(printable_lines(report.text));
    return 0;
}

int run(Engine& engine, const ParsedWords& parsed, const Output& output) {
    Values values = parsed.values;
    const auto& options = parsed.command->options;
    for (const auto& [name, set] : {std::pair<const char*, bool>{"dry-run", parsed.options.dry_run},
                                    {"json", parsed.options.json},
                                    {"quiet", parsed.options.quiet},
                                    {"yes", parsed.options.yes}}) {
        const bool known =
            std::any_of(options.begin(), options.end(),
                        [word = name](const Option& option) { return option.name == word; });
        if (set && known) values.set({name, true});
        if (set && !known && std::string_view(name) != "quiet" && std::string_view(name) != "yes")
            fail(Exit::usage, "{} knows no --{}", command_words(*parsed.command), name);
    }
    resolve_guest(engine, *parsed.command, values);
    refuse_when(engine, *parsed.command, values);
    if (parsed.command->risk == Risk::interrupts && !parsed.options.yes)
        ask_yes(output, fmt::format("{} ", parsed.command->help));
    return parsed.command->run(engine, values);
}

std::string_view first_line(std::string_view text) {
    return trim(text.substr(0, text.find('\n')));
}

std::string version_words() {
    return std::string("lodge ") + LODGE_VERSION + "\n";
}

int no_command(CommandTables tables, const ParsedWords& parsed, const Output& output) {
    const auto& options = parsed.options;
    if (!parsed.subject.empty()) {
        if (!options.help) {
            output.error(subject_help(tables, parsed.subject, output));
            return status_of(Exit::usage);
        }
        output.print(subject_help(tables, parsed.subject, output));
        return 0;
    }
    if (parsed.other == "help") {
        output.print(help_about(tables, parsed.rest, output));
        return 0;
    }
    if (options.help) {
        output.print(program_help(tables, output));
        return 0;
    }
    if (options.version) {
        output.print(options.json ? dump({{"version", LODGE_VERSION}}) : version_words());
        return 0;
    }
    if (parsed.other == "manual") {
        output.print(manual_page(tables));
        return 0;
    }
    if (parsed.other == "completion") {
        if (parsed.rest != std::vector<std::string>{"bash"})
            fail(Exit::usage, "lodge completion knows bash: lodge completion bash");
        output.print(bash_completion());
        return 0;
    }
    return -1;
}

}  // namespace

bool names_volume(std::string_view word) {
    return word.find(':') != std::string_view::npos || word.starts_with('/');
}

void ask_yes(const Output& output, const std::string& question) {
    if (!output.asks)
        fail(Exit::usage, "{}: this asks first, and nobody can answer here; add --yes",
             first_line(question));
    output.error(question + "[y/N] ");
    std::string answer;
    std::getline(std::cin, answer);
    const std::string_view word = trim(answer);
    if (word != "y" && word != "Y" && word != "yes")
        throw Error(Exit::cancelled, "nothing was done");
}

void ask_name(const Output& output, const std::string& question, const std::string& name) {
    if (!output.asks)
        fail(Exit::usage,
             "{}: this cannot be undone and asks first, and nobody can answer here; "
             "add --yes",
             first_line(question));
    output.error(fmt::format("{}\nType {} to go on: ", question, printable(name)));
    std::string answer;
    std::getline(std::cin, answer);
    if (trim(answer) != trim(name)) throw Error(Exit::cancelled, "nothing was done");
}

int run_words(CommandTables tables, const std::vector<std::string>& words) {
    Output output = Output::find("auto");
    output.json = std::find(words.begin(), words.end(), "--json") != words.end();
    try {
        const ParsedWords parsed = parse_words(tables, words);
        output = Output::find(parsed.options.color);
        output.quiet = parsed.options.quiet;
        output.json = parsed.options.json;
        if (parsed.command && parsed.options.help) {
            output.print(command_help(*parsed.command, output));
            return 0;
        }
        if (!parsed.command)
            if (const int status = no_command(tables, parsed, output); status >= 0) return status;
        Host host = Host::real();
        Engine engine(host, all_actions(), guest_kinds());
        if (parsed.other == "complete") {
            output.print(complete_words(tables, engine, parsed.rest));
            return 0;
        }
        if (!parsed.command) {
            const Report report = overview(engine);
            output.print(output.json ? report.json : printable_lines(report.text));
            return 0;
        }
        if (parsed.command->show) return show(engine, parsed, output);
        if (parsed.command->run) return run(engine, parsed, output);
        return run_plans(engine, parsed, output);
    } catch (const Error& error) {
        tell_error(output, error);
        return status_of(error.exit());
    } catch (const std::exception& error) {
        tell_error(output, Error(std::string("this should not happen: ") + error.what()));
        return status_of(Exit::failed);
    }
}

}  // namespace lodge
