#include "engine/vm/agent.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "engine/config.h"
#include "engine/error.h"
#include "engine/guest.h"
#include "engine/host.h"
#include "engine/units.h"
#include "engine/vm/agent_answers.h"
#include "engine/vm/asker.h"
#include "engine/vm/qmp.h"

namespace lodge {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

// exec gives at most 16 MiB of output as base64 in one line (qemu-ga's GUEST_EXEC_MAX_OUTPUT).
constexpr size_t longest_line = 48u << 20;

int milliseconds_left(Clock::time_point until) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

bool wait_for(int fd, short events, Clock::time_point until) {
    for (;;) {
        pollfd one{fd, events, 0};
        const int ready = ::poll(&one, 1, milliseconds_left(until));
        if (ready > 0) return true;
        if (ready == 0 && Clock::now() >= until) return false;
        if (ready < 0 && errno != EINTR) fail_errno(errno, "cannot wait for the guest's agent");
    }
}

[[noreturn]] void no_answer() {
    fail(Exit::busy,
         "the guest's agent does not answer: it is not installed or not running in the guest, or "
         "it hangs");
}

}  // namespace

Agent Agent::connect(const Host& host, int id, Milliseconds limit) {
    const std::string path = guest_run_folder(host, id) + "/qga";
    if (!host.exists(path))
        fail(Exit::refused,
             "guest {} has no channel to an agent: it is not running, or was started without "
             "agent: 1",
             id);
    return connect(path, limit);
}

Agent Agent::connect(const std::string& socket_path, Milliseconds limit) {
    Asker::let_go(socket_path);
    Agent agent(connect_unix(socket_path, limit));
    agent.synchronise(Clock::now() + limit);
    return agent;
}

void Agent::send(std::string_view bytes, Time until) {
    while (!bytes.empty()) {
        if (!wait_for(fd_.get(), POLLOUT, until)) no_answer();
        const ssize_t sent =
            ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            fail(Exit::failed, "QEMU closed the channel to the guest's agent");
        if (sent < 0) fail_errno(errno, "cannot send to the guest's agent");
        bytes.remove_prefix(static_cast<size_t>(sent));
    }
}

// The next line without its end. Nothing the guest sends can make it wait beyond `until`, nor grow
// without bound.
std::string Agent::line(Time until) {
    size_t searched = 0;
    for (;;) {
        const size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            std::string text = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return text;
        }
        searched = buffer_.size();
        if (buffer_.size() > longest_line) {
            buffer_.clear();
            lost_ = true;
            fail(Exit::failed, "the guest's agent sent more than {} MiB without an end",
                 longest_line >> 20);
        }
        // A guest that sends without pause keeps the socket readable: the clock is asked as well.
        if (Clock::now() >= until || !wait_for(fd_.get(), POLLIN, until)) {
            lost_ = true;
            no_answer();
        }
        std::array<char, 65536> piece;
        const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0 && errno != ECONNRESET) fail_errno(errno, "cannot read the guest's agent");
        if (got <= 0) fail(Exit::failed, "QEMU closed the channel to the guest's agent");
        buffer_.append(piece.data(), static_cast<size_t>(got));
    }
}

// guest-sync-delimited: the agent drops what it was in the middle of at a 0xFF byte, and puts one
// before its answer, so that both know where they are (QEMU's qga/qapi-schema.json).
void Agent::synchronise(Time until) {
    static thread_local std::mt19937 random{std::random_device{}()};
    const int64_t token = std::uniform_int_distribution<int>(1, 0x7fffffff)(random);
    buffer_.clear();
    lost_ = true;
    const json request = {{"execute", "guest-sync-delimited"}, {"arguments", {{"id", token}}}};
    send("\xff" + request.dump() + "\n", until);
    for (;;) {
        const auto answer = agent_line(line(until));
        if (answer && number_in(*answer, "return") == token) break;
    }
    lost_ = false;
}

json Agent::answer(std::string_view command, Time until) {
    const std::string text = line(until);
    auto value = agent_line(text);
    if (value && value->contains("return")) return std::move((*value)["return"]);
    if (value && value->contains("error"))
        fail(Exit::failed, "the guest's agent refused {}: {}", command,
             printable(text_in((*value)["error"], "desc")));
    lost_ = true;
    fail(Exit::failed, "the guest's agent answered {} with something else: {}", command,
         printable(std::string_view(text).substr(0, 60)));
}

