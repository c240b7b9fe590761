#include "tui/picture/guest_picture.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/error.h"
#include "engine/process.h"
#include "engine/text.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"
#include "tui/dialog.h"
#include "tui/picture/keysyms.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

constexpr size_t most_unsent = 1 << 16;
constexpr int left_button = 1, wheel_up = 8, wheel_down = 16;

}  // namespace

GuestPicture::GuestPicture(Loop& loop, Engine& engine, int id, std::function<void()> on_change)
    : loop_(loop),
      engine_(engine),
      id_(id),
      run_(guest_run_folder(engine.host, id)),
      on_change_(std::move(on_change)),
      font_(ScreenFont::of(engine.host)),
      watch_(loop, engine.host, id, [this] { look(); }) {
    look();
    ready_ = true;
}

void GuestPicture::say(State state, std::string words) {
    if (state == state_ && words == status_) return;
    state_ = state;
    status_ = printable(words);
    if (ready_) on_change_();
}

bool GuestPicture::find_screen() {
    try {
        const Guest guest = load_guest(engine_, id_);
        const auto vga = guest.config.properties("vga");
        const std::string type = vga ? vga->text("type") : "std";
        if (type != "none" && !type.starts_with("serial")) return true;
        detach();
        say(State::no_screen,
            fmt::format("{} has no screen (vga: {}). Give it one: lodge set {} vga=std, then stop "
                        "and start it",
                        guest_words(guest), type, id_));
    } catch (const Error& error) {
        detach();
        say(State::gone, error.what());
    }
    return false;
}

void GuestPicture::look() {
    if (socket_) return;
    const auto process = vm_process(engine_.host, id_);
    end_.cancel();
    process_ = process ? open_process(engine_.host, *process) : Fd();
    // A running guest may still have the screen that its file no longer gives it.
    if (!process_ || !engine_.host.exists(run_ + "/qemu/vnc")) {
        if (!find_screen()) return;
        if (!process_) return say(State::stopped, "it is not running; shows it when it starts");
        return say(State::starting, "it is starting, or was started without this screen");
    }
    end_ = loop_.on_end(process_.get(), [this] {
        end_.cancel();
        detach();
        watch_.look_soon();
    });
    attach();
}

void GuestPicture::attach() {
    try {
        socket_ = connect_unix(run_ + "/qemu/vnc", milliseconds(50));
    } catch (const Error& error) {
        watch_.look_later();
        return say(State::starting, error.what());
    }
    try {
        layout_ =
            KeyLayout::of(engine_.host, load_guest(engine_, id_).config.string_of("keyboard"));
    } catch (const Error&) {
        layout_ = {};  // a guest without a file: as QEMU has it without one
    }
    stream_ = RfbStream();
    unsent_.clear();
    asked_ = false;
    everything_ = true;
    wait_for_socket();
    say(State::attached, "");
}

void GuestPicture::detach() {
    io_.cancel();
    again_.cancel();
    socket_.reset();
    unsent_.clear();
    asked_ = false;
}

void GuestPicture::wait_for_socket() {
    waits_to_send_ = !unsent_.empty();
    io_.cancel();  // the same descriptor cannot be waited for twice
    io_ = loop_.on_io(socket_.get(), EPOLLIN | (waits_to_send_ ? uint32_t{EPOLLOUT} : 0U),
                      [this](uint32_t events) { ready(events); });
}

void GuestPicture::ready(uint32_t events) {
    try {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive();
        if (socket_) flush();
    } catch (const Error& error) {
        // What talks nonsense is asked no more; the next start of the guest is another try.
        detach();
        say(State::starting, error.what());
    }
}

// One piece a turn, so that a guest that draws a lot does not keep the keys waiting.
void GuestPicture::receive() {
    static std::array<char, 1 << 18> bytes;
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        detach();
        watch_.look_later();
        return say(State::starting, "its screen was closed");
    }
    const Size before{picture().width, picture().height};
    const bool was_ready = stream_.ready();
    stream_.add({bytes.data(), static_cast<size_t>(got)});
    if (Size{picture().width, picture().height} != before) everything_ = true;
    if (!was_ready && stream_.ready()) {
        asked_ = true;  // the stream itself asks for the first frame
        everything_ = false;
    }
    if (!stream_.take_update()) return;
    asked_ = false;
    ++frames_;
    ask_later();
    if (shown_) on_change_();
}

