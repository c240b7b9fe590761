#include "engine/vm/asker.h"

#include <gtest/gtest.h>

#include "engine/state/addresses.h"
#include "tests/state/fake_server.h"
#include "tests/support/scratch.h"

namespace lodge {
namespace {

using namespace std::chrono_literals;

class Asking : public testing::Test {
  protected:
    Asking() { asker.use(loop); }
    std::string path(const std::string& name) { return folder.path() + "/" + name; }
    bool until(const std::function<bool()>& done) { return loop.run_until(done, 20s); }

    ScratchFolder folder;
    Loop loop;
    std::vector<int> heard;
    Asker asker{[this](int id) { heard.push_back(id); }};
};

TEST_F(Asking, a_monitor_tells_status_and_memory) {
    FakeServer server(loop, path("qmp"), std::string(qmp_greeting), [](std::string_view line) {
        return monitor_reply(line, "paused",
                             R"({"last-update":5,"stats":{"stat-total-memory":1000,)"
                             R"("stat-free-memory":1,"stat-available-memory":400}})");
    });
    asker.ask_monitor(101, path("qmp"), true);
    EXPECT_FALSE(asker.said(101).asked);
    ASSERT_TRUE(until([&] { return !asker.waiting(); }));
    EXPECT_TRUE(asker.said(101).asked);
    EXPECT_EQ(asker.said(101).status, "paused");
    EXPECT_EQ(asker.said(101).memory_used, 600);
    EXPECT_EQ(heard, std::vector<int>{101});
    // The same again is no news, and the monitor is free for others in between.
    ASSERT_TRUE(until([&] { return server.clients == 1; }));
    asker.ask_monitor(101, path("qmp"), true);
    ASSERT_TRUE(until([&] { return !asker.waiting(); }));
    EXPECT_EQ(server.clients, 2);
    EXPECT_EQ(heard.size(), 1u);
    asker.forget(101);
    EXPECT_FALSE(asker.said(101).asked);
}

TEST_F(Asking, a_balloon_without_figures_tells_nothing) {
    for (const std::string stats :
         {"", R"({"last-update":0,"stats":{"stat-total-memory":18446744073709551615}})",
          R"({"last-update":9,"stats":{"stat-total-memory":18446744073709551615,)"
          R"("stat-free-memory":5}})",
          R"({"last-update":9,"stats":{"stat-total-memory":5,"stat-free-memory":50}})",
          R"({"last-update":"x","stats":[]})"}) {
        FakeServer server(loop, path("qmp"), std::string(qmp_greeting), [&](std::string_view line) {
            return monitor_reply(line, "running", stats);
        });
        asker.ask_monitor(101, path("qmp"), true);
        ASSERT_TRUE(until([&] { return !asker.waiting(); }));
        EXPECT_EQ(asker.said(101).status, "running") << stats;
        EXPECT_FALSE(asker.said(101).memory_used.has_value()) << stats;
    }
}

TEST_F(Asking, one_that_hangs_delays_nobody) {
    const Fd silent = listen_unix(path("silent"));
    FakeServer server(loop, path("qmp"), std::string(qmp_greeting),
                      [](std::string_view line) { return monitor_reply(line, "running", ""); });
    asker.ask_monitor(101, path("silent"), false);
    asker.ask_monitor(102, path("qmp"), false);
    asker.ask_monitor(103, path("nothing"), false);
    ASSERT_TRUE(until([&] { return asker.said(102).asked && asker.said(103).asked; }));
    EXPECT_FALSE(asker.said(101).asked);
    EXPECT_EQ(asker.said(103).status, "");
    EXPECT_TRUE(asker.waiting());
    ASSERT_TRUE(until([&] { return !asker.waiting(); }));
    EXPECT_TRUE(asker.said(101).asked);
    EXPECT_EQ(asker.said(101).status, "");
}

TEST_F(Asking, lets_go_for_who_needs_it_at_once) {
    FakeServer server(loop, path("qmp"), std::string(qmp_greeting),
                      [](std::string_view line) { return monitor_reply(line, "running", ""); });
    asker.ask_monitor(101, path("qmp"), false);
    Asker::let_go(path("qmp"));
    Fd other = connect_unix(path("qmp"), 0ms);
    ASSERT_TRUE(until([&] { return server.clients >= 2; }));
    EXPECT_FALSE(asker.said(101).asked);
    other.reset();
    ASSERT_TRUE(until([&] { return asker.said(101).asked; }));
    EXPECT_EQ(asker.said(101).status, "running");
}

TEST_F(Asking, a_full_queue_is_not_waited_for) {
    const Fd full = listen_unix(path("full"));
    std::vector<Fd> others;
    try {
        for (int i = 0; i < 100; ++i)
            others.push_back(connect_unix(path("full"), 0ms));
        FAIL() << "a queue without end";
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::busy);
    }
    asker.ask_monitor(101, path("full"), false);
    asker.take();
    EXPECT_FALSE(asker.waiting());
    EXPECT_EQ(asker.said(101).status, "");
}

TEST_F(Asking, nonsense_is_no_answer) {
    for (const std::string& reply :
         {std::string("rubbish\n"), std::string("[[[[\n"), std::string(2 << 20, 'x'),
          std::string("{\"return\": 5, \"id\": 1}\n")}) {
        FakeServer server(loop, path("qmp"), "", [&](std::string_view) { return reply; });
        asker.ask_monitor(101, path("qmp"), false);
        ASSERT_TRUE(until([&] { return !asker.waiting(); }));
        EXPECT_TRUE(asker.said(101).asked);
        EXPECT_EQ(asker.said(101).status, "");
    }
}

TEST_F(Asking, an_agent_tells_addresses) {
    FakeServer server(
        loop, path("qga"), "left over\n{\"return\": {}}\n",
        [](std::string_view line) { return agent_reply(line, std::string(some_interfaces)); });
    asker.ask_agent(101, path("qga"));
    ASSERT_TRUE(until([&] { return !asker.waiting(); }));
    const auto& interfaces = asker.said(101).interfaces;
    ASSERT_EQ(interfaces.size(), 3u);
    EXPECT_EQ(asker.said(101).agent_silences, 0);
    EXPECT_EQ(told_addresses(interfaces, {"52:54:00:11:22:33"}),
              (std::vector<GuestAddress>{{"192.168.1.20", false}, {"fd00::20", false}}));
    EXPECT_EQ(told_addresses(interfaces, {"52:54:00:00:00:00"}),
              (std::vector<GuestAddress>{
                  {"172.17.0.1", false}, {"192.168.1.20", false}, {"fd00::20", false}}));
}

TEST_F(Asking, an_agent_that_is_not_there_is_counted) {
    const Fd silent = listen_unix(path("qga"));
    asker.ask_agent(101, path("qga"));
    ASSERT_TRUE(until([&] { return !asker.waiting(); }));
    EXPECT_EQ(asker.said(101).agent_silences, 1);
    EXPECT_TRUE(heard.empty());
}

}  // namespace
}  // namespace lodge
