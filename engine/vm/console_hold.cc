#include "engine/vm/console_hold.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "engine/error.h"
#include "engine/text.h"
#include "engine/units.h"

namespace lodge {

ConsoleHold::ConsoleHold(const Host& host, std::string path) : host_(host), path_(std::move(path)) {
    fd_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd_) fail_errno(errno, "cannot take the console: " + path_);
    take();
}

bool ConsoleHold::take() {
    if (held_ || ::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) return held_;
    held_ = true;
    const std::string me = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), me.data(), me.size(), 0) < 0)
        fail_errno(errno, "cannot write " + path_);
    return held_;
}

std::string ConsoleHold::holder() const {
    const std::string text = host_.read_line(path_);
    const auto pid = parse_integer(text);
    if (!pid) return "another process";
    std::string words = host_.read(host_.system("/proc/" + text + "/cmdline")).value_or("");
    for (char& byte : words)
        if (byte == '\0') byte = ' ';
    struct stat found {};
    std::string who;
    if (::stat(host_.system("/proc/" + text).c_str(), &found) == 0)
        who = fmt::format(" of user {}", found.st_uid);
    const std::string command(trim(words));
    return fmt::format("process {}{}{}", *pid, who,
                       command.empty() ? "" : " (" + printable(command) + ")");
}

}  // namespace lodge
