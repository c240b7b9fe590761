#include "passthrough/ways.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "engine/host.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int kEstablished = 1, kListens = 10;
// The kernel waits twice as long each time, from 0.2 s on: six are some twelve seconds
// (include/net/tcp.h, TCP_RTO_MIN).
constexpr int kTooOften = 6;

std::optional<unsigned long> parse_hex(std::string_view text) {
    unsigned long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "0201A8C0:0016": each four bytes as this machine stores a number.
std::optional<TcpEnd> parse_end(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon != 8 && colon != 32) return std::nullopt;
    if (text.size() != colon + 5) return std::nullopt;
    std::array<uint32_t, 4> words{};
    for (size_t i = 0; i < colon / 8; ++i) {
        const auto word = parse_hex(text.substr(i * 8, 8));
        if (!word) return std::nullopt;
        words[i] = static_cast<uint32_t>(*word);
    }
    const auto port = parse_hex(text.substr(colon + 1));
    if (!port) return std::nullopt;
    std::array<unsigned char, 16> raw{};
    std::memcpy(raw.data(), words.data(), raw.size());
    char shown[INET6_ADDRSTRLEN] = "";
    constexpr std::array<unsigned char, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    if (colon == 8)
        ::inet_ntop(AF_INET, raw.data(), shown, sizeof shown);
    else if (std::equal(mapped.begin(), mapped.end(), raw.begin()))
        ::inet_ntop(AF_INET, raw.data() + 12, shown, sizeof shown);
    else
        ::inet_ntop(AF_INET6, raw.data(), shown, sizeof shown);
    return TcpEnd{shown, static_cast<int>(*port)};
}

std::vector<TcpRow> tcp_rows(const Host& host) {
    std::vector<TcpRow> rows;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"})
        for (TcpRow& row : parse_tcp_table(host.read(host.system(table)).value_or("")))
            rows.push_back(std::move(row));
    return rows;
}

bool is_loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

void add_ports(std::string_view text, std::vector<int>& ports) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, value;
        words >> key >> value;
        std::transform(key.begin(), key.end(), key.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        const auto port = parse_integer(value);
        if (key == "port" && port && *port > 0 && *port < 65536)
            ports.push_back(static_cast<int>(*port));
    }
}

// Of an environment as /proc/<pid>/environ has it.
std::string value_in(std::string_view environment, std::string_view name) {
    for (const std::string& one : split(environment, '\0'))
        if (one.starts_with(name) && one.size() > name.size() && one[name.size()] == '=')
            return one.substr(name.size() + 1);
    return "";
}

std::string ssh_connection(const Host& host) {
    if (const char* own = std::getenv("SSH_CONNECTION")) return own;
    // The fourth word after the name in brackets is the parent (proc(5), stat).
    int64_t pid = ::getppid();
    for (int above = 0; above < 20 && pid > 1; ++above) {
        const std::string folder = host.system("/proc/" + std::to_string(pid));
        const std::string found =
            value_in(host.read(folder + "/environ").value_or(""), "SSH_CONNECTION");
        if (!found.empty()) return found;
        const std::string stat = host.read_line(folder + "/stat");
        const size_t end = stat.rfind(')');
        if (end == std::string::npos) break;
        const auto words = split(trim(std::string_view(stat).substr(end + 1)), ' ');
        if (words.size() < 2) break;
        pid = parse_integer(words[1]).value_or(0);
    }
    return "";
}

// Whether an address is one of this machine's: a line "host LOCAL" under it
// (net/ipv4/fib_trie.c), or of if_inet6.
bool is_here(const Host& host, const std::string& address) {
    if (address.find(':') == std::string::npos) {
        const std::string table = host.read(host.system("/proc/net/fib_trie")).value_or("");
        if (table.empty()) return true;  // not to be known
        bool at = false;
        std::istringstream lines(table);
        for (std::string line; std::getline(lines, line);) {
            const std::string_view words = trim(line);
            if (words.starts_with("|-- ")) at = words.substr(4) == address;
            if (at && words.starts_with("/32 host LOCAL")) return true;
        }
        return false;
    }
    std::array<unsigned char, 16> raw{};
    if (::inet_pton(AF_INET6, address.c_str(), raw.data()) != 1) return true;
    std::string hex;
    for (const unsigned char byte : raw)
        hex += fmt::format("{:02x}", byte);
    const auto table = host.read(host.system("/proc/net/if_inet6"));
    return !table || table->find(hex) != std::string::npos;
}

