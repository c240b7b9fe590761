#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/loop.h"
#include "engine/vm/console.h"
#include "engine/vm/console_hold.h"
#include "tui/pane/run_watch.h"
#include "tui/pane/terminal_pane.h"

namespace lodge {

// SerialPane is a guest's serial console in an Area: the end of its log first, then what it says
// now; over its stops and starts. It sleeps in the loop, nothing is polled. One person types to a
// console at a time: who else has it is said, and it can be looked at all the same. Leaving is
// destroying it.
//
//     SerialPane console(loop, engine, 101, 0, [this] { redraw_soon(); });
//     console.type(true);           // full screen: keys go to the guest; false: looks on
//     console.draw(area);           // its last row is the status line
//     console.write(key);           // any key but the one that leaves
//     console.pane().scroll_pages(1), .find("error") …
class SerialPane {
  public:
    enum class State {
        no_port,   // the guest has none that is a socket; the area says what to change
        stopped,   // the guest does not run; attaches when it starts
        starting,  // it runs, its port is not there yet (or it was started without it)
        attached,  // looks on or types
        taken,     // wants to type and someone else does: looks on until that one leaves
        gone,      // there is no such guest any more
    };
    // `on_change` is called when there is something to draw. Throws nothing for a guest that is not
    // there: the state says so.
    SerialPane(Loop& loop, Engine& engine, int id, int port, std::function<void()> on_change);
    SerialPane(const SerialPane&) = delete;
    SerialPane& operator=(const SerialPane&) = delete;
    ~SerialPane();

    void type(bool on);
    State state() const { return state_; }
    const std::string& status() const { return status_; }  // one line, printable
    bool bad_news() const { return state_ != State::attached; }

    void draw(const Area& area);
    void write(const Key& key);
    // Types "stty rows … cols …" and Enter: a shell at the other end then knows the pane's size.
    void tell_size();
    TerminalPane& pane() { return pane_; }
    // Looks again at once, without waiting for the kernel's word (the guest's file was changed).
    void look();

  private:
    bool find_port();
    void attach();
    void detach();
    void listen(const std::string& socket);
    void take_old(std::string bytes);
    void take(std::string_view bytes);
    void wait_turn(std::chrono::milliseconds pause = {});
    void turn();
    void say(State state, std::string words);
    void send(std::string_view bytes);

    Loop& loop_;
    Engine& engine_;
    const int id_;
    const int port_;
    const std::string name_;  // "serial0"
    const std::string run_, log_;
    std::function<void()> on_change_;
    TerminalPane pane_;
    bool types_ = false;
    bool heard_ = false;  // the guest said anything at all
    bool ended_ = false;  // its life is over, its modes are not yet forgotten
    bool ready_ = false;  // constructed
    State state_ = State::gone;
    std::string status_;
    std::optional<Guest> guest_;
    std::vector<std::string> advice_;
    int64_t shown_ = 0;    // bytes of the log
    std::string waiting_;  // was said and not fed yet
    size_t old_ = 0;       // as many of its bytes are a replay
    std::optional<ConsoleHold> hold_;
    std::unique_ptr<SerialConsole> console_;
    Fd process_;
    Loop::Source end_, turn_;
    RunWatch watch_;
};

}  // namespace lodge
