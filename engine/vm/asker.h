#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/loop.h"
#include "engine/vm/agent.h"

namespace lodge {

// Asker asks running virtual machines how they are, many at a time and without waiting for any:
// questions are sent at once, answers are taken when they have come. A monitor and an agent serve
// one client at a time, so a connection is held only until its answer is there, and at most
// `longest`; another program that needs one meanwhile gets it then, and one of ours at once, by
// let_go().
class Asker {
  public:
    static constexpr std::chrono::milliseconds longest{1000};

    // What a machine said last. What it did not say is as it was.
    struct Said {
        bool asked = false;  // the last question to its monitor is over
        std::string status;  // query-status: "running", "paused", …; "" when it did not answer
        std::optional<int64_t> memory_used;  // bytes, of the balloon's statistics
        bool tells_memory = true;            // false once it is known to have no balloon
        std::vector<Agent::Interface> interfaces;
        int agent_silences = 0;  // how many times in a row the agent did not answer
    };

    // `heard` is called with a guest's number when something new is known of it.
    explicit Asker(std::function<void(int)> heard);
    ~Asker();
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;

    // Who calls take() takes the answers; with a loop that is done as well when they are slow.
    void use(Loop& loop) { loop_ = &loop; }

    // Nothing happens while an earlier question to the same socket is open.
    void ask_monitor(int id, const std::string& socket_path, bool memory);
    void ask_agent(int id, const std::string& socket_path);
    // Takes the answers that are there; gives up on those that are late.
    void take();
    bool waiting() const { return !open_.empty(); }

    // For who is about to talk to that socket itself, on our thread: questions that are on their
    // way to it are taken back, and put again later.
    static void let_go(const std::string& socket_path);
    // In a process that is a copy of one that asks: what goes on there is not ours to take back.
    static void none_here() { all().clear(); }

    const Said& said(int id) const;
    void forget(int id);  // it ended: open questions are dropped, what it said as well

  private:
    class Exchange;
    class MonitorExchange;
    class AgentExchange;
    void ask(std::unique_ptr<Exchange> exchange);
    void take_later();
    static std::vector<Asker*>& all();

    std::function<void(int)> heard_;
    Loop* loop_ = nullptr;
    Loop::Source timer_;
    std::map<int, Said> said_;
    std::vector<std::unique_ptr<Exchange>> open_;
};

}  // namespace lodge
