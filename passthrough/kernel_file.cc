#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/process.h"
#include "engine/units.h"
#include "passthrough/binding.h"

// Writing files of the kernel behind which a driver may never come back.

namespace lodge {
namespace {

// The process that writes: it says its errno by a pipe, so that nothing else of it matters.
pid_t start_writer(const Host& host, const std::string& path, std::string_view text, Fd& answer) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno(errno, "cannot make a pipe");
    answer = Fd(ends[0]);
    const Fd tell(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) fail_errno(errno, "cannot start a process to write " + path);
    if (pid != 0) return pid;
    // It may never come back: then it keeps no lock of ours, and nobody waits for its output.
    const auto end = static_cast<unsigned>(tell.get());
    if (end > 0) ::close_range(0, end - 1, 0);
    ::close_range(end + 1, ~0U, 0);
    const int trouble = host.write_kernel(path, text);
    const ssize_t told = ::write(tell.get(), &trouble, sizeof trouble);
    ::_exit(told == sizeof trouble ? 0 : 1);
}

}  // namespace

void write_kernel_within(const Host& host, const std::string& path, std::string_view text,
                         const std::string& what, int64_t seconds) {
    Fd answer;
    const pid_t pid = start_writer(host, path, text, answer);
    if (!wait_end(answer, std::chrono::seconds(seconds))) {
        // A process that the kernel holds does not die by this; nothing more is done with it.
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, WNOHANG);
        fail(Exit::busy,
             "{}: the kernel has not come back from writing {} to {} for {} s; the driver hangs, "
             "and only a reboot frees the device",
             what, printable(trim(text)), path, seconds);
    }
    int trouble = EIO;
    if (::read(answer.get(), &trouble, sizeof trouble) != sizeof trouble) trouble = EIO;
    ::waitpid(pid, nullptr, 0);
    if (trouble != 0)
        fail(trouble == EACCES || trouble == EPERM ? Exit::missing : Exit::failed,
             "{}: writing {} to {}: {}", what, printable(trim(text)), path, errno_words(trouble));
}

}  // namespace lodge
