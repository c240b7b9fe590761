#include "engine/vm/agent.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/vm/qmp.h"

namespace lodge {
namespace {

using nlohmann::json;
using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// FakeAgent is a guest's agent at the end of a socket: it answers each line by what `reply` says,
// as bytes, and takes one client after another as QEMU does.
class FakeAgent {
  public:
    using Reply = std::function<std::string(const json& request)>;

    explicit FakeAgent(Reply reply) : reply_(std::move(reply)) {
        std::string name = "/tmp/lodge-agent-XXXXXX";
        folder_ = ::mkdtemp(name.data());
        host().make_folder(folder_ + "/run/guest/101");
        path_ = folder_ + "/run/guest/101/qga";
        listening_ = listen_unix(path_);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeAgent() {
        done_ = true;
        thread_.join();
        std::filesystem::remove_all(folder_);
    }

    const std::string& path() const { return path_; }
    Host host() const {
        Host::Places places;
        places.run = folder_ + "/run";
        return Host(places);
    }
    std::vector<std::string> heard;  // commands, in order; read after the calls

  private:
    bool ready(int fd) {
        pollfd one{fd, POLLIN, 0};
        while (!done_)
            if (::poll(&one, 1, 20) > 0) return true;
        return false;
    }

    void serve() {
        while (ready(listening_.get())) {
            const Fd client(::accept(listening_.get(), nullptr, nullptr));
            std::string buffer;
            while (ready(client.get())) {
                char piece[4096];
                const ssize_t got = ::recv(client.get(), piece, sizeof piece, 0);
                if (got <= 0) break;
                buffer.append(piece, static_cast<size_t>(got));
                size_t end = 0;
                while ((end = buffer.find('\n')) != std::string::npos) {
                    handle(client.get(), buffer.substr(0, end));
                    buffer.erase(0, end + 1);
                }
            }
        }
    }

    void handle(int client, std::string line) {
        if (const size_t mark = line.rfind('\xff'); mark != std::string::npos)
            line.erase(0, mark + 1);
        const json request = json::parse(line, nullptr, false);
        if (!request.is_object()) return;
        const std::string command = request.value("execute", "");
        heard.push_back(command);
        std::string bytes = reply_(request);
        if (bytes == "sync")
            bytes = "\xff" + json{{"return", request["arguments"]["id"]}}.dump() + "\n";
        for (size_t at = 0; at < bytes.size() && !done_;) {
            const ssize_t sent = ::send(client, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
            if (sent <= 0) return;
            at += static_cast<size_t>(sent);
        }
    }

    Reply reply_;
    std::string folder_, path_;
    Fd listening_;
    std::atomic<bool> done_ = false;
    std::thread thread_;
};

bool is(const json& request, std::string_view command) {
    return request.value("execute", "") == command;
}

// Answers the synchronisation, and one command by `bytes`.
FakeAgent::Reply answering(std::string command, std::string bytes) {
    return [command = std::move(command), bytes = std::move(bytes)](const json& request) {
        if (is(request, "guest-sync-delimited")) return std::string("sync");
        if (is(request, command)) return bytes;
        return std::string(R"({"error":{"class":"CommandNotFound","desc":"not found"}})"
                           "\n");
    };
}

void expect_quick(Clock::time_point since, int milliseconds) {
    // Ten times what it may take: only a wait without an end fails, not a busy machine.
    EXPECT_LT(Clock::now() - since, Milliseconds(10 * milliseconds));
}

TEST(Agent, Pings) {
    FakeAgent fake(answering("guest-ping", "{\"return\": {}}\n"));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    agent.ping(Milliseconds(2000));
}

TEST(Agent, ReadsAddresses) {
    FakeAgent fake([](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        return R"({"return":[{"name":"eth0","hardware-address":"52:54:00:00:00:01",)"
               R"("statistics":{"rx-bytes":7,"tx-bytes":9},"ip-addresses":[)"
               R"({"ip-address":"10.0.2.15","prefix":24,"ip-address-type":"ipv4"},)"
               R"({"ip-address":"fe80::1","prefix":64,"ip-address-type":"ipv6"}]},)"
               R"({"name":5,"ip-addresses":"none"}]})"
               "\n";
    });
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    const auto all = agent.interfaces(Milliseconds(2000));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].name, "eth0");
    EXPECT_EQ(all[0].received, 7);
    ASSERT_EQ(all[0].addresses.size(), 2u);
    EXPECT_EQ(all[0].addresses[0].ip, "10.0.2.15");
    EXPECT_EQ(all[0].addresses[0].prefix, 24);
    EXPECT_TRUE(all[0].addresses[1].ipv6);
    EXPECT_EQ(all[1].name, "");  // a lie about the type is as good as silence
    EXPECT_TRUE(all[1].addresses.empty());
}

TEST(Agent, RunsAProgram) {
    int looks = 0;
    FakeAgent fake([&looks](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        if (is(request, "guest-exec")) {
            EXPECT_EQ(request["arguments"]["path"], "sh");
            EXPECT_EQ(request["arguments"]["input-data"], "aGVsbG8=");
            return "{\"return\":{\"pid\":42}}\n";
        }
        EXPECT_EQ(request["arguments"]["pid"], 42);
        if (++looks < 3) return "{\"return\":{\"exited\":false}}\n";
        return "{\"return\":{\"exited\":true,\"exitcode\":3,\"out-data\":\"b2sKAA==\","
               "\"err-data\":\"bm8=\"}}\n";
    });
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    const auto result = agent.exec({"sh", "-c", "x"}, "hello", Milliseconds(5000));
    EXPECT_TRUE(result.ended);
    EXPECT_EQ(result.status, 3);
    EXPECT_EQ(result.output, std::string("ok\n\0", 4));
    EXPECT_EQ(result.trouble, "no");
}

TEST(Agent, EndsWaitingForAProgramAtTheLimit) {
    FakeAgent fake([](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        if (is(request, "guest-exec")) return "{\"return\":{\"pid\":42}}\n";
        return "{\"return\":{\"exited\":false}}\n";
    });
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    const auto since = Clock::now();
    EXPECT_FALSE(agent.exec({"sleep"}, "", Milliseconds(200)).ended);
    expect_quick(since, 2000);
}

TEST(Agent, SaysWhatWasRefused) {
    FakeAgent fake(answering("guest-ping", "{\"return\":{}}\n"));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    try {
        agent.freeze(Milliseconds(2000));
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "the guest's agent refused guest-fsfreeze-freeze: not found");
    }
    agent.ping(Milliseconds(2000));
}

TEST(Agent, OneThatNeverAnswersCostsTheLimitAndNoMore) {
    FakeAgent fake([](const json&) { return std::string(); });
    const auto since = Clock::now();
    try {
        Agent::connect(fake.path(), Milliseconds(150));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::busy);
    }
    expect_quick(since, 1500);
}

