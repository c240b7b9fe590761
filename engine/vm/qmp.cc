#include "engine/vm/qmp.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/asker.h"

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr size_t longest_line = 16u << 20;
constexpr int deepest = 64;
constexpr size_t most_events = 1000;
// What one call reads before it gives up on a monitor that never stops talking.
constexpr size_t most_bytes_a_call = 64u << 20;

// Deeply nested text is cheap to send and costly to take apart: measured before it is parsed.
bool too_deep(std::string_view line) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted) {
            if (c == '\\') ++i;
            if (c == '"') quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

std::string sample(std::string_view line) {
    return printable(line.substr(0, 60)) + (line.size() > 60 ? "…" : "");
}

int milliseconds_left(Clock::time_point end) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

// Waits until the descriptor is ready; false when `end` came first.
bool wait_ready(int fd, short events, Clock::time_point end) {
    for (;;) {
        pollfd one{fd, events, 0};
        const int ready = ::poll(&one, 1, milliseconds_left(end));
        if (ready > 0) return true;
        if (ready == 0) {
            if (Clock::now() >= end) return false;
        } else if (errno != EINTR) {
            fail_errno(errno, "cannot wait for QEMU's monitor");
        }
    }
}

std::string seconds_words(std::chrono::milliseconds time) {
    if (time.count() % 1000 == 0) return fmt::format("{} s", time.count() / 1000);
    return fmt::format("{} ms", time.count());
}

[[noreturn]] void fail_unanswered(std::string_view command, std::chrono::milliseconds patience) {
    fail(Exit::failed, "QEMU did not answer {} within {}", command, seconds_words(patience));
}

}  // namespace

void QmpStream::add(std::string_view bytes) {
    while (!bytes.empty()) {
        const size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        if (partial_.size() + piece.size() > longest_line) {
            partial_.clear();
            fail(Exit::failed, "a line of more than {} MiB came instead of JSON",
                 longest_line >> 20);
        }
        partial_ += piece;
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        take_line();
    }
}

void QmpStream::take_line() {
    std::string line;
    line.swap(partial_);
    std::string_view text(line);
    if (const size_t mark = text.rfind('\xff'); mark != std::string_view::npos)
        text.remove_prefix(mark + 1);
    text = trim(text);
    if (text.empty()) return;
    if (too_deep(text)) fail(Exit::failed, "JSON nested too deeply came: {}", sample(text));
    json value = json::parse(text, nullptr, false);
    if (!value.is_object()) fail(Exit::failed, "this came instead of JSON: {}", sample(text));
    ready_.push_back(std::move(value));
}

std::optional<json> QmpStream::next() {
    if (ready_.empty()) return std::nullopt;
    json value = std::move(ready_.front());
    ready_.pop_front();
    return value;
}

Qmp Qmp::connect(const std::string& socket_path, Milliseconds patience) {
    const auto end = Clock::now() + patience;
    Asker::let_go(socket_path);
    Fd socket = connect_unix(socket_path, patience);
    return over(std::move(socket), Milliseconds(milliseconds_left(end)));
}

Qmp Qmp::over(Fd socket, Milliseconds patience) {
    Qmp qmp(std::move(socket));
    const auto end = Clock::now() + patience;
    auto greeting = qmp.receive(end);
    // What QEMU still owed to the one before us comes first, when that one left in the middle.
    while (greeting && (greeting->contains("return") || greeting->contains("error")) &&
           !greeting->contains("QMP"))
        greeting = qmp.receive(end);
    if (!greeting)
        fail(Exit::busy,
             "QEMU's monitor did not greet within {}: it hangs, or another program is connected",
             seconds_words(patience));
    if (!greeting->contains("QMP"))
        fail(Exit::failed, "QEMU's monitor greeted with something else: {}",
             sample(greeting->dump(-1, ' ', false, json::error_handler_t::replace)));
    qmp.exchange(-1, "qmp_capabilities", {}, Milliseconds(milliseconds_left(end)));
    return qmp;
}

