#include "bench/screen.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/error.h"
#include "engine/fd.h"

namespace lodge::bench {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

// Played is a program on a pseudo-terminal.
class Played {
  public:
    explicit Played(const std::vector<std::string>& argv) {
        winsize window{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
        int master = -1;
        begun_ = Clock::now();
        process_ = ::forkpty(&master, nullptr, nullptr, &window);
        if (process_ < 0) fail_errno(errno, "no pseudo-terminal");
        if (process_ == 0) {
            ::setenv("TERM", "xterm-256color", 1);
            ::setenv("LC_ALL", "C.UTF-8", 1);
            std::vector<char*> words;
            for (const std::string& word : argv)
                words.push_back(const_cast<char*>(word.c_str()));
            words.push_back(nullptr);
            ::execvp(words[0], words.data());
            ::_exit(127);
        }
        master_ = Fd(master);
    }
    ~Played() {
        ::kill(process_, SIGTERM);
        master_ = Fd();
        ::waitpid(process_, nullptr, 0);
    }
    Played(const Played&) = delete;
    Played& operator=(const Played&) = delete;

    // Reads what comes for `long_` at most, or until `silence` passed; returns the bytes.
    int64_t read(Clock::duration long_, Clock::duration silence) {
        return read(long_, silence, silence);
    }
    // The same, with another silence before the first byte.
    int64_t read(Clock::duration long_, Clock::duration before, Clock::duration after) {
        const auto until = Clock::now() + long_;
        int64_t bytes = 0;
        for (;;) {
            const auto left = std::min(until - Clock::now(), bytes == 0 ? before : after);
            if (left <= Clock::duration::zero()) return bytes;
            pollfd in{master_.get(), POLLIN, 0};
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
            if (::poll(&in, 1, static_cast<int>(wait)) <= 0) return bytes;
            char buffer[65536];
            const ssize_t got = ::read(master_.get(), buffer, sizeof buffer);
            if (got <= 0) return bytes;
            last_ = Clock::now();
            bytes += got;
        }
    }
    void type(std::string_view bytes) {
        if (::write(master_.get(), bytes.data(), bytes.size()) < 0)
            fail_errno(errno, "it takes no keys");
    }
    // Until the first bytes come of it; nothing when none came.
    double answer(std::string_view key) {
        const auto begun = Clock::now();
        type(key);
        pollfd in{master_.get(), POLLIN, 0};
        if (::poll(&in, 1, 1000) <= 0) return -1;
        return milliseconds(Clock::now() - begun);
    }
    // Negative when none came.
    double until_last_byte() const { return milliseconds(last_ - begun_); }
    pid_t process() const { return process_; }

  private:
    Clock::time_point begun_, last_;
    pid_t process_ = -1;
    Fd master_;
};

// A figure of each thread of a process, added up.
template <class Of>
double of_threads(pid_t pid, const Of& of) {
    double sum = 0;
    for (const auto& thread :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid)))
        sum += of(thread.path());
    return sum;
}

// The first field of schedstat is nanoseconds on a processor (Documentation/scheduler/
// sched-stats.rst).
double cpu_milliseconds(pid_t pid) {
    return of_threads(pid, [](const std::filesystem::path& thread) {
        std::ifstream file(thread / "schedstat");
        double nanoseconds = 0;
        file >> nanoseconds;
        return nanoseconds / 1e6;
    });
}

// Times it went to sleep by itself: as many as it woke up.
double sleeps(pid_t pid) {
    return of_threads(pid, [](const std::filesystem::path& thread) {
        std::ifstream file(thread / "status");
        std::string word;
        double count = 0;
        while (file >> word)
            if (word == "voluntary_ctxt_switches:") file >> count;
        return count;
    });
}

constexpr auto silence = std::chrono::milliseconds(100);

Figures starts_of(const std::vector<std::string>& argv) {
    Figures figures;
    for (int round = 0; round <= 10; ++round) {
        Played played(argv);
        // Silence counts from the first byte on: a busy machine may take longer to begin.
        played.read(std::chrono::seconds(5), std::chrono::seconds(5), silence);
        const double first = played.until_last_byte();
        if (first < 0) fail(Exit::failed, "{} draws nothing within 5 s", argv[0]);
        if (round > 0) figures.add(first);
    }
    return figures;
}

