#include "tui/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/completion.h"
#include "tui/create/linear.h"
#include "tui/help.h"
#include "tui/words_run.h"

namespace lodge {
namespace {

constexpr std::string_view words_of_a_menu =
    "the number or word of a command; with a ? before it, what it does; with a + behind it, also "
    "what can "
    "be left out; list; back; quit";

// Ends everything: the person wants it, or there is nobody any more.
struct Quit {};

bool takes_guest(const Command& command) {
    return !command.operands.empty() && !command.operands[0].optional &&
           (command.operands[0].kind == WordKind::guest ||
            command.operands[0].kind == WordKind::guests);
}

// Menu is the commands that can be chosen from by number, and what they act on.
struct Menu {
    std::string title;  // "100 (web)", "storage"
    std::vector<const Command*> commands;
    std::optional<int> guest;
};

// Linear asks and answers until the person quits.
class Linear {
  public:
    Linear(Engine& engine, CommandTables tables, bool readonly)
        : engine_(engine), tables_(tables), readonly_(readonly) {
        output_ = Output::find("never");
        output_.plain = output_.asks = true;
        output_.moves = false;
    }

    int run() {
        try {
            list();
            for (;;)
                guarded([this] { at_the_top(ask("lodge: ")); });
        } catch (const Quit&) {
            return 0;
        }
    }

  private:
    // What goes wrong is told, and the next question comes.
    template <class Work>
    void guarded(const Work& work) {
        try {
            work();
        } catch (const Error& error) {
            output_.trouble(error.what());
        }
    }

    void say(const std::string& line) const { output_.print(line + "\n"); }

    std::string ask(const std::string& prompt) {
        auto answer = read_answer(output_, prompt);
        if (answer) return std::move(*answer);
        output_.print("\n");
        throw Quit{};
    }

    void list() {
        const std::vector<Guest> guests = list_guests(engine_);
        say(guests.empty() ? "There are no guests yet." : counted(guests.size(), "guest") + ":");
        for (const Guest& guest : guests)
            say("  " + state_of(guest));
        std::vector<std::string> names;
        for (const std::string_view subject : subjects_of(tables_))
            names.emplace_back(subject);
        say("Say a guest's number or name; create for a new one; or " + join(names, ", ") +
            "; list; help; quit.");
    }

    std::string state_of(const Guest& guest) {
        const Sighting seen = guest.kind->look(engine_, guest);
        std::string words =
            fmt::format("{} {}: {}", guest.id, printable(guest.name), guest_state_word(seen.state));
        if (seen.state == GuestState::running || seen.state == GuestState::paused)
            words += fmt::format(" for {}, memory {} of {}", short_duration(seen.uptime),
                                 short_size(seen.memory_resident), short_size(seen.memory_limit));
        if (!guest.unreadable.empty()) words += ", its file cannot be read";
        for (const std::string& note : seen.notes)
            words += ", " + printable(note);
        return words;
    }

    void at_the_top(const std::string& word) {
        if (word.empty() || word == "back") return;
        if (word == "quit" || word == "q" || word == "exit") throw Quit{};
        if (word == "list") {
            list();
            return;
        }
        if (word == "help" || word == "?") {
            output_.print(program_help(tables_, output_));
            return;
        }
        const auto subjects = subjects_of(tables_);
        if (std::find(subjects.begin(), subjects.end(), word) != subjects.end()) {
            choose({word, commands_of(word), std::nullopt});
            return;
        }
        if (word == "create") {
            size_t taken = 0;
            const Menu menu{word, {}, std::nullopt};
            carry_out(menu, *find_command(tables_, split("guest create", ' '), taken), false);
            return;
        }
        const Guest guest = find_guest(engine_, word);
        choose({guest_words(guest), commands_on_guests(), guest.id});
    }

    std::vector<const Command*> commands_of(std::string_view subject) const {
        std::vector<const Command*> found;
        for (const auto& table : tables_)
            for (const Command& command : table)
                if (command.subject == subject) found.push_back(&command);
        return found;
    }

    std::vector<const Command*> commands_on_guests() const {
        std::vector<const Command*> found;
        for (const auto& table : tables_)
            for (const Command& command : table)
                if (takes_guest(command)) found.push_back(&command);
        return found;
    }

    Values given(const Menu& menu) const {
        return menu.guest ? Values{{"guest", *menu.guest}} : Values{};
    }

    std::string why_not(const Command& command, const Values& values) {
        if (readonly_ && App::changes(command)) return "lodge --readonly changes nothing";
        if (!command.why_not) return "";
        try {
            return command.why_not(engine_, values);
        } catch (const Error& error) {
            return error.what();
        }
    }

    void print_menu(const Menu& menu) {
        say(menu.guest ? state_of(load_guest(engine_, *menu.guest)) : menu.title + ":");
        for (size_t i = 0; i < menu.commands.size(); ++i) {
            const Command& command = *menu.commands[i];
            const bool plain = command.subject == "guest" || !menu.guest;
            std::string line =
                fmt::format("  {} {}{}", i + 1, plain ? "" : std::string(command.subject) + ": ",
                            command.label);
            if (const std::string why = why_not(command, given(menu)); !why.empty())
                line += "; not now: " + printable(why);
            say(line);
        }
        say("Say " + std::string(words_of_a_menu) + ".");
    }

