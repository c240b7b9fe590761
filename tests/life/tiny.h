#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/vm/handover.h"
#include "engine/vm/life.h"
#include "engine/vm/vm.h"
#include "tests/support/scratch.h"

namespace lodge {

// TinyGuest is a real QEMU without a system in it, which starts in a moment: SeaBIOS, 32 MiB, no
// disks. Its plans are made here by hand, so that a test sees one step at a time.
class TinyGuest {
  public:
    explicit TinyGuest(int id = 101, const std::string& config = "memory: 32\nname: tiny\n")
        : id_(id) {
        engine.host.write(engine.store.path("qemu-server", id), config);
    }
    ~TinyGuest() {
        try {
            run({"vm-kill", {{"guest", id_}}});
            run({"vm-clean", {{"guest", id_}}});
        } catch (const std::exception&) {
            // a test that has failed already tells what went wrong
        }
    }
    TinyGuest(const TinyGuest&) = delete;
    TinyGuest& operator=(const TinyGuest&) = delete;

    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    std::vector<std::string> said;
    // Asked before each wait; false cancels.
    std::function<bool()> going = [] { return true; };

    int id() const { return id_; }
    const Host& host() const { return engine.host; }
    std::string run_folder() const { return guest_run_folder(engine.host, id_); }
    Guest guest() { return load_guest(engine, id_); }
    Sighting look() {
        const Guest now = guest();
        return now.kind->look(engine, now);
    }

    // Carries one action out, as a job would.
    void run(const Action& action) {
        class Here : public Work {
          public:
            explicit Here(TinyGuest& owner) : owner_(owner) {}
            Engine& engine() override { return owner_.engine; }
            void say(const std::string& line) override { owner_.said.push_back(line); }
            void progress(int64_t, int64_t, std::string_view) override {}
            bool going() override { return owner_.going(); }

          private:
            TinyGuest& owner_;
        };
        Here work(*this);
        engine.actions.find(action.verb).run(work, action.on);
    }

    Action prepare_action() const {
        Values on{{"guest", id_},
                  {"run", run_folder()},
                  {"log", guest_log_folder(engine.host, id_)},
                  {"folders", std::vector<std::string>{run_folder() + "/own"}}};
        if (engine.host.is_root()) on.set({"user", "lodge-guest"});
        return {"vm-prepare", std::move(on)};
    }
    Values start_values(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> argv{"/usr/bin/qemu-system-x86_64",
                                      "-machine",
                                      "pc,accel=tcg",
                                      "-m",
                                      "32",
                                      "-nodefaults",
                                      "-display",
                                      "none",
                                      "-sandbox",
                                      "on,obsolete=deny,elevateprivileges=deny,spawn=deny",
                                      "-pidfile",
                                      run_folder() + "/own/qemu.pid",
                                      "-chardev",
                                      "socket,id=qmp,fd=10,server=on,wait=off",
                                      "-mon",
                                      "chardev=qmp,mode=control",
                                      "-chardev",
                                      "socket,id=events,fd=11,server=on,wait=off",
                                      "-mon",
                                      "chardev=events,mode=control"};
        argv.insert(argv.end(), more.begin(), more.end());
        Values on{{"guest", id_},
                  {"name", "101 (tiny)"},
                  {"argv", argv},
                  {"limit", 20},
                  {"kvm", false},
                  {"pid-file", run_folder() + "/own/qemu.pid"},
                  {"hand-over", std::vector<std::string>{"listen 10 " + run_folder() + "/qmp",
                                                         "listen 11 " + run_folder() + "/events"}}};
        if (engine.host.is_root()) on.set({"user", "lodge-guest"});
        return on;
    }
    void start(const Values& on) {
        run(prepare_action());
        run({"vm-start", on});
    }
    void start() { start(start_values()); }
    // Carries a plan out as a command would.
    void carry_out(const Plan& plan) {
        engine.jobs.run_here(engine, plan, [this](const JobEvent& event) {
            if (event.kind == JobEvent::Kind::say) said.push_back(event.words);
        });
    }
    std::string all_said() const {
        std::string text;
        for (const std::string& line : said)
            text += line + "\n";
        return text;
    }

  private:
    int id_;
};

// The words of the Error that `body` throws.
inline std::string error_of(const std::function<void()>& body, Exit* exit = nullptr) {
    try {
        body();
    } catch (const Error& error) {
        if (exit) *exit = error.exit();
        return error.what();
    }
    return "no error";
}

}  // namespace lodge