TEST(Agent, OneThatStopsInMidLineCostsTheLimitAndNoMore) {
    FakeAgent fake(answering("guest-ping", "{\"return\": {"));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    const auto since = Clock::now();
    EXPECT_THROW(agent.ping(Milliseconds(150)), Error);
    expect_quick(since, 1500);
}

TEST(Agent, AnEndlessLineIsGivenUp) {
    FakeAgent fake(answering("guest-ping", std::string(80u << 20, 'x')));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    EXPECT_THROW(agent.ping(Milliseconds(20000)), Error);
}

TEST(Agent, FindsItsPlaceAfterALateAnswer) {
    int pings = 0;
    FakeAgent fake([&pings](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        if (is(request, "guest-ping") && ++pings == 1) {
            std::this_thread::sleep_for(Milliseconds(300));
            return "{\"error\":{\"desc\":\"late\"}}\n";
        }
        return "{\"return\":{}}\n";
    });
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    EXPECT_THROW(agent.ping(Milliseconds(100)), Error);
    agent.ping(Milliseconds(3000));  // not the late words of the first
}

TEST(Agent, GarbageBeforeTheFirstAnswerIsPassedOver) {
    FakeAgent fake([](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited"))
            return "}{\x01\n[[[[\n" + std::string(10000, '[') + "\n\xff{\"return\": 1}\n\xff" +
                   json{{"return", request["arguments"]["id"]}}.dump() + "\n";
        return "{\"return\":{}}\n";
    });
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    agent.ping(Milliseconds(2000));
}

TEST(Agent, GarbageAsAnAnswerIsSaidInPrint) {
    FakeAgent fake(answering("guest-ping", "\x1b[31mhello\n"));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    try {
        agent.ping(Milliseconds(2000));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string_view(error.what()).find('\x1b'), std::string_view::npos);
    }
}

TEST(Agent, ShutdownNeedsNoAnswer) {
    FakeAgent fake(answering("guest-shutdown", ""));
    Agent agent = Agent::connect(fake.path(), Milliseconds(2000));
    agent.shutdown("powerdown", Milliseconds(2000));
    FakeAgent refusing(answering("guest-shutdown", "{\"error\":{\"desc\":\"it is disabled\"}}\n"));
    Agent second = Agent::connect(refusing.path(), Milliseconds(2000));
    EXPECT_THROW(second.shutdown("powerdown", Milliseconds(2000)), Error);
}

TEST(Agent, WithoutAChannelSaysWhy) {
    FakeAgent fake([](const json&) { return std::string(); });
    try {
        Agent::connect(fake.host(), 102, Milliseconds(100));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::refused);
    }
}

TEST(FrozenFileSystems, ThawsAtTheEnd) {
    FakeAgent fake([](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        return "{\"return\": 2}\n";
    });
    std::vector<std::string> said;
    {
        const Host host = fake.host();
        FrozenFileSystems frozen(host, 101, Milliseconds(2000),
                                 [&](const std::string& line) { said.push_back(line); });
        EXPECT_TRUE(frozen.frozen());
    }
    EXPECT_EQ(fake.heard.back(), "guest-fsfreeze-thaw");
    EXPECT_EQ(said, (std::vector<std::string>{"froze 2 file systems in the guest",
                                              "thawed 2 file systems in the guest"}));
}

TEST(FrozenFileSystems, ThawsAfterAFreezeThatGotNoAnswer) {
    FakeAgent fake([](const json& request) -> std::string {
        if (is(request, "guest-sync-delimited")) return "sync";
        if (is(request, "guest-fsfreeze-freeze")) return "";
        return "{\"return\": 1}\n";
    });
    const Host host = fake.host();
    std::vector<std::string> said;
    FrozenFileSystems frozen(host, 101, Milliseconds(200),
                             [&](const std::string& line) { said.push_back(line); });
    EXPECT_FALSE(frozen.frozen());
    EXPECT_EQ(fake.heard.back(), "guest-fsfreeze-thaw");
}

}  // namespace
}  // namespace lodge