void GuestPicture::show(bool on) {
    shown_ = on;
    if (on)
        ask_later();
    else
        again_.cancel();
}

void GuestPicture::ask_later() {
    if (!shown_ || asked_ || !socket_ || !stream_.ready() || again_) return;
    again_ = loop_.after(pause_, pause_ / 4, [this] {
        again_.cancel();
        if (!socket_ || asked_) return;
        stream_.ask(std::exchange(everything_, false));
        asked_ = true;
        flush();
    });
}

void GuestPicture::flush() {
    unsent_ += stream_.take_output();
    while (!unsent_.empty()) {
        const ssize_t sent =
            ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) unsent_.clear();  // closed: receive() will say so
        if (sent <= 0) break;
        unsent_.erase(0, static_cast<size_t>(sent));
    }
    if (waits_to_send_ != !unsent_.empty()) wait_for_socket();
}

void GuestPicture::write(const Key& key) {
    if (!socket_ || !stream_.ready() || unsent_.size() > most_unsent) return;
    if (key.is_mouse())
        mouse(key);
    else
        for (const Keystroke& stroke : keystrokes(key, layout_))
            stream_.key(stroke.keysym, stroke.down);
    flush();
}

void GuestPicture::mouse(const Key& key) {
    const int x = key.x - area_.x, y = key.y - area_.y;
    if (key.is("Press") && !drawn_.contains(key.x, key.y)) return;
    Pixel point = picture_point(where_, {picture().width, picture().height}, x, y);
    if (cell_pixels_.width > 0)
        point = {(x - where_.x) * cell_pixels_.width + cell_pixels_.width / 2,
                 (y - where_.y) * cell_pixels_.height + cell_pixels_.height / 2};
    if (key.is("Press")) buttons_ = left_button << (std::max(key.button, 1) - 1);
    if (key.is("Release")) buttons_ = 0;
    const int wheel = key.is("WheelUp") ? wheel_up : key.is("WheelDown") ? wheel_down : 0;
    if (wheel != 0) stream_.pointer(point.x, point.y, buttons_ | wheel);
    // The place first, then the button: a guest takes a click where its pointer is.
    if (key.is("Press")) stream_.pointer(point.x, point.y, 0);
    stream_.pointer(point.x, point.y, buttons_);
}

// All rows but the last, which says how it is.
Area GuestPicture::body_of(const Area& area) {
    const Area body = area.rows(0, area.height() > 2 ? area.height() - 1 : area.height());
    area_ = body.rect();
    cell_pixels_ = {};
    return body;
}

void GuestPicture::draw(const Area& area, GlyphLevel glyphs, ColorLevel colors) {
    const Area body = body_of(area);
    if (text_frame_ != frames_) {
        text_frame_ = frames_;
        text_ = read_text(picture(), font_);
    }
    const bool as_text = prefers_text_ && text_;
    if (as_text) {
        where_ = draw_text(body, *text_, glyphs, colors);
        cell_pixels_ = text_->cell;
    } else {
        where_ = draw_picture(body, picture(), glyphs, colors);
    }
    draw_status(area, as_text ? ", as text" : "");
}

void GuestPicture::leave_room(const Area& area) {
    const Area body = body_of(area);
    body.fill({});
    where_ = placed({body.width(), body.height()}, {picture().width, picture().height});
    draw_status(area, "");
}

void GuestPicture::draw_status(const Area& area, std::string_view kind) {
    drawn_ = {area_.x + where_.x, area_.y + std::max(where_.y, 0),
              std::min(where_.width, area_.width), std::min(where_.height, area_.height)};
    if (area_.height == area.height()) return;
    const Area line = area.row(area_.height);
    line.fill(Role::dim);
    std::string words = status_;
    if (words.empty())
        words = fmt::format("{} x {} pixels{}{}", picture().width, picture().height, kind,
                            stream_.absolute() ? "" : "; no tablet: the mouse is off its place");
    if (state_ == State::attached) {
        line.put(0, 0, words, Role::dim);
        return;
    }
    // Why there is none takes the room of the picture, when it is long.
    const auto lines = wrapped(printable(words), area.width());
    int y = std::max(0, area_.height + 1 - static_cast<int>(lines.size()));
    for (const std::string& one : lines)
        area.put(0, y++, one, Role::warning);
}

}  // namespace lodge
