#include <gtest/gtest.h>

#include "engine/network/nat.h"
#include "engine/network/nft.h"
#include "engine/vm/vm.h"
#include "tests/life/tiny.h"
#include "tests/support/network.h"

namespace lodge {
namespace {

TEST(VmNat, a_card_on_lodge0_needs_no_bridge_of_the_machine) {
    const std::string why = enter_own_network();
    if (!why.empty()) GTEST_SKIP() << why;
    bool made = false;
    sh("ip link add probe type bridge && ip link del probe", &made);
    if (!made) GTEST_SKIP() << "this kernel has no bridges";
    if (::access("/dev/net/tun", R_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun";
    TinyGuest tiny(101, "memory: 32\nname: tiny\nkvm: 0\nnet0: virtio,bridge=lodge0\n");
    if (!tiny.host().program("dnsmasq") || !tiny.host().program("qemu-system-x86_64"))
        GTEST_SKIP() << "dnsmasq or QEMU is not installed";
    Engine& engine = tiny.engine;
    const Plan start = tiny.guest().kind->start(engine, tiny.guest(), {});
    EXPECT_TRUE(start.warnings.empty() || start.warnings[0].find("lodge0") == std::string::npos);
    engine.jobs.run_here(engine, start);
    EXPECT_NE(sh("ip -o link show tap101i0").find("master lodge0"), std::string::npos);
    ASSERT_EQ(look_at_nats(engine.host).size(), 1U);
    EXPECT_TRUE(look_at_nats(engine.host)[0].dhcp);
    engine.jobs.run_here(engine, tiny.guest().kind->stop(engine, tiny.guest(), {{"force", true}}));
    EXPECT_FALSE(look_at_nats(engine.host)[0].up);
    EXPECT_FALSE(look_at_nats(engine.host)[0].dhcp);
    EXPECT_EQ(run_nft("list tables", "list"), "");
}

}  // namespace
}  // namespace lodge
