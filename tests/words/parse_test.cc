#include <gtest/gtest.h>

#include "engine/error.h"
#include "engine/modules.h"
#include "engine/schema.h"
#include "power/power.h"
#include "power/sight.h"
#include "tui/manual.h"
#include "tui/words.h"

namespace lodge {
namespace {

const std::vector<std::span<const Command>>& all_tables() {
    static const std::vector<std::span<const Command>> tables = {
        guest_commands(),   snapshot_commands(),    disk_commands(),   storage_commands(),
        network_commands(), image_commands(),       job_commands(),    tui_commands(),
        demo_commands(),    power_sight_commands(), keeper_commands(), power_commands(),
        trial_commands()};
    return tables;
}

ParsedWords parse(const std::vector<std::string>& words) {
    return parse_words(all_tables(), words);
}

std::string trouble(const std::vector<std::string>& words) {
    try {
        parse(words);
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::usage) << error.what();
        return error.what();
    }
    return "";
}

using List = std::vector<std::string>;

TEST(Parse, ShortFormIsTheLongOne) {
    const ParsedWords shorter = parse({"start", "101", "web"});
    const ParsedWords longer = parse({"guest", "start", "101", "web"});
    ASSERT_NE(shorter.command, nullptr);
    EXPECT_EQ(shorter.command, longer.command);
    EXPECT_EQ(shorter.values, longer.values);
    EXPECT_EQ(shorter.values.list("guests"), (List{"101", "web"}));
}

TEST(Parse, OptionsStandAnywhere) {
    for (const List& words :
         {List{"--json", "list", "--running"}, List{"list", "--json", "--running"},
          List{"list", "--running", "--json"}, List{"--json", "guest", "list", "--running"}}) {
        const ParsedWords parsed = parse(words);
        EXPECT_TRUE(parsed.options.json);
        EXPECT_TRUE(parsed.values.flag("running"));
    }
}

TEST(Parse, ShortLettersOfAll) {
    const ParsedWords parsed = parse({"stop", "-y", "-q", "1"});
    EXPECT_TRUE(parsed.options.yes);
    EXPECT_TRUE(parsed.options.quiet);
    EXPECT_TRUE(parse({"-h"}).options.help);
    EXPECT_TRUE(parse({"-V"}).options.version);
}

TEST(Parse, ValuesAsSetTakesThem) {
    const ParsedWords parsed =
        parse({"set", "101", "cores=2", "--memory", "2048", "--net0=virtio,bridge=vmbr0",
               "--delete", "net1", "--delete", "onboot", "description=a=b c"});
    EXPECT_EQ(parsed.values.text("guest"), "101");
    EXPECT_EQ(parsed.values.list("values"),
              (List{"cores=2", "memory=2048", "net0=virtio,bridge=vmbr0", "description=a=b c"}));
    EXPECT_EQ(parsed.values.list("delete"), (List{"net1", "onboot"}));
}

TEST(Parse, OptionOfACommandWinsOverAKey) {
    // "name" is a key too, but clone has no keys and an option of its own.
    const ParsedWords parsed = parse({"clone", "101", "--name", "copy"});
    EXPECT_EQ(parsed.values.text("name"), "copy");
    EXPECT_FALSE(parsed.values.has("id"));
    EXPECT_EQ(parse({"clone", "101", "120"}).values.integer("id"), 120);
}

TEST(Parse, ProgramBehindTwoDashesIsTakenAsItIs) {
    const ParsedWords parsed =
        parse({"exec", "101", "--timeout", "5", "--", "ls", "-l", "--json", "--memory"});
    EXPECT_EQ(parsed.values.list("command"), (List{"ls", "-l", "--json", "--memory"}));
    EXPECT_EQ(parsed.values.integer("timeout"), 5);
    EXPECT_FALSE(parsed.options.json);
}

TEST(Parse, FallbacksAreThere) {
    EXPECT_EQ(parse({"exec", "101", "--", "ls"}).values.text("timeout"), "30");
    EXPECT_FALSE(parse({"create"}).values.has("kind"));
}

TEST(Parse, OwnOptionCalledLikeOneOfAll) {
    const ParsedWords parsed = parse({"guest", "start-all", "--dry-run"});
    EXPECT_TRUE(parsed.values.flag("dry-run"));
    EXPECT_TRUE(parsed.options.dry_run);
}

// `lodge --console` is the full screen of a console; a log's --console is another thing.
TEST(Parse, LogOfTheConsoleIsNoFullScreen) {
    const ParsedWords parsed = parse({"log", "101", "--console"});
    EXPECT_TRUE(parsed.values.flag("console"));
    EXPECT_FALSE(parsed.options.console);
    EXPECT_TRUE(parse({"--console"}).options.console);
}

TEST(Parse, WordsThatLookOdd) {
    EXPECT_EQ(parse({"start", "it's \"my\" b\u00fcro"}).values.list("guests"),
              (List{"it's \"my\" b\u00fcro"}));
    EXPECT_EQ(parse({"start", "--", "--json"}).values.list("guests"), (List{"--json"}));
    EXPECT_EQ(parse({"start", ""}).values.list("guests"), (List{""}));
    EXPECT_EQ(parse({"start", "[a,b]"}).values.list("guests"), (List{"[a,b]"}));
}

TEST(Parse, HelpNeedsNoOtherWords) {
    const ParsedWords parsed = parse({"guest", "start", "--help"});
    EXPECT_TRUE(parsed.options.help);
    ASSERT_NE(parsed.command, nullptr);
    EXPECT_EQ(parsed.command->verb, "start");
    EXPECT_TRUE(parse({"guest", "--help"}).options.help);
    EXPECT_EQ(parse({"guest"}).subject, "guest");
}

TEST(Parse, NothingAtAll) {
    const ParsedWords parsed = parse({});
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_EQ(parsed.other, "");
}

TEST(Parse, SaysWhatWasMeant) {
    EXPECT_EQ(trouble({"sart", "101"}),
              "no command 'sart': did you mean start? lodge --help lists them");
    EXPECT_NE(trouble({"guest", "strat"}).find("did you mean start?"), std::string::npos);
    EXPECT_NE(trouble({"guets", "list"}).find("did you mean guest?"), std::string::npos);
    EXPECT_NE(trouble({"list", "--runing"}).find("did you mean --running?"), std::string::npos);
    EXPECT_EQ(trouble({"xyzzy"}), "no command 'xyzzy'; lodge --help lists them");
}

TEST(Parse, SaysWhatIsMissingOrTooMuch) {
    EXPECT_NE(trouble({"start"}).find("GUESTS... is missing"), std::string::npos);
    EXPECT_NE(trouble({"guest", "state", "1", "2"}).find("'2' is one word too many"),
              std::string::npos);
    EXPECT_NE(trouble({"shutdown", "1", "--timeout"}).find("--timeout"), std::string::npos);
    EXPECT_NE(trouble({"set", "1", "--memory"}).find("needs a value"), std::string::npos);
    EXPECT_NE(trouble({"list", "--color", "pink"}).find("pink"), std::string::npos);
}

TEST(Parse, NearestWord) {
    const std::vector<std::string_view> known = {"start", "stop", "reset", "restore", "list"};
    EXPECT_EQ(nearest_word("sart", known), "start");
    EXPECT_EQ(nearest_word("satrt", known), "start");
    EXPECT_EQ(nearest_word("lst", known), "list");
    EXPECT_EQ(nearest_word("resto", known), "restore");
    EXPECT_EQ(nearest_word("ls", known), "");
    EXPECT_EQ(nearest_word("", known), "");
    EXPECT_EQ(nearest_word(std::string(5000, 'x'), known), "");
}

// What the tables promise, kept for every command that any module adds.
TEST(Tables, EachCommandIsWhole) {
    std::vector<std::string> names, shorts;
    for (const auto& table : all_tables())
        for (const Command& command : table) {
            const std::string name = command_words(command);
            SCOPED_TRACE(name);
            EXPECT_FALSE(command.label.empty());
            EXPECT_TRUE(command.help.ends_with('.'));
            const int ways =
                (command.plan != nullptr) + (command.show != nullptr) + (command.run != nullptr);
            EXPECT_EQ(ways, 1);
            EXPECT_TRUE(command.show == nullptr || command.risk == Risk::none);
            EXPECT_EQ(std::count(names.begin(), names.end(), name), 0);
            names.push_back(name);
            if (!command.short_form.empty()) {
                EXPECT_EQ(std::count(shorts.begin(), shorts.end(), command.short_form), 0);
                shorts.emplace_back(command.short_form);
            }
            bool optional = false;
            for (size_t i = 0; i < command.operands.size(); ++i) {
                const Operand& operand = command.operands[i];
                EXPECT_TRUE(!operand.many || i + 1 == command.operands.size());
                EXPECT_TRUE(operand.optional || !optional) << "needed after an optional one";
                optional = optional || operand.optional;
                EXPECT_TRUE(operand.kind != WordKind::guest || operand.name == "guest");
            }
            for (const Option& option : command.options) {
                EXPECT_TRUE(option.help.ends_with('.')) << option.name;
                EXPECT_FALSE(option.name.starts_with('-'));
            }
            // No lower-case letter destroys anything.
            const bool lower = !command.twin.empty() && command.twin[0] >= 'a';
            EXPECT_FALSE(command.risk == Risk::destroys && lower);
        }
    for (const std::string& name : shorts)
        for (const std::string_view subject : subjects_of(all_tables()))
            EXPECT_TRUE(name != subject || name == "demo") << name;
}

TEST(Tables, HabitsNameCommandsThatAreThere) {
    for (const Habit& habit : habits()) {
        std::vector<std::string> words;
        std::string word;
        for (const char c : std::string(habit.ours) + " ") {
            if (c != ' ') {
                word += c;
            } else {
                words.push_back(word);
                word.clear();
            }
        }
        ASSERT_EQ(words[0], "lodge");
        words.erase(words.begin());
        EXPECT_NO_THROW(parse(words)) << habit.ours;
    }
}

TEST(Roff, TextIsSafe) {
    EXPECT_EQ(roff_text(".dot\n'quote -x \\ ~"), "\\&.dot\n\\&'quote \\-x \\e \\(ti");
    EXPECT_EQ(roff_text("b\u00fc"), "b\\[u00FC]");
}

}  // namespace
}  // namespace lodge
