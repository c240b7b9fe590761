// What waits for others holds nobody up: guests that do not answer, folders that do not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "engine/error.h"
#include "engine/fd.h"
#include "tests/screens/machine.h"
#include "tui/app.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;
constexpr auto patience = 20s;

constexpr std::string_view one_guest = R"(
guest 101 web
    memory: 1024
    agent: 1
    state running
    uptime 3h
)";

Plan slow_plan(Engine&, const Values&) {
    Plan plan;
    plan.title = "stop 101 (web)";
    plan.guests = {101};
    plan.step("nothing", {"run", {{"argv", std::vector<std::string>{"true"}}}});
    return plan;
}

Plan no_plan(Engine&, const Values&) {
    fail(Exit::refused, "it cannot be");
}

int two_lines(Engine&, const Values&) {
    fmt::print("the first\n");
    std::fflush(stdout);
    for (;;)
        ::pause();
}

int one_line(Engine&, const Values&) {
    fmt::print("thawed\n");
    return 0;
}

const Operand guest{"guest", WordKind::guest, "The guest."};
const std::vector<Command> slow_commands = {
    {.subject = "guest",
     .verb = "stop",
     .label = "Stop",
     .help = "Stops it.",
     .key = "F8",
     .twin = "S",
     .risk = Risk::interrupts,
     .operands = {guest},
     .plan = slow_plan},
    {.subject = "guest",
     .verb = "fail",
     .label = "Fail",
     .help = "Can never be.",
     .twin = "f",
     .risk = Risk::undoable,
     .operands = {guest},
     .plan = no_plan},
    {.subject = "guest",
     .verb = "print",
     .label = "Print",
     .help = "Prints and stays.",
     .twin = "p",
     .operands = {guest},
     .run = two_lines},
    {.subject = "guest",
     .verb = "thaw",
     .label = "Thaw",
     .help = "Prints a line.",
     .twin = "t",
     .operands = {guest},
     .run = one_line},
};

// Seated is somebody at the screen of that machine.
struct Seated {
    explicit Seated(std::vector<std::span<const Command>> all) : tables(std::move(all)) {
        machine.state().look();
        app.draw(canvas);
    }
    void key(std::string_view words) {
        for (const Key& one : parse_keys(words))
            app.key(one);
    }
    std::string seen() {
        app.draw(canvas);
        return canvas.text();
    }
    bool sees(std::string_view words) { return seen().find(words) != std::string::npos; }
    bool comes_to_see(std::string_view words) {
        return loop.run_until([&] { return sees(words); }, patience);
    }
    void settle() {
        EXPECT_TRUE(loop.run_until([&] { return !app.waits(); }, patience));
    }

    Machine machine{one_guest};
    Loop loop;
    std::vector<std::span<const Command>> tables;
    Canvas canvas{Size{80, 24}};
    App app{machine.engine(),
            machine.state(),
            loop,
            tables,
            {.colors = ColorLevel::mono, .glyphs = GlyphLevel::ascii},
            {}};
};

bool has_children() {
    return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

// An agent's socket with nobody behind it who says anything.
Fd silent_socket(const std::string& path) {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 4), 0);
    return socket;
}

TEST(Wait, a_silent_agent_does_not_hold_the_screen) {
    Seated seat({guest_commands()});
    const Fd agent = silent_socket(guest_run_folder(seat.machine.engine().host, 101) + "/qga");
    seat.app.act(seat.app.command("agent addresses"),
                 {.subject = "guest",
                  .things = {{.values = {{"guest", 101}}, .name = "101 (web)", .title = "web"}}});
    seat.key("Resize");  // as the loop does it: what was opened is there
    EXPECT_TRUE(seat.app.waits());
    EXPECT_TRUE(seat.comes_to_see("It waits for an answer"));
    EXPECT_TRUE(seat.sees("Addresses 101 (web)"));
    seat.key("Down x y");  // nothing of this is for anybody
    EXPECT_TRUE(seat.app.waits());
    seat.key("Esc");
    EXPECT_FALSE(seat.app.waits());
    EXPECT_TRUE(seat.sees("given up"));
    EXPECT_FALSE(has_children());
}

TEST(Wait, what_is_typed_ahead_reaches_the_question) {
    Seated seat({slow_commands});
    seat.key("S n");
    EXPECT_TRUE(seat.app.waits());
    EXPECT_FALSE(seat.sees("running since 3h"));
    seat.settle();
    EXPECT_FALSE(seat.app.dialog_open()) << seat.seen();
    seat.key("S");
    seat.settle();
    EXPECT_TRUE(seat.sees("running since 3h")) << seat.seen();
    EXPECT_TRUE(seat.sees("y: yes"));
}

TEST(Wait, what_is_typed_ahead_does_not_close_an_error) {
    Seated seat({slow_commands});
    seat.key("f Enter Esc");
    seat.settle();
    EXPECT_FALSE(seat.sees("it cannot be")) << "Esc gave it up before it was known";
    seat.key("f Enter Enter");
    seat.settle();
    EXPECT_TRUE(seat.sees("it cannot be")) << seat.seen();
}

TEST(Wait, output_is_seen_as_it_comes_and_esc_ends_it) {
    Seated seat({slow_commands});
    seat.key("p");
    EXPECT_TRUE(seat.comes_to_see("the first")) << seat.seen();
    EXPECT_TRUE(seat.app.waits());
    EXPECT_TRUE(seat.sees("Esc Stop it"));
    seat.key("Esc");
    seat.settle();
    EXPECT_TRUE(seat.sees("It ended with status 130")) << seat.seen();
    EXPECT_FALSE(has_children());
    seat.key("Esc");
    EXPECT_FALSE(seat.app.dialog_open());
}

TEST(Wait, a_line_of_a_moment_needs_no_box) {
    Seated seat({slow_commands});
    seat.key("t");
    seat.settle();
    EXPECT_TRUE(seat.sees("thawed")) << seat.seen();
}

// A file system whose server never says a word, in a mount namespace of its own.
int on_a_dead_mount(const std::string& point) {
    const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0 || ::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return 77;
    const std::string options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", device);
    if (::mount("dead", point.c_str(), "fuse.dead", 0, options.c_str()) != 0) return 77;
    Seated seat({guest_commands()});
    seat.key("F7 Enter Down Down Down Enter");
    if (!seat.sees("File")) return 2;
    for (const char c : point + "/x")
        seat.app.key(Key{.name = std::string(1, c)});
    seat.key("Tab");
    if (!seat.app.waits() || !seat.comes_to_see("It waits for an answer")) return 3;
    seat.key("Esc");
    if (seat.app.waits() || !seat.sees("File")) return 4;
    seat.key("Enter");
    if (!seat.app.waits() || !seat.comes_to_see("It waits for an answer")) return 5;
    seat.key("Esc");
    if (seat.app.waits() || !seat.sees("File")) return 6;
    return 0;
}

TEST(Wait, a_dead_mount_does_not_hold_the_screen) {
    const ScratchFolder folder;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(on_a_dead_mount(folder.path()));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        GTEST_SKIP() << "a FUSE file system of one's own cannot be mounted here";
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace lodge
