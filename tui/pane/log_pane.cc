#include "tui/pane/log_pane.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/vm/scrollback.h"

namespace lodge {
namespace {

constexpr int64_t most_read = 1 << 20;
constexpr size_t most_waiting = 2 << 20;

}  // namespace

LogPane::LogPane(Loop& loop, std::string path, std::function<void()> on_change)
    : loop_(loop), path_(std::move(path)), on_change_(std::move(on_change)) {
    watch();
    follow();
}

// The file, and its folder: a file that is renamed away and made anew is followed.
void LogPane::watch() {
    const size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    try {
        if (!folder_)
            folder_ = loop_.on_change(folder.c_str(), IN_CREATE | IN_MOVED_TO, [this] {
                watch();
                follow();
            });
        file_.cancel();
        if (::access(path_.c_str(), R_OK) == 0)
            file_ = loop_.on_change(path_.c_str(), IN_MODIFY, [this] { follow(); });
    } catch (const Error&) {
        // No folder, or no inotify: what is there now is shown.
    }
}

void LogPane::follow() {
    const int64_t before = from_;
    std::string bytes;
    try {
        bytes = read_scrollback(path_, from_, most_read);
    } catch (const Error& error) {
        bytes = std::string(error.what()) + "\n";
        file_.cancel();
    }
    if (bytes.empty()) return;
    // What was left out, and half a line after it.
    if (from_ - before > static_cast<int64_t>(bytes.size())) bytes.erase(0, bytes.find('\n') + 1);
    for (const char byte : bytes) {
        if (byte == '\n') waiting_ += '\r';
        waiting_ += byte;
    }
    if (waiting_.size() > most_waiting) waiting_.erase(0, waiting_.size() - most_waiting / 2);
    if (!turn_)
        turn_ = loop_.after(std::chrono::milliseconds(0), std::chrono::milliseconds(0),
                            [this] { turn(); });
}

void LogPane::turn() {
    turn_.cancel();
    const size_t count = std::min(TerminalPane::per_turn, waiting_.size());
    pane_.replay(std::string_view(waiting_).substr(0, count));
    waiting_.erase(0, count);
    if (waiting_.empty()) return on_change_();
    turn_ =
        loop_.after(std::chrono::milliseconds(0), std::chrono::milliseconds(0), [this] { turn(); });
}

void LogPane::draw(const Area& area) {
    pane_.draw(area);
    if (area.canvas().cursor && pane_.offset() == 0) area.canvas().cursor->visible = false;
}

}  // namespace lodge
