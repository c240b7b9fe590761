#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/vm.h"
#include "tests/bad_days/walk.h"

// What happens to guests on bad days: others who do the same at once, files that lie, QEMUs that
// do not answer, names that look like something else.

namespace lodge {
namespace {

using Texts = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

// A process that runs beside the test.
class Beside {
  public:
    Beside(const Walk& walk, const Texts& argv) {
        pid_ = ::fork();
        if (pid_ != 0) return;
        ::setsid();
        ::setenv("LODGE_ROOT", walk.scratch.folder.path().c_str(), 1);
        if (!std::freopen("/dev/null", "r", stdin)) ::_exit(127);
        const std::string log = walk.scratch.folder.path() + "/said";
        if (!std::freopen(log.c_str(), "a", stdout) || !std::freopen(log.c_str(), "a", stderr))
            ::_exit(127);
        std::vector<char*> words;
        for (const std::string& word : argv)
            words.push_back(const_cast<char*>(word.c_str()));
        words.push_back(nullptr);
        ::execv(words[0], words.data());
        ::_exit(127);
    }
    ~Beside() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const { ::kill(pid_, number); }
    bool lives() const {
        siginfo_t ended{};  // looked at, left for wait()
        return ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               ended.si_pid == 0;
    }
    // Its exit status, or 128 + the signal.
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

