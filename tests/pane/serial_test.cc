#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "engine/process.h"
#include "engine/text.h"
#include "engine/units.h"
#include "engine/vm/qmp.h"
#include "tests/support/scratch.h"
#include "tui/pane/serial_advice.h"
#include "tui/pane/serial_pane.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

// Life plays a guest that runs: a process, the file that names it, a socket and a log that each
// byte goes to after it.
class Life {
  public:
    explicit Life(const Host& host) : run_(guest_run_folder(host, 101)) {
        host.make_folder(run_);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::pause();
            ::_exit(0);
        }
        host.make_folder(guest_log_folder(host, 101));
        log_ = guest_log_folder(host, 101) + "/serial0.log";
        listener_ = listen_unix(run_ + "/serial0");
        std::ofstream(log_, std::ios::app).flush();
        host.write_volatile(run_ + "/pid", identify(host, pid_)->print());
    }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;
    ~Life() {
        std::filesystem::remove(run_ + "/pid");
        std::filesystem::remove(run_ + "/serial0");
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    void say(std::string_view text) {
        if (guest_) {
            EXPECT_EQ(::write(guest_.get(), text.data(), text.size()), ssize_t(text.size()));
        }
        std::ofstream(log_, std::ios::app) << text << std::flush;
    }
    void accept() { guest_.reset(::accept(listener_.get(), nullptr, nullptr)); }
    // What was typed so far.
    std::string heard() {
        char bytes[4096];
        const ssize_t got = ::recv(guest_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        return got > 0 ? std::string(bytes, static_cast<size_t>(got)) : "";
    }

  private:
    std::string run_, log_;
    pid_t pid_ = 0;
    Fd listener_, guest_;
};

class Serial : public testing::Test {
  protected:
    void configure(const std::string& text) {
        scratch_.host.write(scratch_.host.config_folder() + "/qemu-server/101.conf", text);
    }
    void SetUp() override { configure("name: web\nostype: l26\nserial0: socket\n"); }
    void open(bool types = true) {
        pane_ =
            std::make_unique<SerialPane>(loop_, scratch_.engine, 101, 0, [this] { ++changes_; });
        pane_->type(types);
    }
    std::string seen() {
        Canvas canvas({60, 8});
        pane_->draw(canvas.all());
        return canvas.text();
    }
    bool sees(const std::string& text) {
        return loop_.run_until([&] { return seen().find(text) != std::string::npos; },
                               milliseconds(5000));
    }
    bool comes_to(SerialPane::State state) {
        return loop_.run_until([&] { return pane_->state() == state; }, milliseconds(5000));
    }
    void type(std::string_view words) {
        for (const Key& key : parse_keys(words))
            pane_->write(key);
    }

    ScratchEngine scratch_;
    Loop loop_;
    std::unique_ptr<SerialPane> pane_;
    int changes_ = 0;
};

TEST_F(Serial, ShowsTypesAndStaysOverStopAndStart) {
    auto life = std::make_unique<Life>(scratch_.host);
    life->say("old words\r\nasks: \x1b[c\r\n");
    open();
    ASSERT_EQ(pane_->state(), SerialPane::State::attached) << pane_->status();
    life->accept();
    EXPECT_TRUE(sees("old words")) << seen();
    life->say("login: ");
    EXPECT_TRUE(sees("login:")) << seen();
    type("'root' Enter");
    loop_.run_once(milliseconds(10));
    EXPECT_EQ(life->heard(), "root\r") << "an old question must not be answered";
    life->say("\x1b[6n");
    EXPECT_TRUE(loop_.run_until([&] { return life->heard() == "\x1b[3;8R"; }, milliseconds(5000)));
    life->say("\x1b[?1049h\x1b[?1000hfull screen");
    EXPECT_TRUE(sees("full screen"));
    life.reset();
    EXPECT_TRUE(comes_to(SerialPane::State::stopped)) << pane_->status();
    EXPECT_TRUE(sees("login:")) << "its other screen is gone with it: " << seen();
    EXPECT_NE(seen().find("101 (web) is not running"), std::string::npos) << seen();
    type("'lost'");
    life = std::make_unique<Life>(scratch_.host);
    EXPECT_TRUE(comes_to(SerialPane::State::attached)) << pane_->status();
    life->accept();
    life->say("[started]\r\nagain");
    EXPECT_TRUE(sees("again")) << seen();
    EXPECT_EQ(life->heard(), "");
}

TEST_F(Serial, LooksOnWhileSomeoneElseTypes) {
    Life life(scratch_.host);
    auto other = std::make_unique<ConsoleHold>(
        scratch_.host, guest_run_folder(scratch_.host, 101) + "/serial0.lock");
    ASSERT_TRUE(other->held());
    open();
    EXPECT_EQ(pane_->state(), SerialPane::State::taken);
    EXPECT_NE(pane_->status().find("is held by process " + std::to_string(::getpid())),
              std::string::npos)
        << pane_->status();
    life.say("for all to see");
    EXPECT_TRUE(sees("for all to see"));
    other.reset();
    EXPECT_TRUE(comes_to(SerialPane::State::attached)) << pane_->status();
    life.accept();
    type("a");
    EXPECT_TRUE(loop_.run_until([&] { return life.heard() == "a"; }, milliseconds(5000)));
    // Looking on lets go of it.
    pane_->type(false);
    EXPECT_EQ(pane_->status(), "serial0 of 101 (web): looking on");
    EXPECT_TRUE(
        ConsoleHold(scratch_.host, guest_run_folder(scratch_.host, 101) + "/serial0.lock").held());
}

TEST_F(Serial, SleepsWhileNothingHappens) {
    Life life(scratch_.host);
    open(false);
    loop_.run_until([] { return false; }, milliseconds(1500));
    int wakeups = 0;
    const auto end = std::chrono::steady_clock::now() + milliseconds(1500);
    while (std::chrono::steady_clock::now() < end)
        wakeups += loop_.run_once(milliseconds(100)) ? 1 : 0;
    EXPECT_EQ(wakeups, 0);
}

TEST_F(Serial, LeavesRoomForKeysInAFlood) {
    Life life(scratch_.host);
    open(false);
    std::string much;
    while (much.size() < 3 << 20)
        much += "line after line after line\r\n";
    life.say(much + "the end");
    ASSERT_TRUE(loop_.run_once(milliseconds(1000)));
    int turns = 0;
    // A timer that is always due gets its turn between those of the flood.
    auto timer = loop_.every(milliseconds(1), milliseconds(0), [&] { ++turns; });
    EXPECT_TRUE(sees("the end"));
    EXPECT_GT(turns, 3);
}

TEST_F(Serial, BeginsWithAWholeLineOfALongLog) {
    const std::string folder = guest_log_folder(scratch_.host, 101);
    scratch_.host.make_folder(folder);
    std::ofstream log(folder + "/serial0.log");
    for (int i = 0; i < 20000; ++i)
        log << "this is line " << i << "\r\n";
    log << "\x1b[?1049hin a full screen\r\n[started 2026-01-01 00:00:00]\r\nthe end" << std::flush;
    open();
    EXPECT_EQ(pane_->state(), SerialPane::State::stopped);
    EXPECT_TRUE(sees("the end"));
    EXPECT_NE(seen().find("this is line 19999"), std::string::npos) << seen();
    pane_->pane().scroll_top();
    EXPECT_EQ(seen().find("this is line"), 0u) << seen();
}

TEST_F(Serial, SaysWhatToChange) {
    configure("name: web\nostype: win10\n");
    open();
    EXPECT_EQ(pane_->state(), SerialPane::State::no_port);
    EXPECT_NE(seen().find("lodge set 101 serial0=socket"), std::string::npos) << seen();
    EXPECT_NE(seen().find("bcdedit"), std::string::npos) << seen();
    configure("name: web\nserial0: socket\n");
    pane_->look();
    EXPECT_EQ(pane_->state(), SerialPane::State::stopped);
    std::filesystem::remove(scratch_.host.config_folder() + "/qemu-server/101.conf");
    pane_->look();
    EXPECT_EQ(pane_->state(), SerialPane::State::gone);
    configure("name: web\nserial0: socket\n");
    Life life(scratch_.host);
    EXPECT_TRUE(comes_to(SerialPane::State::attached));
    EXPECT_NE(seen().find("systemctl enable --now serial-getty@ttyS0"), std::string::npos)
        << seen();
    life.say("[started x]\r\n");
    life.say("hello");
    EXPECT_TRUE(sees("hello"));
    EXPECT_EQ(seen().find("systemctl"), std::string::npos) << seen();
}

TEST_F(Serial, AdviceFitsTheGuest) {
    for (const auto& [config, words] : std::vector<std::pair<std::string, std::string>>{
             {"ostype: l26\nserial1: /dev/ttyS0\n", "  /dev/ttyS0"},
             {"ostype: l26\n", "serial-getty@ttyS1"},
             {"ostype: win11\n", "EMSPORT:2"},
             {"ostype: solaris\n", "eeprom console=ttyb"},
             {"ostype: other\n", "set tty com1"}}) {
        configure(config);
        const Guest guest = load_guest(scratch_.engine, 101);
        EXPECT_NE(join(port_advice(guest, 1), "\n").find(words), std::string::npos) << words;
        for (const std::string& line : port_advice(guest, 1))
            EXPECT_LE(text_width(line), 78) << line;
    }
    configure("serial1: socket\n");
    EXPECT_TRUE(port_advice(load_guest(scratch_.engine, 101), 1).empty());
}

}  // namespace
}  // namespace lodge
