#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/life/ending.h"
#include "engine/units.h"
#include "engine/vm/agent.h"
#include "engine/vm/asker.h"
#include "engine/vm/change.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/scrollback.h"
#include "engine/vm/vm.h"

// How a guest is, cheaply: files of the run folder and of /proc, and one exchange with a QEMU that
// runs, because only it knows whether it is paused.

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Question is one QEMU asked for its state: both commands are sent before the greeting is read, so
// that it takes one round trip.
class Question {
  public:
    Question(int id, const std::string& socket_path) : id_(id) {
        constexpr std::string_view words =
            "{\"execute\":\"qmp_capabilities\",\"id\":1}\n{\"execute\":\"query-status\",\"id\":2}"
            "\n";
        try {
            Asker::let_go(socket_path);
            socket_ = connect_unix(socket_path, milliseconds(5));
            if (::send(socket_.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
                static_cast<ssize_t>(words.size()))
                socket_.reset();
        } catch (const Error&) {
            socket_.reset();  // no answer, whatever the reason: the sighting says "unknown"
        }
    }
    int id() const { return id_; }
    int fd() const { return socket_.get(); }
    bool open() const { return static_cast<bool>(socket_); }
    const std::optional<std::string>& answer() const { return answer_; }

    // Takes what has come; closes when that was the answer or nothing more will come.
    void hear() {
        std::array<char, 16384> piece;
        const ssize_t got = ::recv(fd(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        bool over = got <= 0;
        try {
            if (got > 0) stream_.add({piece.data(), static_cast<size_t>(got)});
            while (const auto value = stream_.next()) {
                // Before the greeting comes what QEMU still owed to someone else.
                if (value->contains("QMP")) greeted_ = true;
                if (!greeted_ || value->value("id", 0) != 2) continue;
                over = true;
                answer_ =
                    value->value("return", nlohmann::json::object()).value("status", std::string());
            }
        } catch (const std::exception&) {
            over = true;
        }
        if (over) socket_.reset();
    }

  private:
    int id_;
    Fd socket_;
    QmpStream stream_;
    bool greeted_ = false;
    std::optional<std::string> answer_;
};

// Waits until all have answered, at most `limit`.
void await_answers(std::vector<Question>& questions, milliseconds limit) {
    const auto end = Clock::now() + limit;
    for (;;) {
        std::vector<pollfd> polls;
        std::vector<Question*> asked;
        for (Question& question : questions) {
            if (!question.open()) continue;
            polls.push_back({question.fd(), POLLIN, 0});
            asked.push_back(&question);
        }
        const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
        if (polls.empty() || left.count() < 0) return;
        if (::poll(polls.data(), polls.size(), static_cast<int>(left.count())) < 0) continue;
        for (size_t i = 0; i < polls.size(); ++i)
            if (polls[i].revents != 0) asked[i]->hear();
    }
}

// Answers are what running QEMUs said a moment ago. Who looks at one guest asks that one; who goes
// on to another at once is making a list, and then all the rest are asked at the same time, so that
// a list takes two waits and not one a guest. One that did not answer is left alone for a second.
class Answers {
  public:
    std::optional<std::string> of(const Host& host, int id) {
        const auto now = Clock::now();
        if (const auto known = ahead_.find(id); known != ahead_.end()) {
            const Answer answer = known->second;
            if (now - answer.time < (answer.status ? fresh : rest)) {
                if (answer.status) ahead_.erase(known);
                last_ = now;
                return answer.status;
            }
        }
        const bool in_a_row = now - last_ < fresh;
        ask(host, in_a_row ? with_others(host, id) : std::vector<int>{id});
        last_ = Clock::now();
        const Answer answer = ahead_[id];
        if (answer.status) ahead_.erase(id);
        return answer.status;
    }

  private:
    struct Answer {
        std::optional<std::string> status;
        Clock::time_point time;
    };

    std::vector<int> with_others(const Host& host, int id) const {
        std::vector<int> ids{id};
        for (const std::string& name : host.list(host.run_folder() + "/guest")) {
            const int other = static_cast<int>(parse_integer(name).value_or(0));
            const auto known = ahead_.find(other);
            const bool rests = known != ahead_.end() && !known->second.status &&
                               Clock::now() - known->second.time < rest;
            // A container has no monitor to ask.
            if (other > id && !rests && host.exists(guest_run_folder(host, other) + "/qmp") &&
                vm_process(host, other))
                ids.push_back(other);
        }
        return ids;
    }
    void ask(const Host& host, const std::vector<int>& ids) {
        std::vector<Question> questions;
        questions.reserve(ids.size());
        for (const int id : ids)
            questions.emplace_back(id, guest_run_folder(host, id) + "/qmp");
        await_answers(questions, limit);
        for (const Question& question : questions)
            ahead_[question.id()] = {question.answer(), Clock::now()};
    }

    static constexpr milliseconds fresh{50}, rest{1000}, limit{60};
    std::map<int, Answer> ahead_;
    Clock::time_point last_{};
};

std::optional<std::string> status_in_time(const Host& host, int id) {
    static std::map<std::string, Answers> answers;  // by run folder
    return answers[host.run_folder()].of(host, id);
}

GuestState state_of(std::string_view status) {
    if (status == "running") return GuestState::running;
    if (status == "inmigrate" || status == "restore-vm") return GuestState::starting;
    if (status == "suspended") return GuestState::suspended;
    return GuestState::paused;
}

// Statuses that are no one's wish, in words.
std::string_view trouble_of(std::string_view status) {
    if (status == "io-error") return "paused by an error of a disk, such as a full storage";
    if (status == "internal-error") return "paused by an internal error of QEMU or KVM";
    if (status == "guest-panicked") return "its system crashed";
    if (status == "watchdog") return "paused by its watchdog";
    if (status == "shutdown") return "its system ended, QEMU waits";
    return "";
}

void look_at_process(const Host& host, const ProcessId& process, Sighting& seen) {
    const std::string folder = host.system("/proc/" + std::to_string(process.pid));
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    if (const auto stat = host.read(folder + "/stat")) {
        // utime and stime are fields 14 and 15 (proc(5)); 3 is the first after the name.
        const auto name_end = stat->rfind(')');
        const auto fields =
            split(std::string_view(*stat).substr(std::min(name_end, stat->size() - 2) + 2), ' ');
        if (fields.size() > 12)
            seen.cpu_seconds = static_cast<double>(parse_integer(fields[11]).value_or(0) +
                                                   parse_integer(fields[12]).value_or(0)) /
                               ticks;
    }
    const auto pages = split(host.read_line(folder + "/statm"), ' ');
    if (pages.size() > 1)
        seen.memory_resident = parse_integer(pages[1]).value_or(0) * ::sysconf(_SC_PAGESIZE);
    const auto uptime =
        parse_number(split(host.read_line(host.system("/proc/uptime")), ' ').front()).value_or(0);
    seen.uptime = std::max<int64_t>(
        0, static_cast<int64_t>(uptime - static_cast<double>(process.start) / ticks));
}

void note_said(const Following::Said& said, bool started, Sighting& seen) {
    if (!said.status.empty()) {
        seen.state = state_of(said.status);
        if (const auto trouble = trouble_of(said.status); !trouble.empty())
            seen.notes.emplace_back(trouble);
        return;
    }
    seen.state = started ? GuestState::running : GuestState::starting;
    if (!said.asked) return;
    // Its monitor serves one at a time: a job that talks to it is no reason to worry.
    if (said.job != 0) {
        seen.notes.push_back(fmt::format("job {} is at work on it", said.job));
    } else {
        seen.state = GuestState::unknown;
        seen.notes.emplace_back("QEMU does not answer");
    }
}

void look_at_running(const Host& host, int id, const ProcessId& process,
                     const Following::Said& said, Sighting& seen) {
    seen.pid = process.pid;
    const AboutRun about = vm_about(host, id);
    seen.emulated = !about.kvm;
    if (seen.emulated) seen.notes.emplace_back("software emulation");
    seen.notes.insert(seen.notes.end(), about.notes.begin(), about.notes.end());
    note_said(said, about.started, seen);
}

class VmFollowing : public Following {
  public:
    std::optional<ProcessId> process(const Host& host, int id) const override {
        return vm_process(host, id);
    }
    Sighting sighting(Engine& engine, const Guest& guest, const std::optional<ProcessId>& process,
                      const Said& said) const override {
        Sighting seen;
        const Host& host = engine.host;
        constexpr int64_t mib = 1 << 20;
        seen.memory_limit = guest.config.integer("memory") * mib;
        const auto lock = guest.config.current.get("lock");
        if (process) {
            look_at_running(host, guest.id, *process, said, seen);
            // A guest that talks for months is not attached to and not started: whoever looks
            // tidies up.
            trim_scrollback(guest_log_folder(host, guest.id) + "/serial0.log");
        } else {
            clean_if_ended(engine, guest.id, vm_clean, seen);
            note_last_end(host, guest.id, "QEMU died", seen);
            if (lock == "suspended") seen.state = GuestState::suspended;
        }
        if (has_pending(guest.config)) seen.notes.emplace_back("pending changes");
        if (lock && lock != "suspended") seen.notes.push_back("lock: " + printable(*lock));
        return seen;
    }
    std::string monitor(const Host& host, const Guest& guest) const override {
        return guest_run_folder(host, guest.id) + "/qmp";
    }
    std::string agent(const Host& host, const Guest& guest) const override {
        return agent_expected(guest.config) ? guest_run_folder(host, guest.id) + "/qga" : "";
    }
    std::vector<std::string> macs(const Guest& guest) const override {
        std::vector<std::string> macs;
        for (const std::string& key : guest.config.indexed("net"))
            macs.push_back(vm_mac(guest.config, guest.id, key));
        return macs;
    }
};

}  // namespace

const Following* VmKind::following() const {
    static const VmFollowing following;
    return &following;
}

Sighting VmKind::look(Engine& engine, const Guest& guest) const {
    const auto process = vm_process(engine.host, guest.id);
    Following::Said said;
    if (process) {
        said.asked = true;
        said.status = status_in_time(engine.host, guest.id).value_or("");
        if (said.status.empty()) {
            const auto job = engine.jobs.of_guest(guest.id);
            if (job && job->state == JobState::running) said.job = job->number;
        }
    }
    Sighting seen = following()->sighting(engine, guest, process, said);
    if (process) look_at_process(engine.host, *process, seen);
    return seen;
}

}  // namespace lodge
