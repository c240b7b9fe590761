#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "engine/error.h"
#include "engine/vm/qmp.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

constexpr const char* greeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}}, "
    "\"capabilities\": []}}\r\n";

// What a fake QEMU has in hand: words to say, lines to hear.
struct Fake {
    int fd;
    void say(const std::string& words) const {
        for (size_t done = 0; done < words.size();) {
            const ssize_t sent = ::send(fd, words.data() + done, words.size() - done, MSG_NOSIGNAL);
            if (sent < 0) ::_exit(0);
            done += static_cast<size_t>(sent);
        }
    }
    std::string hear() const {
        std::string line;
        char c = 0;
        while (::recv(fd, &c, 1, 0) == 1 && c != '\n')
            line += c;
        return line;
    }
    void greet() const {
        say(greeting);
        hear();
        say("{\"return\": {}, \"id\": 1}\r\n");
    }
};

// FakeQemu is a process of its own that plays a part at one end of a socket pair.
class FakeQemu {
  public:
    explicit FakeQemu(const std::function<void(const Fake&)>& part) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
        child_ = ::fork();
        if (child_ == 0) {
            ::close(ends[0]);
            part(Fake{ends[1]});
            ::_exit(0);
        }
        ::close(ends[1]);
        socket_.reset(ends[0]);
    }
    ~FakeQemu() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    FakeQemu(const FakeQemu&) = delete;
    FakeQemu& operator=(const FakeQemu&) = delete;
    Qmp connect(milliseconds patience = milliseconds(3000)) {
        return Qmp::over(std::move(socket_), patience);
    }

  private:
    pid_t child_ = -1;
    Fd socket_;
};

void hang() {
    for (;;)
        ::pause();
}

// The words of the Error that `body` throws, and that it came within `limit`.
std::string error_of(const std::function<void()>& body, milliseconds limit, Exit* exit = nullptr) {
    const auto begin = std::chrono::steady_clock::now();
    std::string words = "no error";
    try {
        body();
    } catch (const Error& error) {
        words = error.what();
        if (exit) *exit = error.exit();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, limit) << words;
    return words;
}

void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Qmp, tells_closed_from_silent) {
    FakeQemu ends([](const Fake& fake) {
        fake.greet();
        fake.hear();
    });
    Qmp qmp = ends.connect();
    EXPECT_FALSE(qmp.closed());
    EXPECT_THROW(qmp.call("quit"), Error);
    EXPECT_TRUE(qmp.closed());
    FakeQemu hangs([](const Fake& fake) {
        fake.greet();
        hang();
    });
    Qmp silent = hangs.connect();
    EXPECT_THROW(silent.call("quit", {}, milliseconds(50)), Error);
    EXPECT_FALSE(silent.closed());
}

TEST(Qmp, asks_and_is_answered) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        fake.say("{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n");
        hang();
    });
    EXPECT_EQ(qemu.connect().call("query-status")["status"], "running");
}

TEST(Qmp, keeps_events_that_come_meanwhile) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        fake.say("{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n{\"return\": {}, \"id\": 2}\n");
        hang();
    });
    Qmp qmp = qemu.connect();
    qmp.call("stop");
    EXPECT_EQ((*qmp.event(milliseconds(0)))["event"], "STOP");
    EXPECT_EQ((*qmp.wait_event([](const auto& one) { return one["event"] == "RESUME"; },
                               milliseconds(0)))["event"],
              "RESUME");
    EXPECT_FALSE(qmp.event(milliseconds(20)));
}

TEST(Qmp, tells_a_refusal_in_qemus_words) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        fake.say(
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Device 'x' not "
            "found\\u001b[31m\"}, \"id\": 2}\n");
        hang();
    });
    Qmp qmp = qemu.connect();
    const std::string words = error_of([&] { qmp.call("eject"); }, milliseconds(2000));
    EXPECT_EQ(words, "QEMU refused eject: Device 'x' not found\\x1B[31m");
}