    void choose(const Menu& menu) {
        print_menu(menu);
        for (;;) {
            const std::string word = ask(menu.title + ": ");
            if (word == "back" || word == "b") return;
            if (word == "quit" || word == "q" || word == "exit") throw Quit{};
            // A guest may be gone after its command.
            if (menu.guest && word == "list") find_guest(engine_, std::to_string(*menu.guest));
            guarded([&] { obey(menu, word); });
        }
    }

    void obey(const Menu& menu, std::string word) {
        if (word.empty()) return;
        if (word == "list") {
            print_menu(menu);
            return;
        }
        if (word == "help" || word == "?") {
            say("Say " + std::string(words_of_a_menu) + ".");
            return;
        }
        const bool explain = word[0] == '?', more = word.back() == '+';
        if (explain) word.erase(0, 1);
        if (more) word.pop_back();
        const Command& command = chosen(menu, trim(word));
        if (!explain) {
            carry_out(menu, command, more);
            return;
        }
        const std::string help = command_help(command, output_);
        output_.print(help.substr(0, help.find("\nOptions of every command")));
    }

    // By its number, or by its words: "stop", "snapshot rollback".
    static const Command& chosen(const Menu& menu, std::string_view word) {
        const auto number = parse_integer(word);
        if (number && *number >= 1 && *number <= static_cast<int64_t>(menu.commands.size()))
            return *menu.commands[static_cast<size_t>(*number - 1)];
        for (const Command* command : menu.commands)
            if (command_words(*command) == word ||
                (command->verb == word && (command->subject == "guest" || !menu.guest)))
                return *command;
        fail(Exit::usage, "'{}' is none of it: {}", printable(word), words_of_a_menu);
    }

    void carry_out(const Menu& menu, const Command& command, bool more) {
        if (const std::string why = why_not(command, given(menu)); !why.empty())
            throw Error(Exit::refused, why);
        if (command_words(command) == "guest create" && !more) {
            create_line_by_line(engine_, tables_, output_);
            return;
        }
        ParsedWords parsed;
        parsed.command = &command;
        for (const Operand& operand : command.operands)
            ask_operand(menu, operand, more, parsed);
        for (const Option& option : command.options)
            ask_option(option, more, parsed.values);
        run_command(engine_, parsed, output_);
    }

    void ask_operand(const Menu& menu, const Operand& operand, bool more, ParsedWords& parsed) {
        const std::string name(operand.name);
        const bool guest = operand.kind == WordKind::guest || operand.kind == WordKind::guests;
        if (guest && menu.guest) {
            parsed.values.set({name, *menu.guest});
            return;
        }
        // What to change is all that a command that changes keys is for.
        if (operand.optional && !more && operand.kind != WordKind::key_value) return;
        offer(operand, parsed);
        const std::string prompt =
            fmt::format("{} ({}){}: ", name, operand.help, operand.optional ? ", or nothing" : "");
        std::string answer = ask(prompt);
        if (answer.empty() && !operand.optional) throw Error(Exit::cancelled, "nothing was done");
        while (!answer.empty()) {
            parsed.values.add(name, answer);
            if (!operand.many) return;
            answer = ask("one more, or nothing: ");
        }
    }

    // What can be said, where that is known: what the shell would complete.
    void offer(const Operand& operand, const ParsedWords& parsed) {
        if (operand.kind == WordKind::text || operand.kind == WordKind::path ||
            operand.kind == WordKind::key_value)
            return;
        std::vector<std::string> words = {std::string(parsed.command->subject),
                                          std::string(parsed.command->verb)};
        for (const Operand& before : parsed.command->operands)
            for (const std::string& word : parsed.values.list(before.name))
                words.push_back(word);
        words.emplace_back();
        const auto known = candidates(tables_, engine_, words);
        if (!known.empty()) say("There is: " + printable(join(known, ", ")));
    }

    void ask_option(const Option& option, bool more, Values& values) {
        const std::string name(option.name);
        if (!option.fallback.empty()) values.set({name, option.fallback});
        if (!more) return;
        const bool flag = option.value.empty();
        const std::string usual = flag ? ", y or nothing"
                                  : option.fallback.empty()
                                      ? ", or nothing"
                                      : fmt::format(", or nothing for {}", option.fallback);
        std::string answer = ask(fmt::format("{} ({}){}: ", name, option.help, usual));
        if (flag && (answer == "y" || answer == "yes")) values.set({name, true});
        if (flag || answer.empty()) return;
        values.set({name, answer});
        while (option.many && !(answer = ask("one more, or nothing: ")).empty())
            values.add(name, answer);
    }

    Engine& engine_;
    CommandTables tables_;
    bool readonly_;
    Output output_;
};

}  // namespace

int run_linear(Engine& engine, CommandTables tables, bool readonly) {
    return Linear(engine, tables, readonly).run();
}

}  // namespace lodge
