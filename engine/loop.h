#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "engine/fd.h"

namespace lodge {

// Loop is the one sleep of a process: descriptors, timers, signals and children wait in it, on
// sd-event. One thread. An exception that leaves a callback ends run() and is thrown from there.
class Loop {
  public:
    using Duration = std::chrono::microseconds;

    // Source is a registration: destroying it takes it back.
    class Source {
      public:
        Source() = default;
        explicit operator bool() const { return entry_ != nullptr; }
        void cancel() { entry_.reset(); }

      private:
        friend class Loop;
        struct Entry;
        struct Delete {
            void operator()(Entry* entry) const;
        };
        std::unique_ptr<Entry, Delete> entry_;
    };

    Loop();  // sd-event comes with the first registration or sleep

    // `events` as epoll's: EPOLLIN, EPOLLOUT, EPOLLHUP … `fd` stays the caller's.
    [[nodiscard]] Source on_io(int fd, uint32_t events, std::function<void(uint32_t)> call);
    // Once, `delay` from now. `slack` is how much later it may be, so that wakeups join.
    [[nodiscard]] Source after(Duration delay, Duration slack, std::function<void()> call);
    // Again and again; the next one counts from when the last was due, missed ones are skipped.
    [[nodiscard]] Source every(Duration period, Duration slack, std::function<void()> call);
    // The signal is blocked for this process and delivered here.
    [[nodiscard]] Source on_signal(int signal, std::function<void()> call);
    // A process ended: child of ours or not (pidfd becomes readable).
    [[nodiscard]] Source on_end(int pidfd, std::function<void()> call);
    // A name in a folder, or a file, changed; `mask` as inotify's.
    [[nodiscard]] Source on_change(const char* path, uint32_t mask, std::function<void()> call);

    // Runs until stop(); returns its code. Throws what a callback threw.
    int run();
    void stop(int code = 0);
    // Waits at most `patience` for one event and handles it; false when none came.
    bool run_once(Duration patience);
    // Runs until `done` is true or `patience` is over; returns done().
    bool run_until(const std::function<bool()>& done, Duration patience);

  private:
    friend struct Source::Entry;
    void rethrow();

    std::unique_ptr<sd_event, Owned<sd_event_unref>> event_;
    std::exception_ptr trouble_;
    std::optional<int> code_;
};

}  // namespace lodge
