#include <gtest/gtest.h>

#include <map>

#include "engine/command.h"
#include "engine/state.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

// A kind of guest that is in the state a test says, and remembers what it was asked for.
class FakeKind : public GuestKind {
  public:
    std::string_view name() const override { return "vm"; }
    std::string_view folder() const override { return "qemu-server"; }
    const Schema& schema() const override { return vm_schema(); }
    Sighting look(Engine&, const Guest& guest) const override {
        Sighting sighting;
        if (const auto found = states.find(guest.id); found != states.end())
            sighting.state = found->second;
        sighting.memory_limit = 1 << 20;
        return sighting;
    }
    Plan start(Engine&, const Guest& guest, const Values&) const override {
        return saying("start", guest);
    }
    Plan shutdown(Engine&, const Guest& guest, const Values& words) const override {
        asked = words;
        return saying("shutdown", guest);
    }
    Plan set(Engine&, const Guest& guest, const Values& words) const override {
        asked = words;
        return saying("set", guest);
    }
    Plan create(Engine&, int id, const Values& words) const override {
        asked = words;
        Plan plan;
        plan.title = "create " + std::to_string(id);
        return plan;
    }

    static Plan saying(std::string_view verb, const Guest& guest) {
        Plan plan;
        plan.title = std::string(verb) + " " + guest_words(guest);
        return plan;
    }

    mutable std::map<int, GuestState> states;
    mutable Values asked;
};

class WhyNot : public testing::Test {
  protected:
    WhyNot() {
        guest(101, "name: web\n");
        guest(102, "name: base\ntemplate: 1\n");
        guest(103, "lock: backup\nname: stuck\n");
        guest(104, "name: odd\n\n[PENDING]\nmemory: 1024\n");
    }
    void guest(int id, const std::string& text) {
        host_.write(engine_.store.path("qemu-server", id), text);
    }
    static const Command& command(const std::string& subject, const std::string& verb) {
        static const std::vector<std::span<const Command>> all = {guest_commands(),
                                                                  snapshot_commands()};
        size_t taken = 0;
        const std::vector<std::string> words = {subject, verb};
        const Command* found = find_command(all, words, taken);
        if (!found) throw std::runtime_error("no command " + subject + " " + verb);
        return *found;
    }
    std::string why(const std::string& verb, int id, const Values& more = {}) {
        Values words = more;
        words.set({"guest", id});
        return command("guest", verb).why_not(engine_, words);
    }
    void is(int id, GuestState state) { kind_.states[id] = state; }

    ScratchFolder folder_;
    Host host_{ScratchEngine::places(folder_.path())};
    FakeKind kind_;
    const GuestKind* kinds_[1] = {&kind_};
    Engine engine_{host_, all_actions(), kinds_};
};

using enum GuestState;

TEST_F(WhyNot, Start) {
    EXPECT_EQ(why("start", 101), "");
    is(101, suspended);
    EXPECT_EQ(why("start", 101), "");
    is(101, running);
    EXPECT_EQ(why("start", 101), "cannot start 101 (web): it is running");
    EXPECT_EQ(why("start", 102), "cannot start 102 (base): it is a template; lodge clone 102");
}

TEST_F(WhyNot, EndingNeedsARunningGuest) {
    EXPECT_EQ(why("shutdown", 101), "cannot shut down 101 (web): it is stopped");
    EXPECT_EQ(why("reboot", 101), "cannot reboot 101 (web): it is stopped");
    EXPECT_EQ(why("stop", 101), "cannot stop 101 (web): it is stopped");
    EXPECT_EQ(why("reset", 101), "cannot reset 101 (web): it is stopped");
    is(101, running);
    for (const char* verb : {"shutdown", "reboot", "stop", "reset"})
        EXPECT_EQ(why(verb, 101), "");
    is(101, paused);
    EXPECT_EQ(why("stop", 101), "");
    EXPECT_EQ(why("shutdown", 101), "");
    is(101, suspended);
    EXPECT_EQ(why("shutdown", 101), "cannot shut down 101 (web): it is suspended");
}

TEST_F(WhyNot, SuspendAndResume) {
    EXPECT_EQ(why("suspend", 101), "cannot suspend 101 (web): it is stopped");
    EXPECT_EQ(why("resume", 101), "cannot resume 101 (web): it is stopped");
    is(101, paused);
    EXPECT_EQ(why("suspend", 101), "cannot suspend 101 (web): it is paused");
    EXPECT_EQ(why("suspend", 101, {{"to-disk", true}}), "");
    EXPECT_EQ(why("resume", 101), "");
}

