#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/loop.h"
#include "engine/vm/qmp.h"

namespace lodge {

// FakeServer is a monitor or an agent on the loop: it takes one client after another, as QEMU does,
// greets, and answers each line by what `reply` says, as bytes.
class FakeServer {
  public:
    using Reply = std::function<std::string(std::string_view line)>;

    FakeServer(Loop& loop, const std::string& path, std::string greeting, Reply reply)
        : loop_(loop), greeting_(std::move(greeting)), reply_(std::move(reply)) {
        listener_ = listen_unix(path);
        accept_ = loop_.on_io(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); });
    }
    int clients = 0;  // there have been
    std::vector<std::string> heard;

  private:
    void accept() {
        if (client_) return;
        client_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client_) return;
        ++clients;
        text_.clear();
        say(greeting_);
        hear_ = loop_.on_io(client_.get(), EPOLLIN, [this](uint32_t) { hear(); });
        accept_.cancel();
    }
    void hear() {
        std::array<char, 4096> piece;
        const ssize_t got = ::recv(client_.get(), piece.data(), piece.size(), 0);
        if (got <= 0) {
            hear_.cancel();
            client_.reset();
            accept_ = loop_.on_io(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); });
            return;
        }
        text_.append(piece.data(), static_cast<size_t>(got));
        for (size_t end = 0; (end = text_.find('\n')) != std::string::npos;) {
            heard.push_back(text_.substr(0, end));
            text_.erase(0, end + 1);
            say(reply_(heard.back()));
        }
    }
    void say(const std::string& bytes) const {
        [[maybe_unused]] const ssize_t sent =
            ::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }

    Loop& loop_;
    std::string greeting_, text_;
    Reply reply_;
    Fd listener_, client_;
    Loop::Source accept_, hear_;
};

constexpr std::string_view qmp_greeting =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}}, "
    "\"capabilities\": []}}\n";

// Answers as QEMU's monitor does, for a machine in that state with a balloon that tells.
inline std::string monitor_reply(std::string_view line, const std::string& status,
                                 const std::string& stats) {
    if (line.find("qmp_capabilities") != std::string_view::npos) return "{\"return\": {}}\n";
    if (line.find("query-status") != std::string_view::npos)
        return "{\"event\": \"STOP\"}\n{\"return\": {\"status\": \"" + status +
               "\", \"running\": true}, \"id\": 1}\n";
    if (line.find("qom-set") != std::string_view::npos) return "{\"return\": {}, \"id\": 3}\n";
    if (stats.empty()) return "{\"error\": {\"class\": \"x\", \"desc\": \"y\"}, \"id\": 2}\n";
    return "{\"return\": " + stats + ", \"id\": 2}\n";
}

// Answers as the guest agent does.
inline std::string agent_reply(std::string_view line, const std::string& interfaces) {
    const auto id = line.find("\"id\":");
    if (line.find("guest-sync-delimited") != std::string_view::npos)
        return "\xff{\"return\": " + std::string(line.substr(id + 5, line.find('}', id) - id - 5)) +
               "}\n";
    return "{\"return\": " + interfaces + "}\n";
}

constexpr std::string_view some_interfaces =
    R"([{"name":"lo","hardware-address":"00:00:00:00:00:00","ip-addresses":[)"
    R"({"ip-address-type":"ipv4","ip-address":"127.0.0.1","prefix":8}]},)"
    R"({"name":"docker0","hardware-address":"02:42:00:00:00:01","ip-addresses":[)"
    R"({"ip-address-type":"ipv4","ip-address":"172.17.0.1","prefix":16}]},)"
    R"({"name":"eth0","hardware-address":"52:54:00:11:22:33","ip-addresses":[)"
    R"({"ip-address-type":"ipv6","ip-address":"fe80::1","prefix":64},)"
    R"({"ip-address-type":"ipv6","ip-address":"fd00::20","prefix":64},)"
    R"({"ip-address-type":"ipv4","ip-address":"192.168.1.20","prefix":24},)"
    R"({"ip-address-type":"ipv4","ip-address":"\u001b[31mred","prefix":24}]}])";

}  // namespace lodge
