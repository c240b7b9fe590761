#include "tui/completion.h"

#include <gtest/gtest.h>

#include "engine/modules.h"
#include "power/power.h"
#include "power/sight.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using List = std::vector<std::string>;

class Completion : public testing::Test {
  protected:
    Completion() {
        guest(101, "name: web\n\n[before]\nname: web\n\n[basis]\nname: web\n");
        guest(102, "name: it's a b\u00fcro\n");
        guest(103, "name: bad\x1b[2J\n");
    }
    void guest(int id, const std::string& text) {
        scratch_.host.write(scratch_.engine.store.path("qemu-server", id), text);
    }
    List of(const List& words) { return candidates(tables(), scratch_.engine, words); }
    std::string line(const std::string& typed, const std::string& breaks = " \t\n\"'><=;|&(:") {
        return complete_words(tables(), scratch_.engine, {typed, breaks});
    }
    static CommandTables tables() {
        static const std::vector<std::span<const Command>> all = {
            guest_commands(),   snapshot_commands(),    disk_commands(),   storage_commands(),
            network_commands(), image_commands(),       job_commands(),    tui_commands(),
            demo_commands(),    power_sight_commands(), keeper_commands(), power_commands(),
            trial_commands()};
        return all;
    }

    ScratchEngine scratch_;
};

TEST_F(Completion, SubjectsVerbsAndShortForms) {
    EXPECT_EQ(of({"gue"}), List{"guest"});
    EXPECT_EQ(of({"guest", "sta"}), (List{"start", "start-all", "state"}));
    EXPECT_EQ(of({"snapsh"}), (List{"snapshot", "snapshots"}));
    EXPECT_EQ(of({"nothing", "x"}), List{});
}

TEST_F(Completion, GuestsByIdAndName) {
    EXPECT_EQ(of({"start", ""}), (List{"101", "102", "103", "it's a b\u00fcro", "web"}));
    EXPECT_EQ(of({"start", "web", "w"}), List{}) << "each once";
    EXPECT_EQ(of({"guest", "state", "101", ""}), List{}) << "takes one";
}

TEST_F(Completion, NamesAreQuotedForTheShell) {
    EXPECT_EQ(line("lodge start it"), "'it'\\''s a b\u00fcro'\n");
    EXPECT_EQ(line("lodge start it\\'s\\ a"), "'it'\\''s a b\u00fcro'\n");
    EXPECT_EQ(line("lodge start \"it's"), "it's a b\u00fcro\n");
}

TEST_F(Completion, EscapeSequencesAreNotOffered) {
    for (const std::string& word : of({"start", ""}))
        EXPECT_EQ(word.find('\x1b'), List::value_type::npos);
}

TEST_F(Completion, OptionsOfTheCommandAndOfAll) {
    EXPECT_EQ(of({"shutdown", "101", "--fo"}), List{"--force"});
    EXPECT_EQ(of({"shutdown", "101", "--dr"}), List{"--dry-run"});
    EXPECT_EQ(of({"list", "--color", "a"}), (List{"always", "auto"}));
    EXPECT_EQ(of({"clone", "101", "--snapshot", "b"}), (List{"basis", "before"}));
    EXPECT_EQ(of({"exec", "101", "--", "--"}), List{});
}

TEST_F(Completion, SnapshotsOfTheGuestNamed) {
    EXPECT_EQ(of({"rollback", "web", ""}), (List{"basis", "before"}));
    EXPECT_EQ(of({"rollback", "102", ""}), List{});
    EXPECT_EQ(of({"rollback", "nobody", ""}), List{});
}

TEST_F(Completion, KeysAndValues) {
    EXPECT_EQ(of({"set", "101", "onb"}), List{"onboot="});
    EXPECT_EQ(of({"set", "101", "onboot="}), (List{"onboot=0", "onboot=1"}));
    EXPECT_EQ(of({"set", "101", "bios=o"}), List{"bios=ovmf"});
    EXPECT_EQ(of({"set", "101", "name=w"}), List{"name=web"}) << "what it holds now";
    EXPECT_EQ(of({"set", "101", "scsi0=l"}), List{"scsi0=local:"});
}

TEST_F(Completion, WordsThatBashCuts) {
    EXPECT_EQ(line("lodge set 101 bios=o"), "ovmf\n");
    EXPECT_EQ(line("lodge set 101 bios=o", " "), "bios=ovmf\n");
    EXPECT_EQ(line("lodge set 101 scsi0=lo"), "local:\n");
}

TEST_F(Completion, OddLinesDoNoHarm) {
    for (const char* typed :
         {"", "lodge", "lodge ", "lodge 'open", "lodge \\", "lodge --color", "lodge --",
          "lodge set", "x y z", "lodge set 101 =", "lodge help key "})
        (void)line(typed);
    EXPECT_EQ(of({}), List{});
}

TEST_F(Completion, BashReadsTheScript) {
    EXPECT_NE(bash_completion().find("complete -o default -F _lodge lodge"), std::string::npos);
}

}  // namespace
}  // namespace lodge