json Agent::call(std::string_view command, const json& arguments, Milliseconds limit) {
    const auto until = Clock::now() + limit;
    if (lost_) synchronise(until);
    json request = {{"execute", command}};
    if (!arguments.is_null()) request["arguments"] = arguments;
    lost_ = true;  // until its answer is in
    send(request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", until);
    const auto in_place = [&](json value) {
        lost_ = false;
        return value;
    };
    return in_place(answer(command, until));
}

void Agent::ping(Milliseconds limit) {
    call("guest-ping", nullptr, limit);
}

Agent::Info Agent::info(Milliseconds limit) {
    return agent_info(call("guest-info", nullptr, limit));
}

std::string Agent::os_name(Milliseconds limit) {
    const json said = call("guest-get-osinfo", nullptr, limit);
    std::string name = text_in(said, "pretty-name");
    return name.empty() ? text_in(said, "name") : name;
}

std::string Agent::host_name(Milliseconds limit) {
    return text_in(call("guest-get-host-name", nullptr, limit), "host-name");
}

std::vector<Agent::Interface> Agent::interfaces(Milliseconds limit) {
    return agent_interfaces(call("guest-network-get-interfaces", nullptr, limit));
}

std::vector<Agent::FileSystem> Agent::file_systems(Milliseconds limit) {
    return agent_file_systems(call("guest-get-fsinfo", nullptr, limit));
}

Agent::ExecResult Agent::exec(const std::vector<std::string>& argv, std::string_view input,
                              Milliseconds limit, const std::function<bool()>& keep_going) {
    if (argv.empty()) fail(Exit::usage, "say which program is to run in the guest");
    const auto until = Clock::now() + limit;
    json arguments = {{"path", argv.front()},
                      {"arg", std::vector<std::string>(argv.begin() + 1, argv.end())},
                      {"capture-output", true}};
    if (!input.empty()) arguments["input-data"] = to_base64(input);
    const int64_t pid = number_in(call("guest-exec", arguments, limit), "pid");
    auto pause = Milliseconds(20);
    for (;;) {
        const auto left = Milliseconds(milliseconds_left(until));
        if (left.count() == 0) return {.ended = false, .status = 0, .output = {}, .trouble = {}};
        const json said = call("guest-exec-status", {{"pid", pid}}, left);
        if (ExecResult result = agent_exec_result(said); result.ended) return result;
        if (keep_going && !keep_going())
            fail(Exit::cancelled, "cancelled; the program still runs in the guest (process {})",
                 pid);
        std::this_thread::sleep_for(std::min(pause, left));
        pause = std::min(pause * 2, Milliseconds(500));
    }
}

void Agent::shutdown(std::string_view mode, Milliseconds limit) {
    const auto until = Clock::now() + std::min(limit, Milliseconds(500));
    if (lost_) synchronise(Clock::now() + limit);
    const json request = {{"execute", "guest-shutdown"}, {"arguments", {{"mode", mode}}}};
    lost_ = true;
    send(request.dump() + "\n", Clock::now() + limit);
    // Success has no answer ("success-response": false); the channel may close at once.
    try {
        answer("guest-shutdown", until);
    } catch (const Error& error) {
        if (std::string_view(error.what()).starts_with("the guest's agent refused")) throw;
    }
}

int Agent::freeze(Milliseconds limit) {
    const json count = call("guest-fsfreeze-freeze", nullptr, limit);
    return count.is_number_integer() ? count.get<int>() : 0;
}

int Agent::thaw(Milliseconds limit) {
    const json count = call("guest-fsfreeze-thaw", nullptr, limit);
    return count.is_number_integer() ? count.get<int>() : 0;
}

std::string Agent::freeze_status(Milliseconds limit) {
    const json status = call("guest-fsfreeze-status", nullptr, limit);
    return status.is_string() ? status.get<std::string>() : "";
}

void Agent::trim(Milliseconds limit) {
    call("guest-fstrim", nullptr, limit);
}

bool agent_expected(const Config& config) {
    return config.flag("agent");
}

bool agent_freezes(const Config& config) {
    const auto parts = config.properties("agent");
    return parts && parts->flag("enabled") && parts->flag("freeze-fs");
}

}  // namespace lodge
