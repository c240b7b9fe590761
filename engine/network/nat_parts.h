#pragma once

#include <string>
#include <vector>

#include "engine/host.h"
#include "engine/network/nat.h"

namespace lodge::nat {

std::string state_path(const Host& host, const std::string& name);
std::string run_folder(const Host& host, const std::string& name);  // <run>/network/<name>
// The bridge's alias, by which the Lodge of this run folder knows its own.
std::string mark(const Host& host);
std::vector<int> users(const Host& host, const std::string& name);
// Guests whose ports are on the bridge, or whose cards are there where no bridge is.
std::vector<int> guests_there(const Host& host, const std::string& name);

// dhcp.cc: dnsmasq's configuration; without names it is for addresses only, and `servers` are told
// to the guests.
std::string dnsmasq_conf(const Host& host, const NatNetwork& network, bool names,
                         const std::vector<std::string>& servers);
bool dnsmasq_runs(const Host& host, const std::string& name);
// Starts it, or again when it was started otherwise. Returns a note, "" for none. Throws Error.
std::string start_dnsmasq(const Host& host, const NatNetwork& network);
void stop_dnsmasq(const Host& host, const std::string& name);
// This machine's name servers, without those that only itself can reach.
std::vector<std::string> name_servers(const Host& host);

}  // namespace lodge::nat
