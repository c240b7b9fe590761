#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

class Host;

// The ways to this machine that do not need its own screen: SSH and serial lines.

// TcpEnd is one end of a connection.
struct TcpEnd {
    std::string address;  // "192.168.1.2", "fe80::1"; an IPv4 address also where it came by IPv6
    int port = 0;
    bool operator==(const TcpEnd&) const = default;
};

// TcpRow is a line of /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst).
struct TcpRow {
    TcpEnd here, there;
    int state = 0;       // include/net/tcp_states.h: 1 established, 10 listens
    int unanswered = 0;  // how often the oldest data was sent again
};
// Lines that are none are left out.
std::vector<TcpRow> parse_tcp_table(std::string_view text);

// The ports of sshd(8): "Port" of its files, else 22.
std::vector<int> ssh_ports(const Host& host);
// Where an SSH server listens, without the loopback.
std::vector<TcpEnd> ssh_listens(const Host& host);

// SshSession is a connection by which somebody is here.
struct SshSession {
    TcpEnd here, there;
};
std::vector<SshSession> ssh_sessions(const Host& host);
// The one that this process was started from: SSH_CONNECTION of it or of who started it (sudo
// takes it away). nullopt: from none, or it has ended.
std::optional<SshSession> own_ssh_session(const Host& host);

// Why a session is lost: it was closed, its address left this machine, or the other side has not
// answered for ten seconds or more. "" while it works.
std::string why_session_lost(const Host& host, const SshSession& session);

// Serial lines where somebody can log in: "ttyS0". A getty waits there, or a shell of somebody.
std::vector<std::string> serial_logins(const Host& host);

}  // namespace lodge