  private:
    pid_t pid_ = -1;
};

bool soon(const std::function<bool()>& condition, int seconds = 30) {
    const auto end = Clock::now() + std::chrono::seconds(seconds);
    while (Clock::now() < end) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return condition();
}

bool job_runs(Walk& walk) {
    const auto numbers = walk.engine.jobs.numbers();
    return !numbers.empty() && walk.engine.jobs.load(numbers.back()).steps_begun > 0;
}

Texts words(const Texts& more) {
    Texts all = {LODGE_PROGRAM};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

std::string pid_path(const Walk& walk) {
    return guest_run_folder(walk.host, 101) + "/pid";
}

TEST(BadDays, TwoStartsAtOnce) {
    Walk walk;
    walk.make_guest(101);
    for (int round = 0; round < 8; ++round) {
        SCOPED_TRACE(round);
        Beside one(walk, words({"start", "101"})), two(walk, words({"start", "101"}));
        const int first = one.wait(), second = two.wait();
        EXPECT_TRUE(first == 0 || second == 0) << first << " " << second;
        for (const int status : {first, second})
            EXPECT_TRUE(status == 0 || status == 4 || status == 5) << status;
        EXPECT_EQ(walk.state(101), "running");
        EXPECT_TRUE(walk.unknown_processes().empty());
        walk.stop(101);
    }
}

TEST(BadDays, TwoCreatesAtOnce) {
    Walk walk;
    const Texts make = {"create", "disk=8M", "net=none", "memory=32"};
    Texts same = make;
    same.insert(same.end(), {"--id", "200"});
    for (const Texts& given : {make, same}) {
        Beside one(walk, words(given)), two(walk, words(given)), three(walk, words(given));
        int made = 0;
        for (Beside* beside : {&one, &two, &three}) {
            const int status = beside->wait();
            made += status == 0 ? 1 : 0;
            EXPECT_TRUE(status == 0 || status == 4 || status == 5) << status;
        }
        EXPECT_GE(made, 1);
        EXPECT_TRUE(walk.faults().empty()) << join(walk.faults(), "; ");
    }
    EXPECT_EQ(walk.volumes().size(), walk.engine.store.ids("qemu-server").size());
}

TEST(BadDays, ConfigurationRemovedWhileItRuns) {
    Walk walk;
    walk.make_guest(101);
    walk.start(101);
    const std::string path = walk.engine.store.path("qemu-server", 101);
    walk.host.remove(path);
    const Outcome list = walk.lodge({"list"});
    EXPECT_EQ(list.status, 0);
    EXPECT_NE(list.output.find("101"), std::string::npos) << list.output;
    EXPECT_NE((walk.lodge({"show", "101"}).output).find("removed while it ran"), std::string::npos);
    EXPECT_EQ(walk.lodge({"set", "101", "memory=64"}).status, 4);
    EXPECT_EQ(walk.lodge({"start", "101"}).status, 4);
    const Outcome stop = walk.lodge({"stop", "101", "--yes"});
    EXPECT_EQ(stop.status, 0) << stop.trouble;
    EXPECT_FALSE(walk.runs(101));
    EXPECT_EQ(walk.lodge({"list"}).output.find("101"), std::string::npos);
}

TEST(BadDays, ConfigurationChangedWhileItStarts) {
    Walk walk;
    walk.make_guest(101);
    Beside start(walk, words({"start", "101"}));
    ASSERT_TRUE(soon([&] { return job_runs(walk); }));
    for (int i = 0; i < 5; ++i)
        walk.engine.store.change("qemu-server", 101, vm_schema(), [i](Config& config) {
            config.current.set("cores", std::to_string(i + 1));
        });
    // By words it is refused or waits for the next start, as it comes.
    const int status = walk.lodge({"set", "101", "memory=48"}).status;
    EXPECT_TRUE(status == 0 || status == 5) << status;
    EXPECT_EQ(start.wait(), 0);
    EXPECT_EQ(walk.state(101), "running");
    EXPECT_TRUE(walk.faults().empty()) << join(walk.faults(), "; ");
}

TEST(BadDays, PidFileOfAnotherProcess) {
    Walk walk;
    walk.make_guest(101);
    Beside innocent(walk, {"/usr/bin/sleep", "60"});
    ProcessId process = identify(walk.host, innocent.pid()).value();
    ++process.start;  // the number is the same, the process is another one
    walk.host.write_volatile(pid_path(walk), process.print());
    EXPECT_FALSE(walk.runs(101));
    EXPECT_EQ(walk.lodge({"stop", "101", "--yes"}).status, 4);
    EXPECT_TRUE(innocent.lives());
    walk.host.write_volatile(pid_path(walk), process.print());
    walk.start(101);
    EXPECT_EQ(walk.state(101), "running");
    walk.stop(101);
    EXPECT_TRUE(innocent.lives());
}

TEST(BadDays, RunFolderOfAnotherBoot) {
    Walk walk;
    walk.make_guest(101);
    const std::string folder = guest_run_folder(walk.host, 101);
    for (const std::string& name : {std::string("pid"), std::string("swtpm.helper")}) {
        ProcessId process = identify(walk.host, ::getpid()).value();
        process.boot = "00000000-0000-4000-8000-000000000000";
        walk.host.write_volatile(folder + "/" + name, process.print());
    }
    walk.host.write_volatile(folder + "/qmp", "a file where a socket was");
    EXPECT_EQ(walk.state(101), "stopped");
    EXPECT_EQ(walk.lodge({"start", "101"}).status, 0);
    EXPECT_EQ(walk.state(101), "running");
}

TEST(BadDays, PidFilesWithRubbish) {
    Walk walk;
    walk.make_guest(101);
    for (const char* text : {"", "\n", "-1 0 x", "1", "99999999999999999999 1 x", "0 0 0"}) {
        SCOPED_TRACE(text);
        walk.host.write_volatile(pid_path(walk), text);
        EXPECT_EQ(walk.state(101), "stopped");
        EXPECT_EQ(walk.lodge({"stop", "101", "--yes"}).status, 4);
    }
    walk.start(101);
    EXPECT_EQ(walk.state(101), "running");
}

// A process that is taken for guest 101's QEMU, with a monitor that behaves as it likes.
class OddQemu {
  public:
    OddQemu(Walk& walk, const std::function<void(int)>& part)
        : process_(walk, {"/usr/bin/sleep", "120"}) {
        const std::string folder = guest_run_folder(walk.host, 101);
        walk.host.make_folder(folder);
        const Fd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = folder + "/qmp";
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(server.get(), 8) != 0)
            fail_errno(errno, "cannot listen");
        talker_ = ::fork();
        if (talker_ == 0) {
            ::signal(SIGPIPE, SIG_IGN);
            for (;;) {
                const Fd guest(::accept(server.get(), nullptr, nullptr));
                part(guest.get());
            }
        }
        const auto known = soon([&] { return identify(walk.host, process_.pid()).has_value(); });
        if (known)
            walk.host.write_volatile(pid_path(walk),
                                     identify(walk.host, process_.pid()).value().print());
    }
    ~OddQemu() {
        ::kill(talker_, SIGKILL);
        ::waitpid(talker_, nullptr, 0);
    }
    OddQemu(const OddQemu&) = delete;
    OddQemu& operator=(const OddQemu&) = delete;
    bool lives() const { return process_.lives(); }

  private:
    Beside process_;
    pid_t talker_ = -1;
};

void say(int fd, const std::string& text) {
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
}
void linger() {
    ::usleep(20'000'000);
}

void expect_bearable(const std::function<void(int)>& part, const std::string& notes) {
    Walk walk;
    walk.make_guest(101);
    OddQemu qemu(walk, part);
    const auto begin = Clock::now();
    const Outcome list = walk.lodge({"list"});
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(15));
    EXPECT_EQ(list.status, 0);
    EXPECT_NE(list.output.find("unknown"), std::string::npos) << list.output;
    const Outcome show = walk.lodge({"show", "101"});
    EXPECT_EQ(show.status, 0) << show.trouble;
    EXPECT_NE(show.output.find(notes), std::string::npos) << show.output;
    EXPECT_TRUE(qemu.lives());
    // What takes no command is not waited for: the hour is for one that does.
    const Outcome stop = walk.lodge({"stop", "101", "--timeout", "3600", "--yes"});
    EXPECT_EQ(stop.status, 0) << stop.output << stop.trouble;
    EXPECT_FALSE(qemu.lives());
    EXPECT_FALSE(walk.runs(101));
    EXPECT_EQ(walk.state(101), "stopped");
}

TEST(BadDays, MonitorTalksRubbish) {
    expect_bearable(
        [](int fd) {
            say(fd, "HTTP/1.1 200 OK\r\n\r\n{]}\xff\xfe{\"QMP\":3}\n[1,2]\nnull\n");
            linger();
        },
        "does not answer");
}
TEST(BadDays, MonitorFloods) {
    expect_bearable(
        [](int fd) {
            const std::string piece(65536, 'x');
            for (int i = 0; i < 4096; ++i)
                if (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return;
        },
        "does not answer");
}
TEST(BadDays, MonitorStopsInTheMiddleOfALine) {
    expect_bearable(
        [](int fd) {
            say(fd, "{\"QMP\": {\"version\": {\"qemu\": {\"mic");
            linger();
        },
        "does not answer");
}
TEST(BadDays, MonitorClosesAtOnce) {
    expect_bearable([](int) {}, "does not answer");
}
TEST(BadDays, MonitorIsSilent) {
    expect_bearable([](int) { linger(); }, "does not answer");
}

TEST(BadDays, MonitorGreetsAndHearsNothing) {
    expect_bearable(
        [](int fd) {
            say(fd, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n");
            say(fd, "{\"return\": {}, \"id\": 1}\n");
            linger();
        },
        "does not answer");
}

TEST(BadDays, NamesThatLookLikeSomethingElse) {
    Walk walk;
    walk.make_guest(101);
    const std::string path = walk.engine.store.path("qemu-server", 101);
    const std::string trap = walk.scratch.folder.path() + "/trap";
    const std::string config = walk.config(101);
    for (const std::string& name :
         {std::string("two words"), "it's \"so\"," + std::string("x=1"),
          std::string("Bür\xc3\xb6 ✓"), "$(touch " + trap + ")`touch " + trap + "`",
          std::string("-rf"), std::string("a;b|c&d>e"), std::string("\xff\xfe"),
          std::string("\x1b[31mred")}) {
        SCOPED_TRACE(name);
        std::string text = config;
        text.replace(text.find("name: tiny101"), 13, "name: " + name);
        walk.host.write(path, text);
        for (const Texts& look : {Texts{"list"}, Texts{"show", "101"}, Texts{"list", "--json"},
                                  Texts{"show-command", "101"}, Texts{"set", "101", "tags=x"}}) {
            const Outcome outcome = walk.lodge(look);
            EXPECT_EQ(outcome.status, 0) << look[0] << ": " << outcome.trouble;
            EXPECT_EQ(outcome.output.find('\x1b'), std::string::npos);
        }
        EXPECT_NE(walk.config(101).find("name: " + name + "\n"), std::string::npos);
        const Outcome start = walk.lodge({"start", "101"});
        EXPECT_EQ(start.status, 0) << start.trouble;
        EXPECT_EQ(walk.state(101), "running");
        if (walk.runs(101)) walk.stop(101);
        EXPECT_FALSE(walk.host.exists(trap));
    }
}

TEST(BadDays, FiveThousandLines) {
    Walk walk;
    walk.make_guest(101);
    std::string text;
    for (int i = 0; i < 3000; ++i)
        text += fmt::format("#line {} of a long story\n", i);
    text += walk.config(101);
    for (int i = 0; i < 400; ++i)
        text += fmt::format("\n[s{}]\nmemory: 32\ncores: 1\nsnaptime: {}\nunknown: {}\n", i, i, i);
    walk.host.write(walk.engine.store.path("qemu-server", 101), text);
    const auto begin = Clock::now();
    for (const Texts& look :
         {Texts{"list"}, Texts{"show", "101"}, Texts{"set", "101", "cores=2"}}) {
        const Outcome outcome = walk.lodge(look);
        EXPECT_EQ(outcome.status, 0) << look[0] << ": " << outcome.trouble;
    }
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(60));
    const std::string after = walk.config(101);
    EXPECT_NE(after.find("cores: 2\n"), std::string::npos);
    EXPECT_NE(after.find("#line 2999 of a long story\n"), std::string::npos);
    EXPECT_NE(after.find("[s399]\nmemory: 32\ncores: 1\nsnaptime: 399\nunknown: 399\n"),
              std::string::npos);
}

// The words and exit of a command on a machine where these programs are missing.
std::string trouble_without(const Texts& missing, const std::function<Plan(Engine&)>& make,
                            Walk& walk, Exit& exit) {
    const std::string folder = walk.scratch.folder.path() + "/programs";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (const char* place : {"/usr/sbin", "/usr/bin"})
        for (const std::string& name : walk.host.list(place))
            if (name.starts_with("qemu") || name.starts_with("swtpm"))
                if (std::find(missing.begin(), missing.end(), name) == missing.end())
                    std::filesystem::create_symlink(std::string(place) + "/" + name,
                                                    folder + "/" + name);
    Host::Places places = ScratchEngine::places(walk.scratch.folder.path());
    places.program_folders = {folder};
    Host host(places);
    Engine engine(host, all_actions(), guest_kinds());
    try {
        engine.jobs.run_here(engine, make(engine));
    } catch (const Error& error) {
        exit = error.exit();
        return error.what();
    }
    return "no error";
}

TEST(BadDays, MissingProgramsAreNamed) {
    Walk walk;
    walk.make_guest(101, {"tpmstate0=local:0.004,version=v2.0"});
    const auto start = [&](Engine& engine) {
        return walk.vm().start(engine, load_guest(engine, 101), {});
    };
    const auto create = [&](Engine& engine) {
        return walk.vm().create(engine, 102, {{"disk", "8M"}, {"net", "none"}});
    };
    Exit exit = Exit::ok;
    std::string words = trouble_without({"qemu-system-x86_64"}, start, walk, exit);
    EXPECT_NE(words.find("qemu-system-x86"), std::string::npos) << words;
    EXPECT_EQ(exit, Exit::missing) << words;
    words = trouble_without({"swtpm"}, start, walk, exit);
    EXPECT_NE(words.find("swtpm"), std::string::npos) << words;
    EXPECT_EQ(exit, Exit::missing) << words;
    EXPECT_FALSE(walk.runs(101));
    words = trouble_without({"qemu-img"}, create, walk, exit);
    EXPECT_NE(words.find("qemu-utils"), std::string::npos) << words;
    EXPECT_EQ(exit, Exit::missing) << words;
    EXPECT_TRUE(walk.faults().empty()) << join(walk.faults(), "; ");
}

// A start that takes a while: its hook script sleeps first.
void make_slow_guest(Walk& walk, const std::string& before = "") {
    const std::string folder = walk.scratch.folder.path() + "/two";
    walk.host.write(folder + "/snippets/slow",
                    "#!/bin/sh\n" + before + "[ $2 = pre-start ] && sleep 3\nexit 0\n", 0755);
    walk.host.write(walk.host.config_folder() + "/storage.cfg",
                    "dir: two\n\tpath " + folder + "\n\tcontent snippets\n");
    walk.engine.storages.forget();
    walk.make_guest(101, {"hookscript=two:snippets/slow"});
}
TEST(BadDays, FollowerIsKilledOrHangsUp) {
    for (const int signal : {SIGKILL, SIGHUP}) {
        SCOPED_TRACE(signal);
        Walk walk;
        make_slow_guest(walk);
        Beside start(walk, words({"start", "101"}));
        ASSERT_TRUE(soon([&] { return job_runs(walk); }));
        start.signal(signal);
        EXPECT_TRUE(soon([&] { return walk.state(101) == "running"; }));
    }
}

TEST(BadDays, InterruptTakesBack) {
    Walk walk;
    make_slow_guest(walk);
    Beside start(walk, words({"start", "101"}));
    ASSERT_TRUE(soon([&] { return job_runs(walk); }));
    start.signal(SIGINT);
    EXPECT_EQ(start.wait(), 130);
    EXPECT_EQ(walk.engine.jobs.list().front().state, JobState::cancelled);
    EXPECT_EQ(walk.state(101), "stopped");
    EXPECT_FALSE(walk.host.exists(guest_run_folder(walk.host, 101)));
}

// A hook that does not end when asked keeps the undoing waiting: nobody has to wait with it.
TEST(BadDays, SecondInterruptLeaves) {
    Walk walk;
    make_slow_guest(walk, "trap '' TERM\n");
    Beside start(walk, words({"start", "101"}));
    ASSERT_TRUE(soon([&] { return job_runs(walk); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    start.signal(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    EXPECT_TRUE(start.lives());
    start.signal(SIGINT);
    EXPECT_TRUE(soon([&] { return !start.lives(); }, 1));
    EXPECT_EQ(walk.engine.jobs.list().front().state, JobState::running);
    EXPECT_TRUE(soon([&] { return walk.engine.jobs.list().front().state == JobState::cancelled; }));
    EXPECT_EQ(walk.state(101), "stopped");
}

}  // namespace
}  // namespace lodge
