#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/error.h"
#include "tui/dialog.h"

namespace lodge {

// Waiting is work that may have to wait for others (a guest, a mount, a password's check) and what
// follows it. It is done aside (engine/aside.h): the screen goes on, and Esc ends it.
struct Waiting {
    std::string title;
    std::function<std::string()> work;  // in the child; what it returns is text
    std::function<void(const std::string& text)> done;
    // What the work throws; told in a box when this is empty.
    std::function<void(const Error&)> failed = {};
    std::function<void()> given_up = {};  // by Esc
};

// The dialog of it: nothing is seen of it in the first moment, in which the keys that are typed are
// kept for what comes after; then it says that it waits. Throws Error when there can be no child.
std::unique_ptr<Dialog> wait_dialog(App& app, Waiting waiting);

// A program's output as it comes: `work` runs in the child, its standard output and errors are
// shown; it returns the exit status. Esc asks it to end, once more ends it. One line of a moment is
// told, without a box. `ended` is called after it.
std::unique_ptr<Dialog> run_dialog(App& app, std::string title, const std::function<int()>& work,
                                   std::function<void()> ended);

}  // namespace lodge
