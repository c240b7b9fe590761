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
#include "engine/vm/qmp.h"

namespace lodge {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

// exec gives at most 16 MiB of output as base64 in one line (qemu-ga's GUEST_EXEC_MAX_OUTPUT).
constexpr size_t longest_line = 48u << 20;
constexpr int deepest = 64;

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

bool too_deep(std::string_view text) {
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text) {
            if (c == '\\') ++i;
            if (c == '"') in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

// A field of what the guest says; anything of another type counts as not told.
std::string text_in(const json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_in(const json& object, const char* key) {
    if (!object.is_object()) return 0;
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

bool flag_in(const json& object, const char* key) {
    if (!object.is_object()) return false;
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

const json& list_in(const json& object, const char* key) {
    static const json none = json::array();
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; ++k)
            three =
                three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k) {
            const bool filler = i + k > bytes.size();
            text += filler ? '=' : letters[three >> (18 - 6 * k) & 63u];
        }
    }
    return text;
}

std::string from_base64(std::string_view text) {
    std::string bytes;
    uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const size_t value = letters.find(c);
        if (value == std::string_view::npos) continue;
        held = held << 6 | static_cast<uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(held >> bits & 0xffu);
    }
    return bytes;
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
        std::string text = line(until);
        const size_t mark = text.rfind('\xff');
        if (mark != std::string::npos) text.erase(0, mark + 1);
        if (too_deep(text)) continue;
        const json answer = json::parse(text, nullptr, false);
        if (answer.is_object() && number_in(answer, "return") == token) break;
    }
    lost_ = false;
}

json Agent::answer(std::string_view command, Time until) {
    const std::string text = line(until);
    std::string_view rest(text);
    if (const size_t mark = rest.rfind('\xff'); mark != std::string_view::npos)
        rest.remove_prefix(mark + 1);
    json value = too_deep(rest) ? json() : json::parse(rest, nullptr, false);
    if (value.is_object() && value.contains("return")) return std::move(value["return"]);
    if (value.is_object() && value.contains("error"))
        fail(Exit::failed, "the guest's agent refused {}: {}", command,
             printable(text_in(value["error"], "desc")));
    lost_ = true;
    fail(Exit::failed, "the guest's agent answered {} with something else: {}", command,
         printable(rest.substr(0, 60)));
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
    const json said = call("guest-info", nullptr, limit);
    Info info{text_in(said, "version"), {}};
    for (const json& command : list_in(said, "supported_commands"))
        if (flag_in(command, "enabled")) info.commands.push_back(text_in(command, "name"));
    return info;
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
    const json said = call("guest-network-get-interfaces", nullptr, limit);
    std::vector<Interface> all;
    if (!said.is_array()) return all;
    for (const json& one : said) {
        Interface found;
        found.name = text_in(one, "name");
        found.mac = text_in(one, "hardware-address");
        if (one.is_object() && one.contains("statistics")) {
            found.received = number_in(one["statistics"], "rx-bytes");
            found.sent = number_in(one["statistics"], "tx-bytes");
        }
        for (const json& address : list_in(one, "ip-addresses"))
            found.addresses.push_back({text_in(address, "ip-address"),
                                       static_cast<int>(number_in(address, "prefix")),
                                       text_in(address, "ip-address-type") == "ipv6"});
        all.push_back(std::move(found));
    }
    return all;
}

std::vector<Agent::FileSystem> Agent::file_systems(Milliseconds limit) {
    const json said = call("guest-get-fsinfo", nullptr, limit);
    std::vector<FileSystem> all;
    if (!said.is_array()) return all;
    for (const json& one : said) {
        FileSystem found{text_in(one, "name"),          text_in(one, "mountpoint"),
                         text_in(one, "type"),          number_in(one, "used-bytes"),
                         number_in(one, "total-bytes"), {}};
        for (const json& disk : list_in(one, "disk")) {
            const std::string serial = text_in(disk, "serial");
            found.disks.push_back(serial.empty() ? text_in(disk, "dev") : serial);
        }
        all.push_back(std::move(found));
    }
    return all;
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
        if (flag_in(said, "exited")) {
            ExecResult result;
            const int64_t signal = number_in(said, "signal");
            result.status =
                static_cast<int>(signal > 0 ? 128 + signal : number_in(said, "exitcode"));
            result.output = from_base64(text_in(said, "out-data"));
            result.trouble = from_base64(text_in(said, "err-data"));
            result.cut = flag_in(said, "out-truncated") || flag_in(said, "err-truncated");
            return result;
        }
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

// FrozenFileSystems

FrozenFileSystems::FrozenFileSystems(const Host& host, int id, Agent::Milliseconds limit,
                                     std::function<void(const std::string&)> say)
    : host_(host), id_(id), say_(std::move(say)) {
    try {
        Agent agent = Agent::connect(host, id, std::min(limit, Agent::Milliseconds(3000)));
        asked_ = true;
        const int count = agent.freeze(limit);
        frozen_ = true;
        say_(fmt::format("froze {} file system{} in the guest", count, count == 1 ? "" : "s"));
    } catch (const Error& error) {
        say_(fmt::format("file systems are not frozen: {}", error.what()));
        // A freeze without an answer may still come to pass in the guest.
        if (asked_) thaw();
    }
}

FrozenFileSystems::~FrozenFileSystems() {
    try {
        thaw();
    } catch (...) {  // say_ may throw; a destructor may not
    }
}

void FrozenFileSystems::thaw() {
    if (!asked_) return;
    asked_ = false;
    frozen_ = false;
    std::string last;
    for (int attempt = 0; attempt < 3; ++attempt) {
        try {
            Agent agent = Agent::connect(host_, id_, Agent::Milliseconds(5000));
            const int count = agent.thaw(Agent::Milliseconds(10000));
            say_(fmt::format("thawed {} file system{} in the guest", count, count == 1 ? "" : "s"));
            return;
        } catch (const Error& error) {
            last = error.what();
        }
    }
    say_(
        fmt::format("the guest's file systems may still be frozen: {}; run fsfreeze --unfreeze in "
                    "the guest, or reset it",
                    last));
}

}  // namespace lodge