Figures keys_of(const ScreenPeer& peer) {
    constexpr int patience = 10;  // keys
    Figures figures;
    int answered = 0;
    Played played(peer.argv);
    played.read(std::chrono::seconds(5), std::chrono::milliseconds(500));
    for (int i = 0; i < 200; ++i) {
        // At an odd time within the second, when no refresh is under way.
        played.read(std::chrono::milliseconds(25), std::chrono::milliseconds(25));
        const double answer = played.answer(i % 4 < 2 ? peer.down : peer.up);
        if (answer >= 0) figures.add(answer);
        answered += answer >= 0 ? 1 : 0;
        if (answered == 0 && i == patience) break;
    }
    return figures;
}

void add_rest(std::vector<Row>& rows, const std::string& what, const std::string& who,
              const std::vector<std::string>& argv, const std::string& budget) {
    constexpr int seconds = 20;
    Played played(argv);
    played.read(std::chrono::seconds(3), std::chrono::seconds(3));
    const double cpu = cpu_milliseconds(played.process()), slept = sleeps(played.process());
    const auto bytes = played.read(std::chrono::seconds(seconds), std::chrono::seconds(seconds));
    const auto one = [](double value) {
        Figures figures;
        figures.add(value);
        return figures;
    };
    rows.push_back({what + ": CPU", who, one((cpu_milliseconds(played.process()) - cpu) / seconds),
                    budget, "", "ms/s"});
    rows.push_back({what + ": wakeups", who, one((sleeps(played.process()) - slept) / seconds), "",
                    "", "1/s"});
    rows.push_back({what + ": to the terminal", who, one(static_cast<double>(bytes) / seconds), "",
                    "", "bytes/s"});
    rows.push_back({what + ": memory", who,
                    one(static_cast<double>(pss(played.process())) / (1024 * 1024)), "", "PSS",
                    "MiB"});
}

}  // namespace

std::vector<ScreenPeer> screen_peers() {
    std::vector<ScreenPeer> peers;
    for (const ScreenPeer& peer : {ScreenPeer{"htop", {"htop", "-d", "10"}},
                                   ScreenPeer{"btop", {"btop", "--utf-force"}, "\033[B", "\033[A"},
                                   ScreenPeer{"top", {"top", "-d", "1"}}})
        if (::access(("/usr/bin/" + peer.name).c_str(), X_OK) == 0) peers.push_back(peer);
    return peers;
}

std::vector<Row> screen_start(const std::string& what, const std::vector<std::string>& lodge,
                              const std::string& budget, const std::vector<ScreenPeer>& peers) {
    std::vector<Row> rows = {{what, "lodge", starts_of(lodge), budget, ""}};
    for (const ScreenPeer& peer : peers)
        rows.push_back({what, peer.name, starts_of(peer.argv), "", ""});
    return rows;
}

std::vector<Row> screen_keys(const std::string& what, const std::vector<std::string>& lodge,
                             const std::string& budget, const std::vector<ScreenPeer>& peers) {
    std::vector<Row> rows = {{what, "lodge", keys_of({"lodge", lodge}), budget, ""}};
    for (const ScreenPeer& peer : peers)
        rows.push_back({what, peer.name, keys_of(peer), "", ""});
    return rows;
}

std::vector<Row> screen_at_rest(const std::string& what, const std::vector<std::string>& lodge,
                                const std::string& budget, const std::vector<ScreenPeer>& peers) {
    std::vector<Row> rows;
    add_rest(rows, what, "lodge", lodge, budget);
    for (const ScreenPeer& peer : peers)
        add_rest(rows, what, peer.name, peer.argv, "");
    // Those of one figure stand together.
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        static const std::vector<std::string> order = {"CPU", "wakeups", "terminal", "memory"};
        const auto place = [](const Row& row) {
            return std::find_if(order.begin(), order.end(),
                                [&](const std::string& word) { return row.what.ends_with(word); }) -
                   order.begin();
        };
        return place(a) < place(b);
    });
    return rows;
}

}  // namespace lodge::bench
