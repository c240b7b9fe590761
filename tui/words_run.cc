#include "tui/words_run.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/engine.h"
#include "engine/trial.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/completion.h"
#include "tui/full_screen.h"
#include "tui/help.h"
#include "tui/linear.h"
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
    if (output.json) {
        const std::string json = report.as_json();
        output.print(json.ends_with('\n') ? json : json + "\n");
    } else if (!output.quiet)
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
    if (parsed.command->risk == Risk::interrupts && !parsed.options.yes && !parsed.options.dry_run)
        ask_yes(output, fmt::format("{} ", parsed.command->help));
    return parsed.command->run(engine, values);
}

std::string_view first_line(std::string_view text) {
    return trim(text.substr(0, text.find('\n')));
}

std::string version_words() {
    return std::string("lodge ") + LODGE_VERSION + "\n";
}

// --readonly holds for words as well, and the locked console is nothing but the full screen.
void refuse_mixed(const ParsedWords& parsed) {
    if (parsed.options.console && (parsed.options.linear || parsed.command))
        fail(Exit::usage, "--console is the full screen of a console: no words go with it");
    if (parsed.options.readonly && parsed.command && App::changes(*parsed.command))
        fail(Exit::refused, "{}: --readonly changes nothing", command_words(*parsed.command));
}

// Without words Lodge is the full screen, where somebody can see it. The console's unit sends
// errors to the journal, and wants the screen all the same.
bool opens_screen(const ParsedWords& parsed, const Output& output) {
    if (parsed.options.console) return true;
    return output.terminal && output.asks && !parsed.options.json && !parsed.options.quiet;
}

FullScreenWishes screen_wishes(const GlobalOptions& options) {
    FullScreenWishes wishes;
    wishes.colors = options.color == "never" ? ColorLevel::mono : parse_color_level(options.color);
    wishes.glyphs = parse_glyph_level(options.glyphs);
    wishes.readonly = options.readonly;
    wishes.console = options.console;
    wishes.lock_after = std::chrono::minutes(parse_integer(options.lock_after).value_or(0));
    wishes.rest_after = std::chrono::minutes(parse_integer(options.rest_after).value_or(0));
    return wishes;
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

// What the person types; p alone prints the plan and asks again, unless that is the name to type.
std::string answer_to(const Output& output, const std::string& question, const std::string& prompt,
                      const PlanText& plan, std::string_view name) {
    output.error(question);
    for (;;) {
        const auto word = read_answer(output, prompt);
        if (!word || !plan || word != "p" || name == "p") return word.value_or("");
        output.error(printable_lines(plan()));
    }
}

}  // namespace

bool names_volume(std::string_view word) {
    return word.find(':') != std::string_view::npos || word.starts_with('/');
}

std::optional<std::string> read_answer(const Output& output, const std::string& prompt,
                                       bool secret) {
    output.error(prompt);
    std::string answer;
    if (!std::getline(std::cin, answer)) return std::nullopt;
    if (output.plain && ::isatty(STDIN_FILENO) == 0)
        output.error((secret ? "" : printable(answer)) + "\n");
    return std::string(trim(answer));
}

void ask_yes(const Output& output, const std::string& question, const PlanText& plan) {
    if (!output.asks)
        fail(Exit::usage, "{}: this asks first, and nobody can answer here; add --yes",
             first_line(question));
    const std::string word =
        answer_to(output, question, plan ? "[y/N], p shows the plan: " : "[y/N] ", plan, "");
    if (word != "y" && word != "Y" && word != "yes")
        throw Error(Exit::cancelled, "nothing was done");
}

void ask_name(const Output& output, const std::string& question, const std::string& name,
              const PlanText& plan) {
    if (!output.asks)
        fail(Exit::usage,
             "{}: this cannot be undone and asks first, and nobody can answer here; "
             "add --yes",
             first_line(question));
    const std::string prompt =
        fmt::format("Type {} to go on{}: ", printable(name), plan ? ", p shows the plan" : "");
    if (answer_to(output, question + "\n", prompt, plan, name) != trim(name))
        throw Error(Exit::cancelled, "nothing was done");
}

int run_command(Engine& engine, const ParsedWords& parsed, const Output& output) {
    if (parsed.command->show) return show(engine, parsed, output);
    if (parsed.command->run) return run(engine, parsed, output);
    return run_plans(engine, parsed, output);
}

// What was on trial when its watcher, or the machine, was ended is taken back before anything else.
void recover(Engine& engine, const ParsedWords& parsed, const Output& output) {
    if (parsed.command && parsed.command->subject == "trial" &&
        (parsed.command->verb == "watch" || parsed.command->verb == "recover"))
        return;
    for (const std::string& line : recover_trials(engine))
        output.warning(line);
}

int run_words(CommandTables tables, const Actions& actions,
              std::span<const DeviceKind* const> devices, const std::vector<std::string>& words) {
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
        refuse_mixed(parsed);
        Host host = Host::real();
        Engine engine(host, actions, guest_kinds(), devices);
        if (parsed.other == "complete") {
            output.print(complete_words(tables, engine, parsed.rest));
            return 0;
        }
        recover(engine, parsed, output);
        if (!parsed.command && parsed.options.linear)
            return run_linear(engine, tables, parsed.options.readonly);
        if (!parsed.command && opens_screen(parsed, output))
            return run_full_screen(engine, tables, screen_wishes(parsed.options));
        if (!parsed.command) {
            const Report report = overview(engine);
            output.print(output.json ? report.json : printable_lines(report.text));
            return 0;
        }
        return run_command(engine, parsed, output);
    } catch (const Error& error) {
        tell_error(output, error);
        return status_of(error.exit());
    } catch (const std::exception& error) {
        tell_error(output, Error(std::string("this should not happen: ") + error.what()));
        return status_of(Exit::failed);
    }
}

}  // namespace lodge