// A client that left in the middle: its answers come to the next one.
TEST(Qmp, passes_over_what_was_owed_to_another) {
    FakeQemu qemu([](const Fake& fake) {
        fake.say("{\"return\": {\"status\": \"paused\"}, \"id\": 2}\r\n");
        fake.say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 3}\r\n");
        fake.greet();
        fake.hear();
        fake.say("{\"return\": {\"status\": \"running\"}, \"id\": 2}\r\n");
        hang();
    });
    EXPECT_EQ(qemu.connect().call("query-status")["status"], "running");
}

TEST(Qmp, never_greets) {
    FakeQemu qemu([](const Fake&) { hang(); });
    Exit exit = Exit::ok;
    const std::string words =
        error_of([&] { qemu.connect(milliseconds(100)); }, milliseconds(1000), &exit);
    EXPECT_EQ(exit, Exit::busy);
    expect_has(words, "did not greet within 100 ms");
}

TEST(Qmp, greets_as_something_else) {
    FakeQemu qemu([](const Fake& fake) {
        fake.say("{\"hello\": 1}\n");
        hang();
    });
    expect_has(error_of([&] { qemu.connect(); }, milliseconds(1000)),
               "greeted with something else");
}

TEST(Qmp, talks_garbage) {
    for (const char* garbage : {"SSH-2.0-OpenSSH_9.2\r\n", "[1,2]\n", "{\"a\":\n",
                                "{\"a\": \"\xc3\x28\"}\n", "\x1b[2J\n"}) {
        FakeQemu qemu([&](const Fake& fake) {
            fake.say(garbage);
            hang();
        });
        const std::string words = error_of([&] { qemu.connect(); }, milliseconds(1000));
        expect_has(words, "this came instead of JSON");
        EXPECT_EQ(words.find('\x1b'), std::string::npos);
    }
}

TEST(Qmp, nests_without_end) {
    FakeQemu qemu([](const Fake& fake) {
        fake.say("{\"a\":" + std::string(1'000'000, '[') + "\n");
        hang();
    });
    expect_has(error_of([&] { qemu.connect(); }, milliseconds(3000)), "nested too deeply");
}

TEST(Qmp, stops_in_the_middle_of_a_line) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        fake.say("{\"return\": {\"stat");
        hang();
    });
    Qmp qmp = qemu.connect();
    expect_has(
        error_of([&] { qmp.call("query-status", {}, milliseconds(100)); }, milliseconds(1000)),
        "did not answer query-status within 100 ms");
}

TEST(Qmp, closes_in_the_middle_of_a_line) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        fake.say("{\"return\": {\"stat");
    });
    Qmp qmp = qemu.connect();
    expect_has(error_of([&] { qmp.call("query-status"); }, milliseconds(1000)),
               "closed its monitor");
}

TEST(Qmp, answers_late) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        fake.hear();
        ::usleep(200'000);
        fake.say("{\"return\": {\"late\": 1}, \"id\": 2}\n");
        fake.hear();
        fake.say("{\"return\": {\"late\": 0}, \"id\": 3}\n");
        hang();
    });
    Qmp qmp = qemu.connect();
    expect_has(error_of([&] { qmp.call("first", {}, milliseconds(50)); }, milliseconds(1000)),
               "did not answer first");
    EXPECT_EQ(qmp.call("second")["late"], 0);
}

TEST(Qmp, sends_a_hundred_megabytes) {
    FakeQemu line([](const Fake& fake) {
        const std::string piece(1 << 20, 'x');
        for (int i = 0; i < 100; ++i)
            fake.say(piece);
        hang();
    });
    expect_has(error_of([&] { line.connect(milliseconds(20000)); }, milliseconds(20000)),
               "more than 16 MiB");
    FakeQemu lines([](const Fake& fake) {
        fake.greet();
        std::string piece;
        while (piece.size() < 1 << 20)
            piece += "{\"event\": \"NOISE\", \"data\": {\"text\": \"" + std::string(1000, 'y') +
                     "\"}}\n";
        for (;;)
            fake.say(piece);
    });
    Qmp qmp = lines.connect();
    expect_has(
        error_of([&] { qmp.call("query-status", {}, milliseconds(1500)); }, milliseconds(6000)),
        "QEMU");
}

