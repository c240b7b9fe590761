#include <sys/inotify.h>

#include <csignal>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/commands/common.h"
#include "engine/loop.h"
#include "engine/units.h"
#include "engine/vm/watch.h"

namespace lodge {

using nlohmann::json;

namespace {

std::string clock_words(int64_t unix_seconds) {
    const std::time_t time = unix_seconds;
    std::tm parts{};
    char text[16];
    if (!localtime_r(&time, &parts)) return "";
    return std::string(text, std::strftime(text, sizeof text, "%H:%M:%S", &parts));
}

// Watcher prints what changes among guests. The kernel tells it when to look: the folders of
// configurations and of running guests change, or a guest's process ends. It asks QEMU nothing.
class Watcher {
  public:
    Watcher(Engine& engine, const Values& words) : engine_(engine), json_(words.flag("json")) {
        for (const std::string& word : words.list("guests"))
            only_.insert(find_guest(engine, word).id);
    }

    int run() {
        look(true);
        // Pauses and resumes leave no trace in files: QEMU tells of those.
        const GuestWatch machines(loop_, engine_.host,
                                  [this](int id, const std::string& what) { hear(id, what); });
        std::vector<Loop::Source> sources;
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            sources.push_back(loop_.on_signal(signal, [this] { loop_.stop(0); }));
        const std::string running = engine_.host.run_folder() + "/guest";
        engine_.host.make_folder(running);
        watch(running, sources);
        for (const GuestKind* kind : engine_.kinds) {
            const std::string folder =
                engine_.host.config_folder() + "/" + std::string(kind->folder());
            engine_.host.make_folder(folder);
            watch(folder, sources);
        }
        return loop_.run();
    }

  private:
    struct Known {
        std::string name;
        GuestState state = GuestState::stopped;
        pid_t pid = 0;
        std::string digest;
        std::string last;  // what QEMU said last
        Loop::Source folder, end;
        Fd process;
    };

    void watch(const std::string& folder, std::vector<Loop::Source>& sources) {
        sources.push_back(loop_.on_change(folder.c_str(),
                                          IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM,
                                          [this] { look_soon(); }));
    }

    // What a look cannot see, or would see too late, is told as it is heard; the rest by looking.
    void hear(int id, const std::string& what) {
        static const std::set<std::string> told = {"reset",          "powerdown", "died",
                                                   "guest_panicked", "watchdog",  "block_io_error"};
        const auto found = known_.find(id);
        if (found == known_.end()) return look_soon();
        Known& known = found->second;
        if (what == "stop" && known.state == GuestState::running) {
            known.state = GuestState::paused;
            tell(id, known.name, "state", "paused");
        } else if (what == "resume" && known.state == GuestState::paused) {
            known.state = GuestState::running;
            tell(id, known.name, "state", "running");
        } else if (told.contains(what) && known.last != what) {
            // QEMU says one reset several times.
            tell(id, known.name, what, "");
        }
        known.last = what;
        look_soon();
    }

    // Several files change for one event: one look a moment later sees them all.
    void look_soon() {
        using namespace std::chrono_literals;
        if (waiting_) return;
        waiting_ = true;
        soon_ = loop_.after(50ms, 20ms, [this] {
            waiting_ = false;
            look(false);
        });
    }

    // A QEMU that is busy does not answer at once.
    void look_later() {
        using namespace std::chrono_literals;
        later_ = loop_.after(1s, 500ms, [this] { look(false); });
    }

    void look(bool first) {
        std::set<int> there;
        for (const Guest& guest : list_guests(engine_)) {
            if (!only_.empty() && !only_.contains(guest.id)) continue;
            there.insert(guest.id);
            compare(guest, first);
        }
        for (auto known = known_.begin(); known != known_.end();) {
            if (there.contains(known->first)) {
                ++known;
                continue;
            }
            tell(known->first, known->second.name, "removed", "");
            known = known_.erase(known);
        }
    }

    void compare(const Guest& guest, bool first) {
        const Sighting sighting = guest.kind->look(engine_, guest);
        const std::string state(guest_state_word(sighting.state));
        const bool is_new = !known_.contains(guest.id);
        if (!is_new && sighting.state == GuestState::unknown) return look_later();
        Known& known = known_[guest.id];
        const std::string digest = guest.config.digest();
        if (is_new)
            tell(guest.id, guest.name, first ? "is" : "made", state);
        else if (known.state != sighting.state)
            tell(guest.id, guest.name, "state", state);
        else if (known.pid != sighting.pid)
            tell(guest.id, guest.name, "restarted", state);
        else if (known.digest != digest)
            tell(guest.id, guest.name, "changed", state);
        if (is_new || known.pid != sighting.pid) follow_process(guest.id, known, sighting.pid);
        known.name = guest.name;
        known.state = sighting.state;
        known.pid = sighting.pid;
        known.digest = digest;
    }

    void follow_process(int id, Known& known, pid_t pid) {
        known.end.cancel();
        known.folder.cancel();
        known.process.reset();
        const std::string folder = guest_run_folder(engine_.host, id);
        if (engine_.host.exists(folder))
            known.folder = loop_.on_change(folder.c_str(),
                                           IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE,
                                           [this] { look_soon(); });
        if (pid <= 0) return;
        if (const auto process = identify(engine_.host, pid))
            known.process = open_process(engine_.host, *process);
        if (known.process) known.end = loop_.on_end(known.process.get(), [this] { look_soon(); });
    }

    void tell(int id, const std::string& name, std::string_view what, const std::string& state) {
        const int64_t now = engine_.host.now_seconds();
        if (json_) {
            const json value = {
                {"time", now}, {"id", id}, {"name", name}, {"event", what}, {"state", state}};
            fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
        } else {
            const std::string words =
                what == "state" || what == "is" ? state : fmt::format("{} {}", what, state);
            fmt::print("{}  {} ({})  {}\n", clock_words(now), id, printable(name), trim(words));
        }
        std::fflush(stdout);
    }

    Engine& engine_;
    const bool json_;
    Loop loop_;
    std::set<int> only_;
    std::map<int, Known> known_;
    Loop::Source soon_, later_;
    bool waiting_ = false;
};

}  // namespace

int watch_guests(Engine& engine, const Values& words) {
    return Watcher(engine, words).run();
}

}  // namespace lodge
