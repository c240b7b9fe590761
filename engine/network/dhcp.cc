#include <csignal>

#include "engine/error.h"
#include "engine/network/nat_parts.h"
#include "engine/process.h"
#include "engine/units.h"

// The dnsmasq of a network: started in the background, which it does when it can serve, and found
// again by the number it wrote and by its command line, which names a file of ours.

namespace lodge::nat {
namespace {

std::string conf_path(const Host& host, const std::string& name) {
    return run_folder(host, name) + "/dnsmasq.conf";
}

std::optional<ProcessId> process_of(const Host& host, const std::string& name) {
    const auto pid = parse_integer(host.read_line(run_folder(host, name) + "/dnsmasq.pid"));
    if (!pid || *pid < 2 || *pid > INT32_MAX) return std::nullopt;
    const auto process = identify(host, static_cast<pid_t>(*pid));
    const auto words = host.read(host.system(fmt::format("/proc/{}/cmdline", *pid)));
    const std::string wanted = "--conf-file=" + conf_path(host, name);
    if (!process || !words || words->find(wanted) == std::string::npos) return std::nullopt;
    return process;
}

void start_with(const Host& host, const NatNetwork& network, const std::string& conf) {
    const std::string path = conf_path(host, network.name);
    host.write_volatile(path, conf);
    Program program;
    program.argv = {host.need_program("dnsmasq"), "--conf-file=" + path};
    program.folder = "/";
    run_checked(program, std::chrono::seconds(20),
                "cannot give addresses on " + network.name + ": dnsmasq");
}

}  // namespace

std::vector<std::string> name_servers(const Host& host) {
    std::vector<std::string> servers;
    // systemd-resolved keeps the real ones aside (resolved.conf(5)).
    for (const char* path : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
        for (const std::string& line : split(host.read(host.system(path)).value_or(""), '\n')) {
            const auto words = split(trim(line), ' ');
            if (words.size() < 2 || words[0] != "nameserver") continue;
            const std::string& ip = words[1];
            if (!ip.starts_with("127.") && ip != "::1" && ip.find('%') == std::string::npos)
                servers.push_back(ip);
        }
        if (!servers.empty()) break;
    }
    return servers;
}

std::string dnsmasq_conf(const Host& host, const NatNetwork& network, bool names,
                         const std::vector<std::string>& servers) {
    const std::string folder = run_folder(host, network.name);
    std::string text = fmt::format(
        "# Made by Lodge for {0}; changes here do not stay.\n"
        "interface={0}\nexcept-interface=lo\nbind-interfaces\n"
        "pid-file={1}/dnsmasq.pid\nlog-facility={1}/dnsmasq.log\n"
        "dhcp-leasefile={1}/leases\ndhcp-range={2},{3},{4},12h\ndhcp-lease-max=205\n"
        "dhcp-authoritative\nno-ping\n",
        network.name, folder, network.first_lease(), network.last_lease(), network.range.netmask());
    if (names) {
        // This machine's own table of names is none of the guests' business.
        text += "no-hosts\ndomain-needed\nbogus-priv\ndomain=lodge\nlocal=/lodge/\n";
        return text;
    }
    std::vector<std::string> four;
    for (const std::string& server : servers)
        if (server.find(':') == std::string::npos) four.push_back(server);
    text += "port=0\ndhcp-option=option:dns-server" + (four.empty() ? "" : "," + join(four, ",")) +
            "\n";
    return text;
}

bool dnsmasq_runs(const Host& host, const std::string& name) {
    return process_of(host, name).has_value();
}

std::string start_dnsmasq(const Host& host, const NatNetwork& network) {
    const auto servers = name_servers(host);
    const std::string with_names = dnsmasq_conf(host, network, true, {});
    const std::string without = dnsmasq_conf(host, network, false, servers);
    if (dnsmasq_runs(host, network.name)) {
        const auto now = host.read(conf_path(host, network.name));
        if (now == with_names || now == without) return "";
        stop_dnsmasq(host, network.name);
    }
    try {
        start_with(host, network, with_names);
        return "";
    } catch (const Error& error) {
        // Another server of names that has taken every address of this machine for itself.
        if (std::string_view(error.what()).find("in use") == std::string_view::npos) throw;
        start_with(host, network, without);
        return fmt::format(
            "another program answers for names on this machine: guests on {} ask {} instead",
            network.name, servers.empty() ? "nobody" : join(servers, ", "));
    }
}

void stop_dnsmasq(const Host& host, const std::string& name) {
    const auto process = process_of(host, name);
    if (!process) return;
    const Fd pidfd = open_process(host, *process);
    if (!pidfd) return;
    signal_process(pidfd, SIGTERM);
    if (wait_end(pidfd, std::chrono::seconds(2))) return;
    signal_process(pidfd, SIGKILL);
    wait_end(pidfd, std::chrono::seconds(2));
}

}  // namespace lodge::nat
