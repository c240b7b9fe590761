#include "tui/picture/guest_picture.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

// Machine is a real QEMU with nothing to boot: its firmware says so.
class Machine {
  public:
    explicit Machine(const Host& host) : run_(guest_run_folder(host, 101)) {
        host.make_folder(run_ + "/qemu");  // as its start makes it
        const std::string screen = "unix:" + run_ + "/qemu/vnc";
        pid_ = ::fork();
        if (pid_ == 0) {
            ::execl("/usr/bin/qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults",
                    "-no-user-config", "-accel", "tcg", "-machine", "pc", "-m", "32", "-device",
                    "VGA", "-device", "qemu-xhci", "-device", "usb-tablet", "-vnc", screen.c_str(),
                    nullptr);
            ::_exit(127);
        }
        host.write_volatile(run_ + "/pid", identify(host, pid_)->print());
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() {
        std::filesystem::remove(run_ + "/pid");
        std::filesystem::remove(run_ + "/qemu/vnc");
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

  private:
    std::string run_;
    pid_t pid_ = 0;
};

class Screen : public testing::Test {
  protected:
    void configure(const std::string& text) {
        scratch_.host.write(scratch_.host.config_folder() + "/qemu-server/101.conf", text);
    }
    void SetUp() override {
        configure("name: web\n");
        open();
    }
    void open() {
        screen_ =
            std::make_unique<GuestPicture>(loop_, scratch_.engine, 101, [this] { ++changes_; });
    }
    std::string seen() {
        Canvas canvas({100, 31});
        screen_->draw(canvas.all(), GlyphLevel::full, ColorLevel::full);
        return canvas.text();
    }
    bool sees(const std::string& text) {
        return loop_.run_until([&] { return seen().find(text) != std::string::npos; },
                               std::chrono::seconds(60));
    }
    bool comes_to(GuestPicture::State state) {
        return loop_.run_until([&] { return screen_->state() == state; }, std::chrono::seconds(30));
    }

    ScratchEngine scratch_;
    Loop loop_;
    std::unique_ptr<GuestPicture> screen_;
    int changes_ = 0;
};

TEST_F(Screen, SaysWhatIsMissing) {
    EXPECT_EQ(screen_->state(), GuestPicture::State::stopped);
    EXPECT_NE(seen().find("not running"), std::string::npos);
    configure("name: web\nvga: serial0\n");
    screen_->look();
    EXPECT_EQ(screen_->state(), GuestPicture::State::no_screen);
    EXPECT_NE(seen().find("lodge set 101 vga=std"), std::string::npos) << seen();
    std::filesystem::remove(scratch_.host.config_folder() + "/qemu-server/101.conf");
    screen_->look();
    EXPECT_EQ(screen_->state(), GuestPicture::State::gone);
    Key key;
    key.name = "a";
    screen_->write(key);  // to nobody
}

// The words of a real firmware, read from its pixels.
TEST_F(Screen, ShowsWhatAMachineSays) {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "no QEMU";
    screen_->show(true);
    auto machine = std::make_unique<Machine>(scratch_.host);
    ASSERT_TRUE(comes_to(GuestPicture::State::attached)) << screen_->status();
    ASSERT_TRUE(loop_.run_until(
        [&] {
            const auto& rgb = screen_->picture().rgb;
            return std::count_if(rgb.begin(), rgb.end(), [](uint8_t b) { return b > 100; }) > 1000;
        },
        std::chrono::seconds(60)))
        << "all is black";
    if (!ScreenFont::of(scratch_.host).empty()) {
        EXPECT_TRUE(sees("SeaBIOS (version")) << seen();
        EXPECT_TRUE(sees("No bootable device")) << seen();
    }
    screen_->prefer_text(false);
    EXPECT_NE(seen().find("▀"), std::string::npos);
    screen_->prefer_text(true);
    // Ctrl-Alt-Delete starts it anew: the screen is empty for a moment.
    const uint64_t before = screen_->frames();
    for (const char* name : {"Ctrl-Alt-Delete", "a"}) {
        Key key;
        key.name = name;
        screen_->write(key);
    }
    EXPECT_TRUE(
        loop_.run_until([&] { return screen_->frames() > before + 1; }, std::chrono::seconds(60)));
    Key click;
    click.name = "Press";
    click.x = click.y = 10;
    click.button = 1;
    screen_->write(click);
    machine.reset();
    EXPECT_TRUE(comes_to(GuestPicture::State::stopped)) << screen_->status();
    EXPECT_FALSE(screen_->picture().empty()) << "the last frame stays";
    machine = std::make_unique<Machine>(scratch_.host);
    EXPECT_TRUE(comes_to(GuestPicture::State::attached)) << screen_->status();
    EXPECT_TRUE(
        loop_.run_until([&] { return screen_->frames() > before + 3; }, std::chrono::seconds(60)));
}

TEST_F(Screen, NobodyLooksNothingComes) {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "no QEMU";
    const Machine machine(scratch_.host);
    ASSERT_TRUE(comes_to(GuestPicture::State::attached)) << screen_->status();
    ASSERT_TRUE(loop_.run_until([&] { return screen_->frames() > 0; }, std::chrono::seconds(30)));
    loop_.run_until([] { return false; }, milliseconds(1500));
    const uint64_t before = screen_->frames();
    const int changes = changes_;
    loop_.run_until([] { return false; }, milliseconds(2000));
    EXPECT_EQ(screen_->frames(), before);
    EXPECT_EQ(changes_, changes);
    screen_->show(true);
    EXPECT_TRUE(
        loop_.run_until([&] { return screen_->frames() > before; }, std::chrono::seconds(30)));
}

}  // namespace
}  // namespace lodge
