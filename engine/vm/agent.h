#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fd.h"

namespace lodge {

class Config;
class Host;

// Agent is a connection to the QEMU guest agent that may run in a guest. What it says is the
// guest's word: never trusted, never waited for longer than the limit given. Each call throws
// Error(Exit::busy) when no answer comes in time and Error(Exit::failed) with the agent's words
// when it refuses. After a call that came to nothing the connection finds its place again by
// itself.
class Agent {
  public:
    using Milliseconds = std::chrono::milliseconds;

    struct Info {
        std::string version;
        std::vector<std::string> commands;  // those it allows
    };
    struct Address {
        std::string ip;  // "192.168.1.5", "fe80::1"
        int prefix = 0;
        bool ipv6 = false;
    };
    struct Interface {
        std::string name, mac;
        std::vector<Address> addresses;
        int64_t received = 0, sent = 0;  // bytes since the guest's start, 0 when not told
    };
    struct FileSystem {
        std::string name, mount, type;
        int64_t used = 0, total = 0;     // bytes; 0 when not told
        std::vector<std::string> disks;  // serial numbers or device names
    };
    struct ExecResult {
        bool ended = true;
        int status = 0;               // exit status, or 128 + the signal
        std::string output, trouble;  // standard output and errors
        bool cut = false;             // the agent kept only the beginning
    };

    // The agent's socket of a running guest, <run>/guest/<id>/qga, and a first synchronisation.
    // Throws Error(Exit::refused) when the guest has no such socket, Exit::busy when no agent
    // answers within `limit`.
    static Agent connect(const Host& host, int id, Milliseconds limit);
    static Agent connect(const std::string& socket_path, Milliseconds limit);

    nlohmann::json call(std::string_view command, const nlohmann::json& arguments,
                        Milliseconds limit);
    void ping(Milliseconds limit);
    Info info(Milliseconds limit);
    std::string os_name(Milliseconds limit);  // "Debian GNU/Linux 12 (bookworm)"
    std::string host_name(Milliseconds limit);
    std::vector<Interface> interfaces(Milliseconds limit);
    std::vector<FileSystem> file_systems(Milliseconds limit);
    // Runs a program in the guest and waits for its end at most `limit`; ended is false when it
    // still runs then. `keep_going` is asked between looks.
    ExecResult exec(const std::vector<std::string>& argv, std::string_view input,
                    Milliseconds limit, const std::function<bool()>& keep_going = {});
    // mode: "powerdown", "reboot", "halt". The agent does not answer it when it succeeds; returns
    // when it is sent and no refusal came within `limit` or 500 ms, whatever is less.
    void shutdown(std::string_view mode, Milliseconds limit);
    int freeze(Milliseconds limit);  // how many file systems it froze
    int thaw(Milliseconds limit);
    std::string freeze_status(Milliseconds limit);  // "thawed", "frozen"
    void trim(Milliseconds limit);

  private:
    using Time = std::chrono::steady_clock::time_point;
    explicit Agent(Fd fd) : fd_(std::move(fd)) {}
    void send(std::string_view bytes, Time until);
    std::string line(Time until);
    void synchronise(Time until);
    nlohmann::json answer(std::string_view command, Time until);

    Fd fd_;
    std::string buffer_;
    int64_t next_id_ = 1;
    bool lost_ = true;  // what comes next may belong to an older call
};

// Whether the configuration gives the guest an agent's channel ("agent: 1").
bool agent_expected(const Config& config);
// Whether snapshots and backups freeze its file systems ("freeze-fs", 1 unless said otherwise).
bool agent_freezes(const Config& config);

// FrozenFileSystems holds a guest's file systems still while it lives: freezes when made, thaws
// when destroyed, whatever happened meanwhile. An agent that does not answer in time is told in
// `say` and nothing is frozen.
class FrozenFileSystems {
  public:
    FrozenFileSystems(const Host& host, int id, Agent::Milliseconds limit,
                      std::function<void(const std::string&)> say);
    ~FrozenFileSystems();
    FrozenFileSystems(const FrozenFileSystems&) = delete;
    FrozenFileSystems& operator=(const FrozenFileSystems&) = delete;
    bool frozen() const { return frozen_; }
    void thaw();  // now, and say so when it does not work

  private:
    const Host& host_;
    int id_;
    std::function<void(const std::string&)> say_;
    bool asked_ = false, frozen_ = false;
};

}  // namespace lodge
