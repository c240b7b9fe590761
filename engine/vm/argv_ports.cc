#include "engine/vm/argv_parts.h"

// What Lodge and people talk to the guest through: monitors, serial and parallel ports, the agent.
namespace lodge::argv {

void add_monitors(Builder& builder) {
    // QEMU serves one client a monitor: the second is for whoever watches.
    for (const char* name : {"qmp", "events"}) {
        builder.begin(name);
        builder.listening_chardev(name);
        builder.text("-mon", fmt::format("chardev={},mode=control", name));
    }
    builder.begin("");
}

namespace {

void add_serial(Builder& builder, const std::string& key) {
    builder.begin(key);
    const std::string what = builder.config.string_of(key);
    if (what == "socket") {
        // QEMU writes the scrollback by itself, whether or not anyone is connected.
        const std::string log = builder.facts.log_folder + "/" + key + ".log";
        builder.command.owned.push_back(log);
        builder.listening_chardev(key, fmt::format(",logfile={},logappend=on", comma_safe(log)));
    } else {
        builder.chardev(
            fmt::format("serial,id={},path={}", key, builder.hand_over_file(what, false)));
    }
    builder.device({{"driver", "isa-serial"},
                    {"chardev", key},
                    {"id", "port-" + key},
                    {"index", stem_and_number(key).second}});
}

void add_parallel(Builder& builder, const std::string& key) {
    builder.begin(key);
    const std::string what = builder.config.string_of(key);
    const std::string_view driver = what.starts_with("/dev/usb/") ? "serial" : "parallel";
    builder.chardev(
        fmt::format("{},id={},path={}", driver, key, builder.hand_over_file(what, false)));
    builder.device({{"driver", "isa-parallel"},
                    {"chardev", key},
                    {"id", "port-" + key},
                    {"index", stem_and_number(key).second}});
}

void add_agent(Builder& builder) {
    const auto agent = builder.config.properties("agent");
    if (!agent || !agent->flag("enabled")) return;
    builder.begin("agent");
    builder.listening_chardev("qga");
    if (agent->text("type") == "isa") {
        builder.device({{"driver", "isa-serial"}, {"chardev", "qga"}, {"id", "agent"}});
        return;
    }
    builder.pci_device("agent", {{"driver", "virtio-serial-pci"}, {"id", "agent"}});
    builder.device({{"driver", "virtserialport"},
                    {"bus", "agent.0"},
                    {"nr", 1},
                    {"chardev", "qga"},
                    {"id", "agent-port"},
                    {"name", "org.qemu.guest_agent.0"}});
}

}  // namespace

void add_ports(Builder& builder) {
    for (const std::string& key : builder.config.indexed("serial"))
        add_serial(builder, key);
    for (const std::string& key : builder.config.indexed("parallel"))
        add_parallel(builder, key);
    add_agent(builder);
}

}  // namespace lodge::argv
