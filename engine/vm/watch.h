#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/fd.h"
#include "engine/host.h"
#include "engine/loop.h"
#include "engine/vm/qmp.h"

namespace lodge {

// GuestWatch tells at once what happens to the running virtual machines: it sleeps in the loop on
// their processes and, where no other watcher has it, on their second monitor. Guests that start
// later are found by look_again(), which also runs by itself when a guest's run folder appears.
class GuestWatch {
  public:
    // `what` is "started" (seen for the first time), "ended" (in order), "died" (its last words are
    // then in vm_last_end()), or QEMU's event in small letters: "shutdown", "reset", "stop",
    // "resume", "powerdown", "guest_panicked", "block_io_error", …
    using Call = std::function<void(int id, const std::string& what)>;

    GuestWatch(Loop& loop, const Host& host, Call call);
    ~GuestWatch();
    GuestWatch(const GuestWatch&) = delete;
    GuestWatch& operator=(const GuestWatch&) = delete;

    void look_again();
    size_t watched() const { return guests_.size(); }

  private:
    struct Watched;
    void add(int id);
    void ended(int id);
    void heard(int id);
    void open_events(int id, Watched& guest);

    Loop& loop_;
    const Host& host_;
    Call call_;
    std::map<int, std::unique_ptr<Watched>> guests_;
    Loop::Source folder_, soon_;
};

}  // namespace lodge
