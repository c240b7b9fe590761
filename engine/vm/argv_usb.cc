#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// USB: controllers, the tablet pointer, devices of this machine.
namespace lodge::argv {
namespace {

// xHCI lets the guest sleep between events where UHCI makes QEMU walk its lists a thousand times a
// second: it is used for every system that has the driver.
bool knows_xhci(const Builder& builder) {
    return builder.windows >= 8 || builder.config.string_of("ostype") == "l26";
}

void add_host_device(Builder& builder, const std::string& key, const Properties& usb,
                     const std::string& bus) {
    const std::string host = usb.text("host");
    if (host == "spice")
        return builder.warn("{}: redirection needs SPICE, which Lodge does not offer", key);
    const auto node = builder.facts.usb_nodes.find(key);
    const auto problem = builder.facts.passed_problems.find(key);
    if (problem != builder.facts.passed_problems.end())
        return builder.warn("{}: {}", key, problem->second);
    if (host.empty() && node == builder.facts.usb_nodes.end())
        return builder.warn("{}: mapping {} is not known: name the device by host=", key,
                            usb.text("mapping"));
    builder.begin(key);
    Json device = {{"driver", "usb-host"}, {"id", key}, {"bus", bus}};
    if (const int place = builder.boot_index(key); place > 0) device["bootindex"] = place;
    if (node != builder.facts.usb_nodes.end()) {
        device["hostdevice"] = builder.hand_over_file(node->second, false);
    } else if (const size_t colon = host.find(':'); colon != std::string::npos) {
        // Vendor and product: it is taken when it appears, if QEMU's user may open it by then.
        device["vendorid"] = "0x" + host.substr(0, colon);
        device["productid"] = "0x" + host.substr(colon + 1);
        builder.warn("{}: {} is not plugged in", key, host);
    } else {
        const size_t dash = host.find('-');
        device["hostbus"] = host.substr(0, dash);
        device["hostport"] = host.substr(dash + 1);
        builder.warn("{}: nothing is plugged in at {}", key, host);
    }
    builder.device(std::move(device));
}

}  // namespace

void add_usb(Builder& builder) {
    const Config& config = builder.config;
    const bool tablet = config.flag("tablet") && has_screen(builder);
    const auto keys = config.indexed("usb");
    bool usb3 = false;
    for (const std::string& key : keys)
        if (const auto usb = config.properties(key)) usb3 = usb3 || usb->flag("usb3");
    const bool xhci = knows_xhci(builder);
    if ((xhci && (tablet || !keys.empty())) || usb3) {
        builder.begin("usb");
        builder.pci_device("xhci",
                           {{"driver", "qemu-xhci"}, {"id", "xhci"}, {"p2", 15}, {"p3", 15}});
    }
    if (!xhci && tablet) {
        builder.begin("tablet");
        builder.pci_device("uhci", {{"driver", "piix3-usb-uhci"}, {"id", "uhci"}});
    }
    if (tablet) {
        builder.begin("tablet");
        builder.device({{"driver", "usb-tablet"},
                        {"id", "tablet"},
                        {"bus", xhci ? "xhci.0" : "uhci.0"},
                        {"port", "1"}});
    }
    bool ehci = false;
    for (const std::string& key : keys) {
        const auto usb = config.properties(key);
        if (!usb) continue;
        const bool on_xhci = xhci || usb->flag("usb3");
        if (!on_xhci && !ehci && usb->text("host") != "spice") {
            builder.begin("usb");
            builder.pci_device("ehci", {{"driver", "usb-ehci"}, {"id", "ehci"}});
            ehci = true;
        }
        add_host_device(builder, key, *usb, on_xhci ? "xhci.0" : "ehci.0");
    }
}

}  // namespace lodge::argv
