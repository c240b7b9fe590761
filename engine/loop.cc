#include "engine/loop.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "engine/error.h"

namespace lodge {

// One registration with sd-event. Its address is what sd-event hands back, so it never moves.
struct Loop::Source::Entry {
    // The library and what it needs take as long to load as a picture to draw: not before somebody
    // waits. Throws Error when the kernel gives no epoll descriptor.
    static sd_event* event(Loop& loop) {
        if (!loop.event_) {
            sd_event* event = nullptr;
            const int made = sd_event_new(&event);
            if (made < 0) fail_errno(-made, "cannot make an event loop");
            loop.event_.reset(event);
        }
        return loop.event_.get();
    }

    Loop* loop = nullptr;
    sd_event_source* source = nullptr;
    std::function<void(uint32_t)> io;
    std::function<void()> call;
    uint64_t period = 0;  // microseconds; 0: once

    ~Entry() { sd_event_source_disable_unref(source); }

    // A callback may destroy its own registration, so it runs as a copy and nothing of the entry is
    // touched after it.
    template <class F>
    static int guarded(Entry& entry, const F& body) {
        Loop& loop = *entry.loop;
        try {
            body();
        } catch (...) {
            if (!loop.trouble_) loop.trouble_ = std::current_exception();
        }
        return 0;
    }

    static int ready(sd_event_source*, int, uint32_t events, void* self) {
        auto& entry = *static_cast<Entry*>(self);
        return guarded(entry, [&] {
            const auto copy = entry.io;
            copy(events);
        });
    }
    static int due(sd_event_source* source, uint64_t was_due, void* self) {
        auto& entry = *static_cast<Entry*>(self);
        if (entry.period != 0) {
            uint64_t now = 0;
            sd_event_now(event(*entry.loop), CLOCK_MONOTONIC, &now);
            uint64_t next = was_due + entry.period;
            if (next <= now) next = now + entry.period;
            sd_event_source_set_time(source, next);
            sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return guarded(entry, [&] {
            const auto copy = entry.call;
            copy();
        });
    }
    static int signalled(sd_event_source*, const signalfd_siginfo*, void* self) {
        auto& entry = *static_cast<Entry*>(self);
        return guarded(entry, [&] {
            const auto copy = entry.call;
            copy();
        });
    }
    static int changed(sd_event_source*, const inotify_event*, void* self) {
        return signalled(nullptr, nullptr, self);
    }
};

void Loop::Source::Delete::operator()(Entry* entry) const {
    delete entry;
}

namespace {

void check(int result, const char* what) {
    if (result < 0) fail_errno(-result, what);
}

}  // namespace

Loop::Loop() = default;

Loop::Source Loop::on_io(int fd, uint32_t events, std::function<void(uint32_t)> call) {
    Source result;
    result.entry_.reset(new Source::Entry);
    result.entry_->loop = this;
    result.entry_->io = std::move(call);
    check(sd_event_add_io(Source::Entry::event(*this), &result.entry_->source, fd, events,
                          Source::Entry::ready, result.entry_.get()),
          "cannot wait for a descriptor");
    return result;
}

Loop::Source Loop::after(Duration delay, Duration slack, std::function<void()> call) {
    Source result;
    result.entry_.reset(new Source::Entry);
    result.entry_->loop = this;
    result.entry_->call = std::move(call);
    // sd-event reads accuracy 0 as "250 ms will do": 1 is the smallest it takes at its word.
    const auto accuracy = static_cast<uint64_t>(std::max<int64_t>(slack.count(), 1));
    check(sd_event_add_time_relative(Source::Entry::event(*this), &result.entry_->source,
                                     CLOCK_MONOTONIC,
                                     static_cast<uint64_t>(std::max<int64_t>(delay.count(), 0)),
                                     accuracy, Source::Entry::due, result.entry_.get()),
          "cannot set a timer");
    return result;
}

Loop::Source Loop::every(Duration period, Duration slack, std::function<void()> call) {
    Source result = after(period, slack, std::move(call));
    result.entry_->period = static_cast<uint64_t>(period.count());
    return result;
}

Loop::Source Loop::on_signal(int signal, std::function<void()> call) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    Source result;
    result.entry_.reset(new Source::Entry);
    result.entry_->loop = this;
    result.entry_->call = std::move(call);
    check(sd_event_add_signal(Source::Entry::event(*this), &result.entry_->source, signal,
                              Source::Entry::signalled, result.entry_.get()),
          "cannot wait for a signal");
    return result;
}

Loop::Source Loop::on_end(int pidfd, std::function<void()> call) {
    return on_io(pidfd, EPOLLIN, [call = std::move(call)](uint32_t) { call(); });
}

Loop::Source Loop::on_change(const char* path, uint32_t mask, std::function<void()> call) {
    Source result;
    result.entry_.reset(new Source::Entry);
    result.entry_->loop = this;
    result.entry_->call = std::move(call);
    check(sd_event_add_inotify(Source::Entry::event(*this), &result.entry_->source, path, mask,
                               Source::Entry::changed, result.entry_.get()),
          "cannot watch a file");
    return result;
}

int Loop::run() {
    code_.reset();
    while (!code_) {
        const int handled = sd_event_run(Source::Entry::event(*this), UINT64_MAX);
        rethrow();
        check(handled, "the event loop failed");
    }
    return *code_;
}

void Loop::stop(int code) {
    code_ = code;
}

bool Loop::run_once(Duration patience) {
    const int handled = sd_event_run(Source::Entry::event(*this),
                                     static_cast<uint64_t>(std::max<int64_t>(patience.count(), 0)));
    rethrow();
    check(handled, "the event loop failed");
    return handled > 0;
}

bool Loop::run_until(const std::function<bool()>& done, Duration patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        const auto left =
            std::chrono::duration_cast<Duration>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        run_once(left);
    }
    return true;
}

void Loop::rethrow() {
    if (!trouble_) return;
    std::exception_ptr trouble;
    std::swap(trouble, trouble_);
    std::rethrow_exception(trouble);
}

}  // namespace lodge
