#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace lodge {

// Exit is what a script sees of a command: the exit status of `lodge`. The numbers are a promise.
enum class Exit : int {
    ok = 0,
    failed = 1,      // it was tried and did not work
    usage = 2,       // the words were wrong; nothing was tried
    not_found = 3,   // no such guest, volume, snapshot, job, key
    refused = 4,     // not possible in this state ("cannot start web: it is running")
    busy = 5,        // someone else holds it (lock, running job)
    missing = 6,     // the machine lacks something (program, permission, kernel feature, space)
    cancelled = 130  // the person stopped it
};

// Error is the one exception. Its words reach the person unchanged, so they say what was tried, on
// what, why it failed and what to do. Thrown anywhere; caught in App::run, at the loop's callback
// edge and in main.
class Error : public std::runtime_error {
  public:
    Error(Exit exit, const std::string& words) : std::runtime_error(words), exit_(exit) {}
    explicit Error(const std::string& words) : Error(Exit::failed, words) {}

    Exit exit() const { return exit_; }

  private:
    Exit exit_;
};

// Throws an Error whose words are formatted by fmt: fail(Exit::busy, "cannot start {}: …", name).
template <class... A>
[[noreturn]] void fail(Exit exit, fmt::format_string<A...> words, A&&... args) {
    throw Error(exit, fmt::format(words, std::forward<A>(args)...));
}

// Words for an errno value, such as "No space left on device". Thread-safe.
std::string errno_words(int number);

// Throws "<what>: <errno words>"; ENOSPC, EACCES and EPERM exit as `missing`.
[[noreturn]] void fail_errno(int number, const std::string& what);

}  // namespace lodge
