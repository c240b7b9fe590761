#include "tui/create/linear.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/state.h"
#include "engine/state/senses.h"
#include "engine/text.h"
#include "engine/units.h"
#include "tui/create/steps.h"

namespace lodge {
namespace {

using Kind = FormField::Kind;

// Hidden is a terminal that does not show what is typed, as long as it lives.
class Hidden {
  public:
    explicit Hidden(bool wanted) : hides_(wanted && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!hides_) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    ~Hidden() {
        if (hides_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    Hidden(const Hidden&) = delete;
    Hidden& operator=(const Hidden&) = delete;
    bool hides() const { return hides_; }

  private:
    termios before_{};
    bool hides_;
};

// LinearWizard asks for a new guest.
class LinearWizard {
  public:
    LinearWizard(Engine& engine, CommandTables tables, const Output& output)
        : engine_(engine),
          tables_(tables),
          output_(output),
          state_(engine, std::make_unique<NoSenses>()),
          steps_({engine, state_}) {
        state_.look();
    }

    void run() {
        say("A new guest. Enter takes what stands in brackets; \"cancel\" ends without one.");
        std::vector<std::string> systems;
        for (const SystemKind& kind : system_kinds())
            systems.push_back(fmt::format("{}: {}", kind.label, kind.hardware));
        steps_.choose_system(system_kinds()[choose("System", systems, 0)]);
        choose_medium();
        for (;;) {
            std::vector<FormField> fields =
                steps_.setting_fields([this] { return said_.text("storage", ""); });
            said_ = {};
            for (FormField& field : fields)
                ask_field(field);
            const std::string wrong = steps_.take_settings(said_);
            if (wrong.empty()) break;
            say(sentence(wrong) + " Once more, then.");
        }
        make();
    }

  private:
    void say(const std::string& line) const { output_.print(printable(line) + "\n"); }

    static std::string sentence(std::string words) {
        if (!words.empty() && words[0] >= 'a' && words[0] <= 'z')
            words[0] = static_cast<char>(words[0] - 'a' + 'A');
        return words + ".";
    }

    std::string ask(const std::string& prompt, bool secret = false) const {
        std::optional<std::string> answer;
        {
            const Hidden hidden(secret);
            answer = read_answer(output_, printable(prompt) + ": ", secret);
            if (hidden.hides()) output_.error("\n");
        }
        if (!answer || *answer == "cancel") throw Error(Exit::cancelled, "nothing was done");
        return *answer;
    }

    // Asks until it is one of them; what the number, or the beginning of a line, stands for.
    size_t choose(const std::string& what, const std::vector<std::string>& lines, size_t best) {
        say(what + ":");
        for (size_t i = 0; i < lines.size(); ++i)
            say(fmt::format("  {} {}", i + 1, lines[i]));
        for (;;) {
            const std::string word = ask(fmt::format("{} [{}]", what, best + 1));
            if (word.empty()) return best;
            const auto number = parse_integer(word);
            if (number && *number >= 1 && *number <= static_cast<int64_t>(lines.size()))
                return static_cast<size_t>(*number - 1);
            const auto starts = [&](const std::string& line) { return line.starts_with(word); };
            const auto found = std::find_if(lines.begin(), lines.end(), starts);
            if (found != lines.end()) return static_cast<size_t>(found - lines.begin());
            say(fmt::format("'{}' is none of them: a number from 1 to {}.", word, lines.size()));
        }
    }

    void choose_medium() {
        for (;;) {
            std::vector<std::string> lines;
            for (const Medium& medium : steps_.media())
                lines.push_back(fmt::format("{} ({}): {}", medium.label, medium.note, medium.help));
            const size_t at = choose("From", lines, steps_.best());
            if (!steps_.media()[at].asks_servers) {
                steps_.choose_medium(at);
                break;
            }
            carry_out("image refresh", {});
            steps_.list_media();
        }
        if (!steps_.medium().asks_file) return;
        FormField field = steps_.file_fields().front();
        for (;;) {
            said_ = {};
            ask_field(field);
            const std::string file = said_.text("file");
            const std::string wrong = file_problem(file, steps_.guest().system->container);
            if (wrong.empty()) return steps_.take_file(file);
            say(sentence(wrong));
        }
    }

    // Into said_, unless it stays without a value.
    void ask_field(FormField& field) {
        if (field.kind == Kind::heading) return;
        if (field.kind == Kind::choice) {
            const auto now = std::find(field.choices.begin(), field.choices.end(), field.value);
            const size_t best =
                now == field.choices.end() ? 0 : static_cast<size_t>(now - field.choices.begin());
            const auto& lines = field.labels.empty() ? field.choices : field.labels;
            // One alone is no question.
            field.value = field.choices[lines.size() == 1 ? 0 : choose(field.label, lines, best)];
        } else {
            say(fmt::format("{}: {}", field.label, field.help));
            if (!field.choices.empty()) say("There is: " + join(field.choices, ", "));
            while (!ask_value(field)) {
            }
        }
        if (!field.value.empty()) said_.set({field.name, field.value});
    }

    // Whether the answer will do.
    bool ask_value(FormField& field) {
        const bool flag = field.kind == Kind::flag, secret = field.kind == Kind::secret;
        const std::string usual = flag                  ? (field.value == "1" ? "yes" : "no")
                                  : secret              ? "none"
                                  : field.value.empty() ? field.fallback
                                                        : field.value;
        std::string note = field.note ? field.note(field.value) : "";
        if (!note.empty()) note = ", " + note;
        const std::string answer = ask(
            fmt::format("{} [{}{}]", field.label, usual.empty() ? "none" : usual, note), secret);
        if (flag) {
            if (answer.empty()) return true;
            const auto said = parse_boolean(answer == "y" ? "yes" : answer == "n" ? "no" : answer);
            if (said) field.value = *said ? "1" : "";
            if (!said) say("Yes or no.");
            return said.has_value();
        }
        FormField tried = field;
        if (answer == "none" && !field.needed)
            tried.value.clear();
        else if (!answer.empty())
            tried.value = answer;
        const std::string wrong =
            tried.needed && tried.value.empty() ? field.label + " is needed" : problem_of(tried);
        if (!wrong.empty()) {
            say(sentence(wrong));
            return false;
        }
        field.value = tried.value;
        if (tried.note && !answer.empty() && !tried.value.empty())
            if (const std::string about = tried.note(tried.value); !about.empty()) say(about);
        return true;
    }

    void make() {
        say("This is to be made:");
        for (const auto& [name, words] : guest_lines(steps_.guest()))
            say(name.empty() ? "  " + words : fmt::format("  {}: {}", name, words));
        const std::string command = steps_.guest().command();
        const Values words = steps_.guest().words();
        const auto plan = [&] {
            return plan_as_shell(command_of(command).plan(engine_, words), engine_.actions);
        };
        ask_yes(output_, "Make it? ", plan);
        carry_out(command, words);
    }

    const Command& command_of(const std::string& words) const {
        size_t taken = 0;
        return *find_command(tables_, split(words, ' '), taken);
    }

    void carry_out(const std::string& command, const Values& words) {
        ParsedWords parsed;
        parsed.command = &command_of(command);
        parsed.values = words;
        run_command(engine_, parsed, output_);
    }

    Engine& engine_;
    CommandTables tables_;
    const Output& output_;
    State state_;
    CreateSteps steps_;
    Values said_;
};

}  // namespace

void create_line_by_line(Engine& engine, CommandTables tables, const Output& output) {
    LinearWizard(engine, tables, output).run();
}

}  // namespace lodge
