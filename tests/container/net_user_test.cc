#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "engine/container/net_script.h"
#include "engine/store.h"
#include "tests/support/network.h"
#include "tests/support/scratch.h"

// The user-mode network of an ordinary user's container: the script that liblxc runs, with real
// pasta and slirp4netns, a namespace in the container's place, and a "world" behind this machine.

namespace lodge {
namespace {

class CtUserNet : public testing::Test {
  protected:
    void SetUp() override {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what goes to the background is ours to bury
        const std::string why = enter_own_network();
        if (!why.empty()) GTEST_SKIP() << why;
        try {
            world.emplace();
            world->connect("uplink", "wan");
        } catch (const Error& error) {
            GTEST_SKIP() << error.what();
        }
        sh("ip link set lo up; ip addr add 198.51.100.2/24 dev uplink; "
           "ip route add default via 198.51.100.1");
        world->run("ip addr add 198.51.100.1/24 dev wan");
        // A group of its own, so that its end is nobody else's.
        world->run("setsid sh -c 'echo $$ > " + scratch.path() +
                   "/server; while busybox nc -l -p 8000 -e /bin/echo hello; do :; done' "
                   ">/dev/null 2>&1 &");
        facts.id = 102;
        facts.root = false;
        facts.run_folder = scratch.path() + "/run";
        std::filesystem::create_directory(facts.run_folder);
        ASSERT_EQ(::chmod(facts.run_folder.c_str(), 0777), 0);
        std::ofstream(scratch.path() + "/pid");
        ASSERT_EQ(::chmod((scratch.path() + "/pid").c_str(), 0666), 0);
    }
    void TearDown() override {
        if (container > 0) ::kill(container, SIGKILL);
        sh("test ! -s " + scratch.path() + "/server || kill -- -$(cat " + scratch.path() +
           "/server) || true");
        world.reset();
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
    }
    static std::string as_user(const std::string& line) {
        return "setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c " + shell_quote(line);
    }
    // A user's process in namespaces of its own, as the container's first one is.
    bool begin_container() {
        sh(as_user("unshare -r -n sleep 300 >/dev/null 2>&1 & echo $! > " + scratch.path() +
                   "/pid"));
        container = static_cast<pid_t>(
            parse_integer(trim(sh("cat " + scratch.path() + "/pid"))).value_or(0));
        for (int i = 0; i < 200; ++i) {
            bool inside = false;
            run_inside("test \"$(readlink /proc/self/ns/net)\" != " +
                           trim_text(sh("readlink /proc/self/ns/net")),
                       &inside);
            if (inside) return true;
            ::usleep(10000);
        }
        return false;
    }
    static std::string trim_text(const std::string& text) { return shell_quote(trim(text)); }
    std::string run_inside(const std::string& line, bool* worked = nullptr) const {
        return sh(as_user(fmt::format("nsenter -t {} -U -n --preserve-credentials /bin/sh -c {}",
                                      container, shell_quote(line))),
                  worked);
    }
    static std::string first_line_from(const std::string& place) {
        return "timeout 20 bash -c 'exec 3<>/dev/tcp/" + place + "; read -r x <&3; echo $x'";
    }
    void expect_network(const std::vector<std::string>& forwards = {}) {
        const Config config =
            Config::parse("net0: name=eth0,hwaddr=BC:24:11:2C:69:EC\n", container_schema(), "");
        const auto cards = ct_cards(config, facts);
        ASSERT_EQ(cards.at(0).way, CtCard::Way::user);
        const std::string path = user_script_path(facts);
        std::ofstream(path) << user_script(cards[0], facts, forwards);
        ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
        if (!begin_container()) GTEST_SKIP() << "no user namespace for an ordinary user";
        sh(as_user(fmt::format("LXC_PID={} {} web lxc start-host 2>&1", container, path)));
        const std::string seen = run_inside("ip addr show dev eth0");
        EXPECT_NE(seen.find("bc:24:11:2c:69:ec"), std::string::npos) << seen;
        EXPECT_NE(seen.find("inet "), std::string::npos) << seen;
        EXPECT_EQ(run_inside(first_line_from("198.51.100.1/8000")), "hello\n");
        const auto pid = parse_integer(trim(sh("cat " + facts.run_folder + "/net-user.pid")));
        ASSERT_TRUE(pid);
        EXPECT_EQ(::kill(static_cast<pid_t>(*pid), 0), 0);
        if (!forwards.empty()) {
            run_inside("(busybox nc -l -p 80 -e /bin/echo inside >/dev/null 2>&1 &)");
            for (int i = 0; i < 200 && run_inside("ss -Hltn sport = 80").empty(); ++i)
                ::usleep(10000);
            EXPECT_EQ(sh(first_line_from("127.0.0.1/8080")), "inside\n");
        }
        // A port inside is a port outside only when it was said.
        EXPECT_EQ(sh("ss -Hltn sport = 8000"), "");
        sh(as_user(path + " web lxc post-stop 2>&1"));
        bool gone = false;
        for (int i = 0; i < 200 && !gone; ++i) {
            sh(fmt::format("test ! -d /proc/{0} || grep -q '^State:.Z' /proc/{0}/status", *pid),
               &gone);
            ::usleep(10000);
        }
        EXPECT_TRUE(gone);
        EXPECT_FALSE(std::filesystem::exists(facts.run_folder + "/net-user.pid"));
    }

    ScratchFolder scratch;
    CtNetFacts facts;
    std::optional<Neighbour> world;
    pid_t container = 0;
};

TEST_F(CtUserNet, by_pasta) {
    if (::access("/usr/bin/pasta", X_OK) != 0) GTEST_SKIP() << "pasta is not installed";
    facts.pasta = "/usr/bin/pasta";
    expect_network({"tcp:127.0.0.1/8080:80"});
}

TEST_F(CtUserNet, by_slirp4netns) {
    if (::access("/usr/bin/slirp4netns", X_OK) != 0) GTEST_SKIP() << "slirp4netns is not installed";
    facts.slirp4netns = "/usr/bin/slirp4netns";
    expect_network();
}

}  // namespace
}  // namespace lodge
