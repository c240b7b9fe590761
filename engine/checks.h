#pragma once

#include <string>
#include <string_view>

// Checks of values that a schema's `checked` fields name: each returns "" when the value is right,
// else what is allowed, in words. Forms from Proxmox VE's schema of qemu-server and pve-container.
namespace lodge::checks {

// Names
std::string dns_name(std::string_view value);  // letters, digits, '-', '.'
std::string storage_id(std::string_view value);
std::string identifier(std::string_view value);  // of a mapping, a bridge, a CPU model
std::string interface_name(std::string_view value);
std::string snapshot_name(std::string_view value);
std::string tags(std::string_view value);
std::string absolute_path(std::string_view value);

// Numbers
std::string octal_mode(std::string_view value);  // 0660
std::string hex_id(std::string_view value);      // 0x8086
std::string wwn(std::string_view value);         // 0x and 16 hex digits
std::string cpu_list(std::string_view value);    // 0,5,8-11
std::string range_list(std::string_view value);  // 0-3;8
std::string vlan_list(std::string_view value);   // 10;20-30

// Network
std::string ipv4(std::string_view value);
std::string ipv6(std::string_view value);
std::string ip_list(std::string_view value);        // addresses of either kind, or "host"
std::string cloud_ip(std::string_view value);       // IPv4/CIDR or dhcp
std::string cloud_ip6(std::string_view value);      // IPv6/CIDR, auto or dhcp
std::string container_ip(std::string_view value);   // IPv4/CIDR, dhcp or manual
std::string container_ip6(std::string_view value);  // IPv6/CIDR, auto, dhcp or manual
std::string net_name(std::string_view value);       // net0 … net31

// Devices of a virtual machine
std::string machine_type(std::string_view value);
std::string boot_legacy(std::string_view value);  // letters a c d n
std::string boot_order(std::string_view value);   // scsi0;net0
std::string boot_disk(std::string_view value);
std::string cpu_flags(std::string_view value);  // +aes;-pcid
std::string phys_bits(std::string_view value);  // 8-64 or host
std::string hyperv_vendor(std::string_view value);
std::string pci_addresses(std::string_view value);  // 0000:01:00.0;01:00.1
std::string usb_device(std::string_view value);     // 1234:abcd, 1-2.3 or spice
std::string serial_port(std::string_view value);    // /dev/… or socket
std::string parallel_port(std::string_view value);
std::string start_date(std::string_view value);
std::string generation_id(std::string_view value);  // a UUID, 0 or 1
std::string hotplug(std::string_view value);

// Containers
std::string environment(std::string_view value);  // NAME=value, NUL between several
std::string mount_kinds(std::string_view value);  // nfs;cifs
std::string device_path(std::string_view value);  // /dev/…

}  // namespace lodge::checks
