#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/fd.h"

namespace lodge {

// QmpStream cuts the bytes of a QMP or agent socket into JSON values (one a line) and says when
// they are none. It knows no socket, so that it can be fuzzed.
class QmpStream {
  public:
    // Adds bytes. Throws Error when a line is longer than 16 MiB, is nested deeper than 64, or is
    // no JSON object. What stands in a line before a byte 0xFF is dropped: the guest agent sends
    // one to mark a fresh start (guest-sync-delimited), and it can't be part of UTF-8.
    void add(std::string_view bytes);
    std::optional<nlohmann::json> next();

  private:
    void take_line();

    std::string partial_;
    std::deque<nlohmann::json> ready_;
};

// Qmp is a connection to a QEMU monitor socket. Every wait has a time limit.
class Qmp {
  public:
    using Milliseconds = std::chrono::milliseconds;
    // Connects, reads the greeting, negotiates. Throws Error: Exit::busy when nothing answers
    // within `patience` (another client holds the monitor, or QEMU hangs), Exit::not_found when
    // there is no socket or nothing listens there.
    static Qmp connect(const std::string& socket_path, Milliseconds patience);
    // The same over a connected socket.
    static Qmp over(Fd socket, Milliseconds patience);

    // Sends a command and waits for its answer; events that come meanwhile are kept (the last
    // 1000). Returns what stands under "return". Throws Error with QEMU's words ("desc") when it
    // refuses, and after `patience`; a late answer to an earlier command is skipped.
    nlohmann::json call(std::string_view command, const nlohmann::json& arguments = {},
                        Milliseconds patience = Milliseconds(5000));
    // Sends with a descriptor attached (getfd, add-fd).
    nlohmann::json call_with_fd(int fd, std::string_view command, const nlohmann::json& arguments,
                                Milliseconds patience = Milliseconds(5000));
    // The next event, waiting at most `patience`; nullopt when none came. Throws when QEMU closed.
    std::optional<nlohmann::json> event(Milliseconds patience);
    // Waits until `wanted` says true of an event; nullopt after `patience`.
    std::optional<nlohmann::json> wait_event(
        const std::function<bool(const nlohmann::json&)>& wanted, Milliseconds patience);
    bool closed() const;  // by QEMU, at its end
    int fd() const { return fd_.get(); }

  private:
    using Deadline = std::chrono::steady_clock::time_point;
    explicit Qmp(Fd socket) : fd_(std::move(socket)) {}
    void send(std::string_view bytes, int passed_fd, Deadline end, std::string_view command);
    std::optional<nlohmann::json> receive(Deadline end);
    nlohmann::json exchange(int passed_fd, std::string_view command,
                            const nlohmann::json& arguments, Milliseconds patience);
    void keep_event(nlohmann::json event);

    Fd fd_;
    QmpStream stream_;
    std::deque<nlohmann::json> events_;
    int64_t next_id_ = 1;
    size_t received_ = 0;  // bytes since the present call began
};

// Connects to a Unix socket whose path may be longer than sun_path allows (by way of
// /proc/self/fd). Throws Error: Exit::not_found when there is no socket or nothing listens,
// Exit::busy when its queue stays full for `patience`. A patience of 0 does not wait at all, and
// the socket stays non-blocking.
Fd connect_unix(const std::string& path,
                std::chrono::milliseconds patience = std::chrono::milliseconds(5000));
// Makes a listening Unix socket at such a path, replacing a stale one; mode 0600. Throws Error.
Fd listen_unix(const std::string& path);

}  // namespace lodge
