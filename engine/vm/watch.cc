#include "engine/vm/watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"
#include "engine/vm/life.h"
#include "engine/vm/vm.h"

namespace lodge {

struct GuestWatch::Watched {
    ProcessId process;
    Fd pidfd, events;
    QmpStream stream;
    Loop::Source end, hear;
};

GuestWatch::GuestWatch(Loop& loop, const Host& host, Call call)
    : loop_(loop), host_(host), call_(std::move(call)) {
    const std::string folder = host_.run_folder() + "/guest";
    host_.make_folder(folder);
    folder_ = loop_.on_change(folder.c_str(), IN_CREATE | IN_MOVED_TO, [this] {
        // The pid file comes a little after its folder.
        soon_ = loop_.after(std::chrono::milliseconds(300), std::chrono::milliseconds(200),
                            [this] { look_again(); });
    });
    look_again();
}

GuestWatch::~GuestWatch() = default;

void GuestWatch::look_again() {
    for (const std::string& name : host_.list(host_.run_folder() + "/guest")) {
        const auto id = parse_integer(name);
        if (!id || *id < 100 || *id > 999999999) continue;
        if (guests_.count(static_cast<int>(*id)) == 0) add(static_cast<int>(*id));
    }
}

void GuestWatch::add(int id) {
    const auto process = vm_process(host_, id);
    if (!process) return;
    auto guest = std::make_unique<Watched>();
    guest->process = *process;
    guest->pidfd = open_process(host_, *process);
    if (!guest->pidfd) return;
    guest->end = loop_.on_end(guest->pidfd.get(), [this, id] { ended(id); });
    open_events(id, *guest);
    guests_[id] = std::move(guest);
    call_(id, "started");
}

// The second monitor serves one watcher; who comes later waits in its queue, and hears the events
// when the first one is gone. Nothing here waits for an answer.
void GuestWatch::open_events(int id, Watched& guest) {
    try {
        guest.events =
            connect_unix(guest_run_folder(host_, id) + "/events", std::chrono::milliseconds(50));
    } catch (const Error&) {
        return;  // its end is noticed all the same, by its process
    }
    constexpr std::string_view hello = "{\"execute\":\"qmp_capabilities\"}\n";
    if (::send(guest.events.get(), hello.data(), hello.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        guest.events.reset();
        return;
    }
    guest.hear = loop_.on_io(guest.events.get(), EPOLLIN, [this, id](uint32_t) { heard(id); });
}

void GuestWatch::heard(int id) {
    const auto found = guests_.find(id);
    if (found == guests_.end()) return;
    Watched& guest = *found->second;
    std::array<char, 65536> piece;
    const ssize_t got = ::recv(guest.events.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    std::vector<std::string> events;
    try {
        if (got > 0) guest.stream.add({piece.data(), static_cast<size_t>(got)});
        while (const auto value = guest.stream.next())
            if (value->contains("event") && (*value)["event"].is_string())
                events.push_back((*value)["event"].get<std::string>());
    } catch (const Error&) {
        guest.hear.cancel();  // a monitor that talks nonsense is heard no more; its end still is
        return;
    }
    if (got <= 0) guest.hear.cancel();
    for (std::string& event : events) {
        std::transform(event.begin(), event.end(), event.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        call_(id, event);
    }
}

void GuestWatch::ended(int id) {
    if (guests_.count(id) == 0) return;
    heard(id);  // what it said at the very end
    guests_.erase(id);
    // A pid file that is still there means that nobody at Lodge ended it.
    const bool by_itself = host_.exists(guest_run_folder(host_, id) + "/pid");
    LastEnd end;
    end.time = host_.now_seconds();
    end.died = by_itself && vm_ended_badly(host_, id);
    end.words = vm_last_words(host_, id);
    if (by_itself) write_last_end(host_, id, end);
    call_(id, end.died ? "died" : "ended");
}

}  // namespace lodge
