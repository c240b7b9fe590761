#include "tui/pane/run_watch.h"

#include <sys/inotify.h>

#include "engine/error.h"
#include "engine/guest.h"

namespace lodge {

using std::chrono::milliseconds;

RunWatch::RunWatch(Loop& loop, const Host& host, int id, std::function<void()> look)
    : loop_(loop),
      host_(host),
      all_(host.run_folder() + "/guest"),
      folder_(guest_run_folder(host, id)),
      look_(std::move(look)) {
    watch();
}

void RunWatch::watch() {
    // Closing counts for the lock of who types to a console: that one has left.
    constexpr uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_CLOSE_WRITE;
    try {
        if (!all_change_) {
            host_.make_folder(all_);
            all_change_ = loop_.on_change(all_.c_str(), IN_CREATE | IN_DELETE, [this] {
                change_.cancel();  // it may be another folder now
                look_soon();
            });
        }
        if (!change_ && host_.exists(folder_))
            change_ = loop_.on_change(folder_.c_str(), mask, [this] { look_soon(); });
    } catch (const Error&) {
        // Without inotify, or where another user's folder can't be read, what is there now is
        // shown; opening it again looks again.
    }
}

// What changes comes in bursts: one look after it. A second one later, since the kernel tells of a
// closed lock just before it is free, and QEMU makes a socket just before it listens.
void RunWatch::look_soon() {
    if (!soon_)
        soon_ = loop_.after(milliseconds(50), milliseconds(20), [this] {
            soon_.cancel();
            watch();
            look_();
        });
    look_later();
}

void RunWatch::look_later() {
    later_ = loop_.after(milliseconds(700), milliseconds(300), [this] {
        later_.cancel();
        watch();
        look_();
    });
}

}  // namespace lodge
