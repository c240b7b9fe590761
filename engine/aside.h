#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/loop.h"

namespace lodge {

// Aside is work that may wait for others (a guest's agent, a dead network mount, a password's
// check), done by a child process that is a copy of ours, while our loop goes on. What the work
// changes in memory is lost; what it returns comes back as text. When we end, so does it.
class Aside {
  public:
    // Talk is the child's side: what the work says meanwhile, and hears.
    class Talk {
      public:
        explicit Talk(int fd) : fd_(fd) {}
        void say(std::string_view words) const;
        // Waits for reply(); nullopt when nobody is there any more.
        std::optional<std::string> hear() const;

      private:
        int fd_;
    };
    // Runs in the child. What it throws is told as the Error that it was.
    using Work = std::function<std::string(const Talk&)>;

    struct Ended {
        bool well = false;
        std::string words;         // what the work returned, or the error's words
        Exit exit = Exit::failed;  // of the error
    };
    struct Ears {
        std::function<void(Ended)> ended;                    // once, the last of all; we may go
        std::function<void(std::string_view)> printed = {};  // its standard output and errors
        std::function<void(const std::string& words)> said = {};  // by Talk::say()
    };

    // Throws Error when there can be no child.
    Aside(Loop& loop, const Work& work, Ears ears);
    // Kills it. One that hangs in the kernel ends when what it waits for does; nobody waits for it.
    ~Aside();
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

    void reply(std::string_view words);
    void interrupt() const;  // as Ctrl-C would
    pid_t child() const { return child_; }

  private:
    void start(const Work& work);
    [[noreturn]] static void be_child(const Work& work, int talk, int output, pid_t parent);
    void listen();
    bool take_output();
    bool take_frames();
    void over();

    Loop& loop_;
    Ears ears_;
    pid_t child_ = 0;
    Fd talk_, output_, process_;
    std::string frames_;
    std::optional<Ended> result_;
    Loop::Source talk_source_, output_source_, end_source_;
};

}  // namespace lodge
