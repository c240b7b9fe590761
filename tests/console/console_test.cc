#include "engine/vm/console.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "engine/vm/qmp.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

// Line plays QEMU: a listening socket, and a log that each byte goes to after the socket.
class Line : public testing::Test {
  protected:
    void SetUp() override {
        listener_ = listen_unix(socket_);
        std::ofstream(log_).flush();
    }
    void attach(bool typing = true, int64_t from = 0) {
        console_ = std::make_unique<SerialConsole>(
            loop_, SerialConsole::Ends{typing ? socket_ : "", log_, from},
            [this](std::string_view text) { seen_ += text; }, [this] { closed_ = true; });
        if (typing) guest_.reset(::accept(listener_.get(), nullptr, nullptr));
    }
    void say(std::string_view text, bool logged = true) {
        if (guest_) {
            ASSERT_EQ(::write(guest_.get(), text.data(), text.size()),
                      static_cast<ssize_t>(text.size()));
        }
        if (logged) std::ofstream(log_, std::ios::app) << text << std::flush;
    }
    bool sees(const std::string& text) {
        return loop_.run_until([&] { return seen_ == text; }, milliseconds(3000));
    }

    ScratchFolder scratch_;
    std::string socket_ = scratch_.path() + "/serial0", log_ = scratch_.path() + "/serial0.log";
    Fd listener_, guest_;
    Loop loop_;
    std::unique_ptr<SerialConsole> console_;
    std::string seen_;
    bool closed_ = false;
};

TEST_F(Line, ShowsEachByteOnce) {
    say("before ");
    attach();
    say("after ");
    EXPECT_TRUE(sees("before after ")) << seen_;
    say("more");
    EXPECT_TRUE(sees("before after more")) << seen_;
    loop_.run_until([] { return false; }, milliseconds(500));
    EXPECT_EQ(seen_, "before after more");
}

TEST_F(Line, GoesOnFromWhereOneHasSeen) {
    say("seen,");
    attach(true, 5);
    say("new");
    EXPECT_TRUE(sees("new")) << seen_;
}

TEST_F(Line, ShowsTheSocketWhenTheLogNoLongerGrows) {
    attach();
    say("in both,");
    EXPECT_TRUE(sees("in both,"));
    say("disk full", false);
    EXPECT_TRUE(sees("in both,disk full")) << seen_;
    say("!", false);
    EXPECT_TRUE(sees("in both,disk full!")) << seen_;
}

TEST_F(Line, WorksWithoutALog) {
    std::filesystem::remove(log_);
    attach();
    say("hello", false);
    EXPECT_TRUE(sees("hello"));
}

TEST_F(Line, LooksOnWithoutTheSocket) {
    attach(false);
    console_->write("nobody hears this");
    say("read only");
    EXPECT_TRUE(sees("read only"));
}

TEST_F(Line, SendsAllThatIsTypedInOrder) {
    attach();
    std::string much;
    for (int i = 0; much.size() < 600000; ++i)
        much += std::to_string(i) + "\n";
    console_->write(much.substr(0, 100));
    console_->write(much.substr(100));
    EXPECT_GT(console_->unsent(), 0u) << "the socket is not that large";
    std::string got;
    char bytes[8192];
    while (got.size() < much.size()) {
        loop_.run_once(milliseconds(20));
        const ssize_t count = ::recv(guest_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (count > 0) got.append(bytes, static_cast<size_t>(count));
    }
    EXPECT_EQ(got, much);
    EXPECT_EQ(console_->unsent(), 0u);
}

TEST_F(Line, SaysWhenTheGuestIsGone) {
    attach();
    say("last words");
    guest_.reset();
    EXPECT_TRUE(loop_.run_until([&] { return closed_; }, milliseconds(3000)));
    EXPECT_EQ(seen_, "last words");
    console_->write("into the void");
    EXPECT_TRUE(console_->closed());
}

TEST_F(Line, NobodyListens) {
    listener_.reset();
    EXPECT_THROW(attach(), Error);
}

TEST(TerminalModes, TakesBackWhatTheGuestLeftOn) {
    TerminalModes modes;
    EXPECT_EQ(modes.undo(), "");
    modes.see("text\x1b[?1049h\x1b[?2");
    modes.see("5l\x1b[?1;1002h");
    EXPECT_EQ(modes.undo(), "\x1b[?1l\x1b[?25h\x1b[?1002l\x1b[?1049l");
    modes.see("\x1b[?1049l\x1b[?25h\x1b[?1;1002l");
    EXPECT_EQ(modes.undo(), "");
    modes.see("\x1b[1mbold");
    EXPECT_EQ(modes.undo(), "\x1b[0m");
    modes.see("\x1b[4h\x1b[?99999999999h\x1b\x1b[?25l");
    EXPECT_EQ(modes.undo(), "\x1b[?25h\x1b[0m");
}

// What stands in the way is said before anything is tried, and what to do about it.
std::string why_no_console(const std::string& config, const Values& words = {}) {
    ScratchEngine scratch;
    scratch.host.write(scratch.host.config_folder() + "/qemu-server/101.conf", config);
    const Guest guest = find_guest(scratch.engine, "101");
    try {
        guest.kind->console(scratch.engine, guest, words);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(Console, SaysWhatIsMissing) {
    EXPECT_NE(why_no_console("name: web\n").find("lodge set 101 serial0=socket"),
              std::string::npos);
    EXPECT_NE(why_no_console("serial0: /dev/ttyS0\n").find("the host's device"), std::string::npos);
    EXPECT_NE(why_no_console("serial0: socket\n").find("lodge start 101"), std::string::npos);
    EXPECT_NE(why_no_console("serial0: socket\n", {{"serial", 1}}).find("serial1=socket"),
              std::string::npos);
    EXPECT_NE(why_no_console("serial0: socket\n", {{"serial", 4}}).find("not allowed"),
              std::string::npos);
}

}  // namespace
}  // namespace lodge
