#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "engine/loop.h"
#include "tui/pane/run_watch.h"
#include "tui/picture/key_layout.h"
#include "tui/picture/picture.h"
#include "tui/picture/rfb.h"
#include "tui/picture/screen_text.h"

namespace lodge {

// GuestPicture is a guest's graphical screen: QEMU sends what changes, at most so often as is
// asked; while nothing changes, or nobody looks, nothing is sent and nothing wakes up. Over the
// guest's stops and starts. Several may look and type at the same time.
//
//     GuestPicture screen(loop, engine, 101, [this] { redraw_soon(); });
//     screen.show(true);                                 // while it is on the screen
//     screen.draw(area, glyphs, colors);                 // its last row is the status line
//     screen.write(key);                                 // keys and the mouse
class GuestPicture {
  public:
    enum class State {
        no_screen,  // the guest has no graphics card
        stopped,
        starting,  // it runs, its screen can't be reached yet
        attached,
        gone,  // there is no such guest any more
    };
    GuestPicture(Loop& loop, Engine& engine, int id, std::function<void()> on_change);
    GuestPicture(const GuestPicture&) = delete;
    GuestPicture& operator=(const GuestPicture&) = delete;

    // Frames are asked for while it is shown only. `pause`: the least time between two; a slow
    // line wants a longer one.
    void show(bool on);
    void set_pause(Loop::Duration pause) { pause_ = pause; }

    State state() const { return state_; }
    const std::string& status() const { return status_; }  // one line, printable
    // Empty while nothing was seen. The last frame stays when the guest stops.
    const Picture& picture() const { return stream_.picture(); }
    uint64_t frames() const { return frames_; }  // so far: whether picture() is another one

    // A screen that shows text in the font of a PC becomes text, so that it can be read at any
    // size; other screens a picture of cells.
    void draw(const Area& area, GlyphLevel glyphs, ColorLevel colors);
    // The same for a terminal with pixels: room is left blank for picture_at(…, drawn(), …).
    void leave_room(const Area& area);
    Rect drawn() const { return drawn_; }  // on the canvas
    void prefer_text(bool on) { prefers_text_ = on; }

    void write(const Key& key);
    void look();

  private:
    bool find_screen();
    void attach();
    void detach();
    void wait_for_socket();
    void ready(uint32_t events);
    void receive();
    void ask_later();
    void flush();
    void mouse(const Key& key);
    Area body_of(const Area& area);
    void draw_status(const Area& area, std::string_view kind);
    void say(State state, std::string words);

    Loop& loop_;
    Engine& engine_;
    const int id_;
    const std::string run_;
    std::function<void()> on_change_;
    Loop::Duration pause_ = std::chrono::milliseconds(100);
    bool shown_ = false;
    bool ready_ = false;  // constructed
    bool prefers_text_ = true;
    bool everything_ = false;  // is wanted with the next frame
    bool asked_ = false;       // QEMU owes us a frame
    State state_ = State::gone;
    std::string status_;
    uint64_t frames_ = 0;
    ScreenFont font_;
    KeyLayout layout_;
    std::optional<ScreenText> text_;  // on frame `text_frame_`
    uint64_t text_frame_ = 0;
    RfbStream stream_;
    std::string unsent_;
    bool waits_to_send_ = false;
    Rect where_, drawn_, area_;
    Size cell_pixels_;  // of a character while text is shown; else 0
    int buttons_ = 0;
    Fd socket_, process_;
    Loop::Source io_, end_, again_;
    RunWatch watch_;
};

}  // namespace lodge
