#include "power/outside_meter.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "engine/error.h"
#include "engine/process.h"
#include "engine/text.h"
#include "engine/units.h"
#include "power/power_config.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s, period = 10s;
constexpr size_t longest = 256;

Program program_of(const std::string& command) {
    Program program;
    program.argv = {"/bin/sh", "-c", command};
    return program;
}

}  // namespace

OutsideMeter::~OutsideMeter() {
    end();
}

void OutsideMeter::end() {
    if (process_ && signal_process(process_, SIGKILL)) {
        siginfo_t ended{};
        ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &ended, WEXITED);
    }
    process_.reset();
    output_.reset();
}

void OutsideMeter::heard(int status, const std::string& said) {
    watts_ = status == 0 ? parse_watts(said) : std::nullopt;
    trouble_.clear();
    if (watts_) return;
    const std::string words = fit_text(printable(trim(said)), 60);
    trouble_ = status != 0
                   ? fmt::format("the command ended with status {}: {}", status, words)
                   : fmt::format("the command said '{}', which is no number of watts", words);
}

void OutsideMeter::ask_and_wait() {
    const Outcome outcome = run_program(program_of(command_), patience);
    if (outcome.timed_out) {
        watts_.reset();
        trouble_ = "the command did not answer within 10 s";
        return;
    }
    heard(outcome.status, outcome.status == 0 ? outcome.output : outcome.trouble);
}

void OutsideMeter::ask(Time now) {
    if (process_) {
        take_answer();
        if (process_ && now - *asked_ >= patience) {
            end();
            watts_.reset();
            trouble_ = "the command did not answer within 10 s";
        }
    }
    if (!process_ && (!asked_ || now - *asked_ >= period)) start(now);
}

void OutsideMeter::start(Time now) {
    asked_ = now;
    try {
        output_.reset(::memfd_create("watts", MFD_CLOEXEC));
        if (!output_) fail_errno(errno, "cannot ask for the watts");
        const pid_t child = start_detached(program_of(command_), output_.get());
        process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
        if (!process_) fail_errno(errno, "cannot ask for the watts");
    } catch (const Error& error) {
        watts_.reset();
        trouble_ = error.what();
    }
}

void OutsideMeter::take_answer() {
    siginfo_t ended{};
    const auto process = static_cast<id_t>(process_.get());
    if (::waitid(P_PIDFD, process, &ended, WEXITED | WNOHANG) != 0 || ended.si_pid == 0) return;
    std::string said(longest, '\0');
    const ssize_t got = ::pread(output_.get(), said.data(), said.size(), 0);
    said.resize(got > 0 ? static_cast<size_t>(got) : 0);
    process_.reset();
    output_.reset();
    heard(ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status, said);
}

}  // namespace lodge