TEST(Qmp, takes_no_command) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        hang();
    });
    Qmp qmp = qemu.connect();
    const nlohmann::json much = {{"text", std::string(8 << 20, 'z')}};
    expect_has(error_of([&] { qmp.call("x", much, milliseconds(200)); }, milliseconds(2000)),
               "did not take the command x");
}

TEST(Qmp, passes_a_descriptor) {
    FakeQemu qemu([](const Fake& fake) {
        fake.greet();
        char bytes[4096];
        iovec part{bytes, sizeof bytes};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        ::recvmsg(fake.fd, &message, 0);
        const cmsghdr* header = CMSG_FIRSTHDR(&message);
        int fd = -1;
        if (header) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        const bool good = fd >= 0 && ::write(fd, "hello", 5) == 5;
        fake.say(good ? "{\"return\": {}, \"id\": 2}\n"
                      : "{\"error\": {\"desc\": \"no fd\"}, \"id\": 2}\n");
        hang();
    });
    Qmp qmp = qemu.connect();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const Fd read_end(ends[0]), write_end(ends[1]);
    qmp.call_with_fd(write_end.get(), "getfd", {{"fdname", "x"}});
    char got[5] = {};
    EXPECT_EQ(::read(read_end.get(), got, 5), 5);
    EXPECT_EQ(std::string(got, 5), "hello");
}

class Sockets : public testing::Test {
  protected:
    Sockets() {
        char name[] = "/tmp/lodge-qmp-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    ~Sockets() override { std::filesystem::remove_all(folder_); }
    std::string folder_;
};

TEST_F(Sockets, long_path) {
    std::string folder = folder_;
    for (int i = 0; i < 10; ++i)
        folder += "/a-folder-with-a-long-name";
    std::filesystem::create_directories(folder);
    const std::string path = folder + "/qmp";
    ASSERT_GT(path.size(), 108u);
    const Fd listener = listen_unix(path);
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    EXPECT_TRUE(connect_unix(path));
}

TEST_F(Sockets, replaces_a_stale_one) {
    const std::string path = folder_ + "/qmp";
    listen_unix(path);
    Exit exit = Exit::ok;
    error_of([&] { connect_unix(path); }, milliseconds(1000), &exit);
    EXPECT_EQ(exit, Exit::not_found);
    const Fd listener = listen_unix(path);
    EXPECT_TRUE(connect_unix(path));
}

TEST_F(Sockets, leaves_other_files_alone) {
    const std::string path = folder_ + "/qmp";
    std::filesystem::create_directory(path);
    expect_has(error_of([&] { listen_unix(path); }, milliseconds(1000)), "something else");
    EXPECT_TRUE(std::filesystem::is_directory(path));
}

TEST_F(Sockets, no_socket) {
    Exit exit = Exit::ok;
    error_of([&] { Qmp::connect(folder_ + "/none", milliseconds(100)); }, milliseconds(1000),
             &exit);
    EXPECT_EQ(exit, Exit::not_found);
}

TEST_F(Sockets, listener_that_never_accepts) {
    const std::string path = folder_ + "/qmp";
    const Fd listener = listen_unix(path);
    std::vector<Fd> waiting;
    Exit exit = Exit::ok;
    // Until its queue is full, then as long as we are ready to wait.
    const std::string words = error_of(
        [&] {
            for (int i = 0; i < 100; ++i)
                waiting.push_back(connect_unix(path, milliseconds(50)));
        },
        milliseconds(3000), &exit);
    EXPECT_EQ(exit, Exit::busy) << words;
}

TEST(QmpStream, starts_afresh_after_a_mark) {
    QmpStream stream;
    stream.add("half an answ\xff{\"return\": 7}\n\n  \n{\"a\"");
    EXPECT_EQ((*stream.next())["return"], 7);
    EXPECT_FALSE(stream.next());
    stream.add(": 1}\n");
    EXPECT_EQ((*stream.next())["a"], 1);
}

}  // namespace
}  // namespace lodge
