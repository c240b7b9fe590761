#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/fd.h"
#include "engine/loop.h"

namespace lodge {

// SerialConsole is a guest's serial line on the loop. What the guest says is read from its log,
// where QEMU writes every byte once, whether someone is attached or not: nothing is lost or shown
// twice when one attaches. What is typed goes to the socket. Without a log, or when the log no
// longer grows (a full disk), what the socket says is shown.
class SerialConsole {
  public:
    struct Ends {
        std::string socket;  // "" only listens; a container's: see open_console_line()
        std::string log;
        int64_t from = 0;  // bytes of the log that were shown already
    };
    // Throws Error: Exit::not_found when nothing listens at the socket.
    SerialConsole(Loop& loop, Ends ends, std::function<void(std::string_view)> on_output,
                  std::function<void()> on_closed);

    // Sent in order as the guest takes it. Nothing when it only listens or the line is closed.
    void write(std::string_view bytes);
    size_t unsent() const { return unsent_.size(); }  // bytes
    bool closed() const { return closed_; }
    int64_t shown() const { return ends_.from; }  // bytes of the log
    // Bytes that are in the log but not shown yet are shown now.
    void catch_up();

  private:
    void open_line();
    void wait_for_socket();
    void ready(uint32_t events);
    void receive();
    void send();
    void follow_log();
    void compare();
    void log_is_late();

    Loop& loop_;
    Ends ends_;
    std::function<void(std::string_view)> on_output_;
    std::function<void()> on_closed_;
    Fd socket_, claim_;
    bool terminal_ = false;  // it is a container's
    std::string unsent_;
    std::string recent_;        // what came by the socket last
    int64_t ahead_ = 0;         // bytes that came by the socket and not yet by the log
    bool from_socket_ = false;  // the log is of no use
    bool closed_ = false;
    bool waits_to_send_ = false;
    Loop::Source io_, change_, late_;
};

struct Engine;
struct Guest;
class Values;
// GuestKind::console() of every kind (attach.cc).
int attach_console(Engine& engine, const Guest& guest, const Values& words);

// TerminalModes remembers which modes a guest has switched on in the terminal of the person
// (alternate screen, mouse, bracketed paste, …; DECSET), so that they can be taken back.
class TerminalModes {
  public:
    void see(std::string_view output);
    // What to write so that the terminal is as before: "" when the guest left nothing on.
    std::string undo() const;

  private:
    enum class State { text, escape, control };
    void set(bool on);

    State state_ = State::text;
    std::string parameters_;
    uint32_t on_ = 0;        // a bit for each mode of the table
    bool coloured_ = false;  // SGR was used
};

}  // namespace lodge
