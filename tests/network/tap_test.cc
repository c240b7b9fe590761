#include "engine/network/tap.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "engine/error.h"
#include "engine/process.h"
#include "tests/support/network.h"

namespace lodge {
namespace {

std::string ip(const std::vector<std::string>& words, bool* worked = nullptr) {
    Program program;
    program.argv = {"/sbin/ip"};
    if (words.front() == "bridge") program.argv = {"/sbin/bridge"};
    program.argv.insert(program.argv.end(), words.begin() + (words.front() == "bridge" ? 1 : 0),
                        words.end());
    const Outcome outcome = run_program(program, std::chrono::seconds(10));
    if (worked) *worked = outcome.status == 0;
    return outcome.output;
}

std::string error_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

// A bridge on the real kernel, in a network namespace of the test's own.
class Tap : public testing::Test {
  protected:
    void SetUp() override {
        const std::string why = enter_own_network();
        if (!why.empty()) GTEST_SKIP() << why;
        if (::access("/dev/net/tun", R_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun";
        bool made = false;
        ip({"link", "add", bridge, "mtu", "1400", "type", "bridge"}, &made);
        if (!made) GTEST_SKIP() << "this kernel makes no bridges";
        ip({"link", "set", bridge, "up"});
    }
    bool filter_vlans() const {
        bool filters = false;
        ip({"link", "set", bridge, "type", "bridge", "vlan_filtering", "1"}, &filters);
        return filters;
    }
    TapWish wish() const {
        TapWish wish;
        wish.name = name;
        wish.bridge = bridge;
        return wish;
    }

    const std::string bridge = "ltb0", name = "ltt0";
    std::vector<std::string> notes;
};

TEST_F(Tap, is_a_port_while_someone_holds_it) {
    {
        const Fd tap = make_tap(wish(), notes);
        const std::string seen = ip({"-o", "link", "show", name});
        EXPECT_NE(seen.find("master " + bridge), std::string::npos) << seen;
        EXPECT_NE(seen.find("mtu 1400"), std::string::npos) << seen;
        EXPECT_NE(seen.find(",UP"), std::string::npos) << seen;
        EXPECT_NE(error_of([&] { make_tap(wish(), notes); }).find("another program has it"),
                  std::string::npos);
    }
    EXPECT_NE(::access(("/sys/class/net/" + name).c_str(), F_OK), 0);
    EXPECT_TRUE(notes.empty());
}

TEST_F(Tap, vlan) {
    if (!filter_vlans())
        GTEST_SKIP() << "this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)";
    TapWish tagged = wish();
    tagged.vlan = 7;
    tagged.trunks = "20-22;30";
    const Fd tap = make_tap(tagged, notes);
    if (::access("/sbin/bridge", X_OK) != 0) return;
    const std::string seen = ip({"bridge", "-compressvlans", "vlan", "show", "dev", name});
    EXPECT_NE(seen.find("7 PVID Egress Untagged"), std::string::npos) << seen;
    EXPECT_NE(seen.find("20-22"), std::string::npos) << seen;
    EXPECT_NE(seen.find("30"), std::string::npos) << seen;
    EXPECT_EQ(seen.find(" 1 "), std::string::npos) << seen;
}

TEST_F(Tap, several_queues) {
    TapWish queues = wish();
    queues.multi_queue = true;
    const Fd one = make_tap(queues, notes), two = make_tap(queues, notes);
    EXPECT_TRUE(one && two);
}

TEST_F(Tap, vlan_needs_a_bridge_that_filters) {
    TapWish bad = wish();
    bad.vlan = 7;
    EXPECT_NE(error_of([&] { make_tap(bad, notes); }).find("does not filter VLANs"),
              std::string::npos);
    // Nothing half-made stays.
    EXPECT_NE(::access(("/sys/class/net/" + name).c_str(), F_OK), 0);
}

// Needs no bridge, so that the rest is tested on kernels without one.
TEST(TapAlone, comes_and_goes) {
    if (::geteuid() != 0 || ::access("/dev/net/tun", R_OK) != 0) GTEST_SKIP() << "needs root";
    TapWish wish;
    wish.name = "ltt" + std::to_string(::getpid() % 100000);
    std::vector<std::string> notes;
    {
        const Fd tap = make_tap(wish, notes);
        EXPECT_EQ(::access(("/sys/class/net/" + wish.name).c_str(), F_OK), 0);
        const std::string words = error_of([&] { make_tap(wish, notes); });
        EXPECT_NE(words.find("another program has it"), std::string::npos) << words;
    }
    EXPECT_NE(::access(("/sys/class/net/" + wish.name).c_str(), F_OK), 0);
    wish.bridge = "no-such-br";
    EXPECT_EQ(error_of([&] { make_tap(wish, notes); }),
              "cannot connect " + wish.name + ": there is no bridge no-such-br on this machine");
    wish.bridge = "lo";
    EXPECT_EQ(error_of([&] { make_tap(wish, notes); }),
              "cannot connect " + wish.name + ": lo is no bridge");
    EXPECT_NE(::access(("/sys/class/net/" + wish.name).c_str(), F_OK), 0);
    wish.name = "a name with spaces";
    EXPECT_NE(error_of([&] { make_tap(wish, notes); }).find("is no name"), std::string::npos);
}

TEST(TapAlone, as_shell) {
    TapWish wish;
    wish.name = "tap101i0";
    wish.bridge = "vmbr0";
    wish.vlan = 7;
    wish.trunks = "20-22";
    wish.rate = 2.5;
    EXPECT_EQ(tap_as_shell(wish),
              "ip tuntap add dev tap101i0 mode tap vnet_hdr\n"
              "ip link set dev tap101i0 master vmbr0\n"
              "bridge vlan add dev tap101i0 vid 7 pvid untagged\n"
              "bridge vlan del dev tap101i0 vid 1\n"
              "bridge vlan add dev tap101i0 vid 20-22\n"
              "ip link set dev tap101i0 up\n"
              "tc qdisc replace dev tap101i0 root tbf rate 20000000bit burst 1000000 latency 50ms\n"
              "tc qdisc replace dev tap101i0 ingress\n"
              "tc filter replace dev tap101i0 parent ffff: prio 50 matchall action police rate "
              "20000000bit burst 1000000 drop");
}

}  // namespace
}  // namespace lodge