bool is_serial(std::string_view tty) {
    return tty.starts_with("ttyS") || tty.starts_with("ttyUSB") || tty.starts_with("ttyAMA");
}

}  // namespace

std::vector<TcpRow> parse_tcp_table(std::string_view text) {
    std::vector<TcpRow> rows;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream in(line);
        std::string number, here, there, state, queues, timer, unanswered;
        in >> number >> here >> there >> state >> queues >> timer >> unanswered;
        const auto one = parse_end(here), other = parse_end(there);
        const auto now = parse_hex(state);
        if (!one || !other || !now) continue;
        // Records of machines may have the first columns only.
        const auto again = parse_hex(unanswered).value_or(0);
        rows.push_back({*one, *other, static_cast<int>(*now), static_cast<int>(again & 0xffff)});
    }
    return rows;
}

std::vector<int> ssh_ports(const Host& host) {
    std::vector<int> ports;
    const std::string folder = host.system("/etc/ssh");
    add_ports(host.read(folder + "/sshd_config").value_or(""), ports);
    for (const std::string& name : host.list(folder + "/sshd_config.d"))
        if (name.ends_with(".conf"))
            add_ports(host.read(folder + "/sshd_config.d/" + name).value_or(""), ports);
    if (ports.empty()) ports.push_back(22);
    return ports;
}

std::vector<TcpEnd> ssh_listens(const Host& host) {
    const auto ports = ssh_ports(host);
    std::vector<TcpEnd> ends;
    for (const TcpRow& row : tcp_rows(host))
        if (row.state == kListens && !is_loopback(row.here.address) &&
            std::find(ports.begin(), ports.end(), row.here.port) != ports.end())
            ends.push_back(row.here);
    return ends;
}

std::vector<SshSession> ssh_sessions(const Host& host) {
    const auto ports = ssh_ports(host);
    std::vector<SshSession> sessions;
    for (const TcpRow& row : tcp_rows(host))
        if (row.state == kEstablished && !is_loopback(row.here.address) &&
            std::find(ports.begin(), ports.end(), row.here.port) != ports.end())
            sessions.push_back({row.here, row.there});
    return sessions;
}

std::optional<SshSession> own_ssh_session(const Host& host) {
    // "client port server port" (sshd(8)); an address may have a zone: "fe80::1%eth0".
    const auto words = split(ssh_connection(host), ' ');
    if (words.size() != 4) return std::nullopt;
    const auto end = [&](size_t at) {
        return TcpEnd{words[at].substr(0, words[at].find('%')),
                      static_cast<int>(parse_integer(words[at + 1]).value_or(0))};
    };
    const SshSession session{end(2), end(0)};
    for (const TcpRow& row : tcp_rows(host))
        if (row.state == kEstablished && row.here == session.here && row.there == session.there)
            return session;
    return std::nullopt;
}

std::string why_session_lost(const Host& host, const SshSession& session) {
    const std::string name =
        fmt::format("the SSH session from {} that began it", session.there.address);
    if (!is_here(host, session.here.address))
        return fmt::format("{} is lost: {} is no address of this machine any more", name,
                           session.here.address);
    for (const TcpRow& row : tcp_rows(host)) {
        if (row.here != session.here || row.there != session.there) continue;
        if (row.state != kEstablished) break;
        if (row.unanswered >= kTooOften) return name + " does not answer any more";
        return "";
    }
    return name + " was closed";
}

std::vector<std::string> serial_logins(const Host& host) {
    std::vector<std::string> found;
    for (const std::string& pid : host.list(host.system("/proc"))) {
        if (!parse_integer(pid)) continue;
        const std::string folder = host.system("/proc/" + pid);
        // agetty has the line as a word of its own; "-" stands for the one it was started on.
        const auto words = split(host.read(folder + "/cmdline").value_or(""), '\0');
        if (words.empty() || words[0].find("getty") == std::string::npos) continue;
        for (std::string word : words) {
            if (word.starts_with("/dev/")) word.erase(0, 5);
            if (is_serial(word) && std::find(found.begin(), found.end(), word) == found.end() &&
                host.exists(host.system("/sys/class/tty/" + word)))
                found.push_back(word);
        }
    }
    return found;
}

}  // namespace lodge
