#include "passthrough/ways.h"

#include <gtest/gtest.h>

#include "tests/passthrough/fake_kernel.h"

// How somebody can be on this machine without its own screen.
namespace lodge {
namespace {

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   2: 0201A8C0:0016 0901A8C0:D431 01 00000024:00000000 01:00000014 00000003     0\n"
    "   3: nonsense\n"
    "   4: 0201A8C0:1F90 0901A8C0:D432 01 00000000:00000000 00:00000000 00000000     0\n";
constexpr std::string_view kTcp6 =
    "  sl  local_address remote_address st\n"
    "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000\n"
    "   1: 0000000000000000FFFF00000201A8C0:0016 0000000000000000FFFF00000901A8C0:D433 01 "
    "00000000:00000000 00:00000000 00000000\n"
    "   2: 000080FE00000000000000000100A8C0:0016 000080FE00000000000000000200A8C0:D434 01 "
    "00000000:00000000 00:00000000 00000000\n";

TEST(Ways, TheKernelsTableOfConnections) {
    const auto rows = parse_tcp_table(kTcp);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].state, 10);
    EXPECT_EQ(rows[2].here, (TcpEnd{"192.168.1.2", 22}));
    EXPECT_EQ(rows[2].there, (TcpEnd{"192.168.1.9", 54321}));
    EXPECT_EQ(rows[2].unanswered, 3);
    EXPECT_EQ(parse_tcp_table("0: 00000000:0016 00000000:0000 0A").size(), 1U) << "a record's";
    const auto six = parse_tcp_table(kTcp6);
    ASSERT_EQ(six.size(), 3U);
    EXPECT_EQ(six[0].here, (TcpEnd{"::", 22}));
    EXPECT_EQ(six[1].here, (TcpEnd{"192.168.1.2", 22}));
    EXPECT_EQ(six[2].here, (TcpEnd{"fe80::c0a8:1", 22}));
}

TEST(Ways, WhereSshListensAndWhoIsHere) {
    FakeKernel kernel("");
    EXPECT_TRUE(ssh_listens(kernel.host()).empty());
    kernel.put("/proc/net/tcp", std::string(kTcp));
    const auto ends = ssh_listens(kernel.host());
    ASSERT_EQ(ends.size(), 1U) << "not the loopback's";
    EXPECT_EQ(ends[0], (TcpEnd{"0.0.0.0", 22}));
    ASSERT_EQ(ssh_sessions(kernel.host()).size(), 1U);
    // Another port, by a file of its own.
    kernel.put("/etc/ssh/sshd_config.d/port.conf", "# Port 22\nport 8080\n");
    EXPECT_TRUE(ssh_listens(kernel.host()).empty());
    ASSERT_EQ(ssh_sessions(kernel.host()).size(), 1U);
    EXPECT_EQ(ssh_sessions(kernel.host())[0].there.port, 54322);
}

TEST(Ways, WhyASessionIsLost) {
    FakeKernel kernel("");
    const SshSession session{{"192.168.1.2", 22}, {"192.168.1.9", 54321}};
    const auto table = [&](const char* state, int again) {
        kernel.put("/proc/net/tcp",
                   fmt::format("   0: 0201A8C0:0016 0901A8C0:D431 {} 00000000:00000000 01:00000014 "
                               "{:08x} 0 0 1\n",
                               state, again));
        return why_session_lost(kernel.host(), session);
    };
    EXPECT_EQ(table("01", 0), "");
    EXPECT_EQ(table("01", 5), "");
    EXPECT_NE(table("01", 6).find("does not answer any more"), std::string::npos);
    EXPECT_NE(table("08", 0).find("was closed"), std::string::npos);
    kernel.put("/proc/net/fib_trie", "  |-- 192.168.1.2\n     /32 host LOCAL\n");
    EXPECT_EQ(table("01", 0), "");
    kernel.put("/proc/net/fib_trie", "  |-- 192.168.1.2\n     /24 link UNICAST\n");
    EXPECT_NE(table("01", 0).find("192.168.1.2 is no address of this machine"), std::string::npos);
}

TEST(Ways, AGettyOnASerialLine) {
    FakeKernel kernel("");
    const auto run = [&](int pid, std::string words) {
        for (char& c : words)
            if (c == ' ') c = '\0';
        kernel.put("/proc/" + std::to_string(pid) + "/cmdline", words + '\0');
    };
    run(700, "/sbin/agetty -o -p -- \\u --noclear tty1 linux");
    run(701, "/sbin/agetty -o -p -- \\u --keep-baud 115200,57600 ttyS0 vt220");
    run(702, "less /dev/ttyS1");
    EXPECT_TRUE(serial_logins(kernel.host()).empty()) << "the line itself is not there";
    kernel.put("/sys/class/tty/ttyS0/dev", "4:64\n");
    EXPECT_EQ(serial_logins(kernel.host()), std::vector<std::string>{"ttyS0"});
}

}  // namespace
}  // namespace lodge