TEST_F(WhyNot, ChangesNeedNoLock) {
    EXPECT_EQ(why("set", 101), "");
    EXPECT_NE(why("set", 103).find("it is locked (backup)"), std::string::npos);
    EXPECT_NE(why("clone", 103).find("it is locked (backup)"), std::string::npos);
    EXPECT_EQ(why("unlock", 103), "");
    EXPECT_EQ(why("unlock", 101), "cannot unlock 101 (web): it is not locked");
    EXPECT_EQ(why("revert", 104), "");
    EXPECT_EQ(why("revert", 101), "nothing of 101 (web) waits for the next start");
}

TEST_F(WhyNot, DestroyNeedsItStopped) {
    EXPECT_EQ(why("destroy", 101), "");
    is(101, running);
    EXPECT_EQ(why("destroy", 101), "cannot destroy 101 (web): it is running");
    EXPECT_EQ(why("destroy", 101, {{"force", true}}), "");
}

TEST_F(WhyNot, Template) {
    EXPECT_EQ(why("template", 102), "102 (base) is a template already");
    is(101, running);
    EXPECT_EQ(why("template", 101), "cannot make a template of 101 (web): it is running");
}

TEST_F(WhyNot, NobodyNamedIsNoReason) {
    for (const Command& one : guest_commands())
        EXPECT_TRUE(!one.why_not || one.why_not(engine_, {}).empty()) << one.verb;
    for (const Command& one : snapshot_commands())
        EXPECT_TRUE(!one.why_not || one.why_not(engine_, {}).empty()) << one.verb;
}

TEST_F(WhyNot, UnknownGuestIsNotFound) {
    for (const Command& one : guest_commands()) {
        if (!one.why_not) continue;
        try {
            const std::string words = one.why_not(engine_, {{"guest", 999}});
            EXPECT_EQ(words, "") << one.verb;  // destroy --force and the like look later
        } catch (const Error& error) {
            EXPECT_EQ(error.exit(), Exit::not_found) << one.verb;
        }
    }
}

// Someone looks all the time: nobody is asked for each picture.
TEST_F(WhyNot, AnswersFromWhatWasSeen) {
    class OneRuns : public Eyes {
      public:
        explicit OneRuns(std::shared_ptr<const Guest> guest) { view_.guest = std::move(guest); }
        void look(Seen& seen, const Showing&) override {
            view_.sighting.state = GuestState::running;
            seen.guests = {view_};
        }
        void look_at_jobs(Seen&, size_t, size_t) override {}

      private:
        GuestView view_;
    };
    const auto guest = std::make_shared<const Guest>(find_guest(engine_, "101"));
    State state(std::make_unique<OneRuns>(guest));
    state.look();
    EXPECT_NE(why("stop", 101), "");
    engine_.seen = &state;
    EXPECT_EQ(why("stop", 101), "");
    EXPECT_NE(why("start", 101), "");
    engine_.seen = nullptr;
}

TEST_F(WhyNot, SetTakesListsWithCommas) {
    (void)command("guest", "set")
        .plan(engine_,
              {{"guest", "web"}, {"delete", std::vector<std::string>{"net0,net1", "onboot"}}});
    EXPECT_EQ(kind_.asked.list("delete"), (std::vector<std::string>{"net0", "net1", "onboot"}));
    EXPECT_THROW(command("guest", "set").plan(engine_, {{"guest", "web"}}), Error);
}

TEST_F(WhyNot, RenameUsesTheKindsKey) {
    (void)command("guest", "rename").plan(engine_, {{"guest", 101}, {"name", "new"}});
    EXPECT_EQ(kind_.asked.list("values"), std::vector<std::string>{"name=new"});
}

TEST_F(WhyNot, CreateTakesTheLowestFreeNumber) {
    EXPECT_EQ(command("guest", "create").plan(engine_, {}).title, "create 100");
    EXPECT_EQ(command("guest", "create").plan(engine_, {{"id", 105}}).title, "create 105");
    EXPECT_THROW(command("guest", "create").plan(engine_, {{"id", 99}}), Error);
    EXPECT_THROW(command("guest", "create").plan(engine_, {{"kind", "pony"}}), Error);
}

TEST_F(WhyNot, ListTellsStates) {
    is(101, running);
    const Report report = command("guest", "list").show(engine_, {{"running", true}});
    EXPECT_NE(report.text.find("101  web"), std::string::npos) << report.text;
    EXPECT_EQ(report.text.find("base"), std::string::npos);
}

}  // namespace
}  // namespace lodge