// One message by sendmsg, so that a descriptor can go with its first byte; the rest as it fits.
void Qmp::send(std::string_view bytes, int passed_fd, Deadline end, std::string_view command) {
    bool attach = passed_fd >= 0;
    while (!bytes.empty()) {
        if (!wait_ready(fd_.get(), POLLOUT, end))
            fail(Exit::failed, "QEMU's monitor did not take the command {} in time: it hangs",
                 command);
        iovec part{const_cast<char*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        if (attach) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
        }
        const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            fail(Exit::failed, "QEMU closed its monitor before the command {}", command);
        if (sent < 0) fail_errno(errno, fmt::format("cannot send {} to QEMU", command));
        attach = false;
        bytes.remove_prefix(static_cast<size_t>(sent));
    }
}

std::optional<json> Qmp::receive(Deadline end) {
    for (;;) {
        if (auto value = stream_.next()) return value;
        if (!wait_ready(fd_.get(), POLLIN, end)) return std::nullopt;
        std::array<char, 65536> piece;
        const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            fail(Exit::failed, "QEMU closed its monitor");
        if (got < 0) fail_errno(errno, "cannot read QEMU's monitor");
        received_ += static_cast<size_t>(got);
        if (received_ > most_bytes_a_call) fail(Exit::failed, "QEMU's monitor sends without end");
        try {
            stream_.add({piece.data(), static_cast<size_t>(got)});
        } catch (const Error& error) {
            fail(error.exit(), "QEMU's monitor is out of order: {}", error.what());
        }
    }
}

void Qmp::keep_event(json event) {
    if (!event.contains("event")) return;
    if (events_.size() >= most_events) events_.pop_front();
    events_.push_back(std::move(event));
}

json Qmp::exchange(int passed_fd, std::string_view command, const json& arguments,
                   Milliseconds patience) {
    const auto end = Clock::now() + patience;
    const int64_t id = next_id_++;
    received_ = 0;
    json request = {{"execute", command}, {"id", id}};
    if (!arguments.is_null()) request["arguments"] = arguments;
    // A name with broken UTF-8 must reach QEMU as something it can refuse, not as our exception.
    send(request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", passed_fd, end,
         command);
    for (;;) {
        auto answer = receive(end);
        if (!answer) fail_unanswered(command, patience);
        const bool refused = answer->contains("error");
        if (!refused && !answer->contains("return")) {
            keep_event(std::move(*answer));
            // Events that never end must not keep us from seeing that time does.
            if (Clock::now() >= end) fail_unanswered(command, patience);
            continue;
        }
        // An answer without an id is QEMU's to something it could not read: ours.
        if (answer->contains("id") && (*answer)["id"] != id) continue;
        if (!refused) return std::move((*answer)["return"]);
        const json& error = (*answer)["error"];
        std::string words = "no reason given";
        if (error.is_object() && error.contains("desc") && error["desc"].is_string())
            words = error["desc"].get<std::string>();
        fail(Exit::failed, "QEMU refused {}: {}", command, printable(words));
    }
}

json Qmp::call(std::string_view command, const json& arguments, Milliseconds patience) {
    return exchange(-1, command, arguments, patience);
}

json Qmp::call_with_fd(int fd, std::string_view command, const json& arguments,
                       Milliseconds patience) {
    return exchange(fd, command, arguments, patience);
}

bool Qmp::closed() const {
    pollfd one{fd_.get(), 0, 0};  // POLLHUP comes unasked
    return ::poll(&one, 1, 0) == 1 && (one.revents & POLLHUP) != 0;
}

std::optional<json> Qmp::event(Milliseconds patience) {
    const auto end = Clock::now() + patience;
    received_ = 0;
    while (events_.empty()) {
        auto value = receive(end);
        if (!value) return std::nullopt;
        keep_event(std::move(*value));
    }
    json first = std::move(events_.front());
    events_.pop_front();
    return first;
}

std::optional<json> Qmp::wait_event(const std::function<bool(const json&)>& wanted,
                                    Milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        auto next = event(Milliseconds(milliseconds_left(end)));
        if (!next) return std::nullopt;
        if (wanted(*next)) return next;
    }
}

}  // namespace lodge
